//! The members that a record has of its row, so that both can be joined.

use wpool::Input;
use wpool::output::{push_as_json, push_string};
use wpool::template::member;

use crate::cli::plan::{Extras, Locator, Place};

/// Appends the name of the program, where there are many.
pub fn push_program(extras: &Extras, line: &mut Vec<u8>) {
    let Some(name) = &extras.program else { return };
    line.extend_from_slice(b",\"program\":");
    if name.is_empty() { line.extend_from_slice(b"null") } else { push_string(name, line) }
}

/// Appends the file of a row and its place there, if that was asked for.
pub fn push_place(extras: &Extras, locator: &Locator, row: &Input, line: &mut Vec<u8>) {
    let Some((place, (file, number))) = extras.place.zip(locator.place(row)) else { return };
    line.extend_from_slice(b",\"file\":");
    push_string(file, line);
    let name: &[u8] = match place {
        Place::Line => b",\"line\":",
        Place::Element => b",\"element\":",
    };
    line.extend_from_slice(name);
    line.extend_from_slice(number.to_string().as_bytes());
}

/// Appends the member of a row, and the row, if they were asked for.
pub fn push_extras(extras: &Extras, row: &Input, line: &mut Vec<u8>) {
    if let Some(key) = &extras.key {
        line.extend_from_slice(b",\"key\":");
        push_as_json(member(&row.bytes, key).unwrap_or("null").as_bytes(), line);
    }
    let Some(is_json) = extras.input else { return };
    line.extend_from_slice(b",\"input\":");
    match std::str::from_utf8(&row.bytes) {
        // A row that was too long has no bytes.
        _ if row.bytes.is_empty() && row.is_rejected() => line.extend_from_slice(b"null"),
        Ok(text) if !is_json || row.is_rejected() => push_string(text, line),
        _ => push_as_json(&row.bytes, line),
    }
}
