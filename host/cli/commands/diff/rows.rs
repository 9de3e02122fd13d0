//! The rows of a file of records, one after the other: of a kept run from its journal, else from the lines.

use std::borrow::Cow;

use anyhow::Result;
use serde::Deserialize;
use serde_json::value::RawValue;
use wpool::Status;

use crate::cli::args::RowsBy;
use crate::cli::errors::usage;
use crate::cli::journal::{Entries, Key};
use crate::cli::records::cursor::Cursor;

/// Bits of a row's value for its status.
const STATUS_BITS: u32 = 4;

/// A row with the place of its line.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub key: Key,
    pub offset: u64,
    /// Bytes of its line, and its status.
    pub value: u64,
}

impl Row {
    fn new(key: Key, offset: u64, length: u64, status: Status) -> Row {
        Row { key, offset, value: length << STATUS_BITS | status as u64 }
    }

    /// Bytes of its line, 0 if none was written.
    pub fn length(&self) -> u64 {
        self.value >> STATUS_BITS
    }

    pub fn status(&self) -> Status {
        Status::ALL[(self.value & ((1 << STATUS_BITS) - 1)) as usize]
    }
}

/// Walks through the rows.
#[derive(Debug)]
pub struct Rows {
    source: Source,
    count: u64,
    torn: bool,
}

#[derive(Debug)]
enum Source {
    Journal(Box<Entries>),
    Lines(Box<Cursor>, RowsBy, Vec<u8>),
}

/// The members by which rows can be known.
#[derive(Debug, Deserialize)]
pub struct Names<'a> {
    #[serde(borrow, default)]
    pub key: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub file: Option<Cow<'a, str>>,
    /// Where rows are lines of several files, `file` alone is not the name of a row.
    #[serde(borrow, default)]
    pub line: Option<&'a RawValue>,
}

impl Rows {
    /// The rows of a kept run, by their content.
    pub fn of_journal(entries: Entries) -> Rows {
        Rows { source: Source::Journal(Box::new(entries)), count: 0, torn: false }
    }

    /// The rows of lines.
    pub fn of_lines(cursor: Cursor, by: RowsBy) -> Rows {
        Rows { source: Source::Lines(Box::new(cursor), by, Vec::new()), count: 0, torn: false }
    }

    /// How many rows there were so far.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Whether the last record is cut off, or is being written.
    pub fn is_torn(&self) -> bool {
        self.torn
    }

    pub fn next(&mut self) -> Result<Option<Row>> {
        let row = match &mut self.source {
            Source::Journal(entries) => match entries.next()? {
                Some(entry) => {
                    let record = entry.record;
                    Some(Row::new(record.key, entry.offset, record.length, record.status))
                }
                None => {
                    self.torn = entries.left()? > 0;
                    None
                }
            },
            Source::Lines(cursor, by, line) => {
                let row = next_line(cursor, *by, line)?;
                self.torn = cursor.torn;
                row
            }
        };
        self.count += u64::from(row.is_some());
        Ok(row)
    }
}

fn next_line(cursor: &mut Cursor, by: RowsBy, line: &mut Vec<u8>) -> Result<Option<Row>> {
    let Some(head) = cursor.head()? else { return Ok(None) };
    let offset = cursor.offset();
    if !cursor.take(line)? {
        return Ok(None);
    }
    let key = match by {
        RowsBy::Id => Key::of_plain(&head.id.to_le_bytes()),
        _ => match name(line, by) {
            Some(name) => Key::of_plain(&name),
            None => return usage(format!("the record of row {} has no {}", head.id, member(by))),
        },
    };
    Ok(Some(Row::new(key, offset, line.len() as u64, head.status)))
}

/// The bytes by which the row of a line is known.
fn name(line: &[u8], by: RowsBy) -> Option<Vec<u8>> {
    let names: Names<'_> = serde_json::from_slice(line).ok()?;
    match by {
        RowsBy::Key => names.key.map(|key| key.get().as_bytes().to_vec()),
        RowsBy::File => names.file.map(|file| file.as_bytes().to_vec()),
        RowsBy::Content | RowsBy::Id => None,
    }
}

/// The member that rows are known by.
pub fn member(by: RowsBy) -> &'static str {
    match by {
        RowsBy::Content => "content",
        RowsBy::Key => "key",
        RowsBy::File => "file",
        RowsBy::Id => "id",
    }
}
