//! Lists of files: what `--files-from` reads, and `--failed` writes where rows are files.
//!
//! A list has a path a line. A path that no line can hold as it is stands between double quotes, with the escapes of C, as
//! git and ls write such paths. So every path can be listed, whatever bytes it has.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::cli::descriptor::is_stdin;
use crate::cli::errors::{NoInputs, usage};
use crate::cli::plan::files::guarded;

/// Longest list: its paths are held in memory, as those of patterns are.
const MAX_LIST: u64 = 1 << 30;
/// The tag of a row whose name is quoted already, because its path is not UTF-8.
pub const QUOTED: u64 = 1;
/// The mark that some editors put at the beginning of a text.
const MARK: &[u8] = b"\xef\xbb\xbf";
/// Escapes of one letter, and the bytes that they stand for.
const LETTERS: [(u8, u8); 9] = [
    (b'a', 7),
    (b'b', 8),
    (b't', b'\t'),
    (b'n', b'\n'),
    (b'v', 11),
    (b'f', 12),
    (b'r', b'\r'),
    (b'"', b'"'),
    (b'\\', b'\\'),
];

/// The paths of a list, in its order. With `nul` each ends in a NUL, and none is quoted. `option` is what the list was named
/// by.
pub fn read(list: &Path, nul: bool, option: &str) -> Result<Vec<PathBuf>> {
    let shown = list.display();
    let mut text = Vec::new();
    let mut read = |reader: &mut dyn Read| reader.take(MAX_LIST + 1).read_to_end(&mut text);
    let read =
        if is_stdin(list) { read(&mut io::stdin()) } else { File::open(list).and_then(|mut file| read(&mut file)) };
    read.with_context(|| format!("cannot read {shown} ({option})"))?;
    ensure!(text.len() as u64 <= MAX_LIST, "{shown} is over {} GiB ({option})", MAX_LIST >> 30);
    let mut paths = Vec::new();
    let text = if nul { &text[..] } else { text.strip_prefix(MARK).unwrap_or(&text) };
    for (line, number) in text.split(|byte| *byte == if nul { 0 } else { b'\n' }).zip(1..) {
        let line = if nul { line } else { line.strip_suffix(b"\r").unwrap_or(line) };
        let path = if nul || !line.starts_with(b"\"") { Some(line.to_vec()) } else { unquote(line) };
        let Some(path) = path else {
            return usage(format!(
                "{option}: line {number} of {shown} begins with a quote and is not a path between quotes, with the escapes \
                 of C: quote it so, or end each path with a NUL (--files0-from)"
            ));
        };
        if path.contains(&0) {
            return usage(format!("{option}: line {number} of {shown} holds a NUL; --files0-from reads such lists"));
        }
        if !path.is_empty() {
            paths.push(guarded(OsString::from_vec(path).into()));
        }
    }
    if paths.is_empty() {
        return Err(NoInputs(format!("{shown} lists no files ({option})")).into());
    }
    Ok(paths)
}

/// Appends a path as it stands in a list.
pub fn push_path(path: &[u8], line: &mut Vec<u8>) {
    let text = std::str::from_utf8(path);
    let is_plain = !path.starts_with(b"\"") && !path.starts_with(MARK) && !path.iter().any(u8::is_ascii_control);
    if is_plain && text.is_ok() {
        line.extend_from_slice(path);
        return;
    }
    line.push(b'"');
    for byte in path {
        match LETTERS.iter().find(|(_, stands_for)| stands_for == byte) {
            Some((letter, _)) => line.extend([b'\\', *letter]),
            None if byte.is_ascii_control() || !byte.is_ascii() && text.is_err() => {
                line.extend_from_slice(format!("\\{byte:03o}").as_bytes());
            }
            None => line.push(*byte),
        }
    }
    line.push(b'"');
}

/// The path of a quoted line; `None` where the line is not one.
fn unquote(line: &[u8]) -> Option<Vec<u8>> {
    let mut rest = line.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    let mut path = Vec::new();
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        match byte {
            b'"' => return None,
            b'\\' if rest.first().is_some_and(u8::is_ascii_digit) => {
                let (digits, behind) = rest.split_at_checked(3)?;
                path.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok()?);
                rest = behind;
            }
            b'\\' => {
                let (letter, behind) = rest.split_first()?;
                path.push(LETTERS.iter().find(|(known, _)| known == letter)?.1);
                rest = behind;
            }
            byte => path.push(*byte),
        }
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(crate::cases::many())]

        #[test]
        fn every_path_stands_on_one_line_and_is_read_as_it_was(path in prop::collection::vec(1..=255_u8, 1..9)) {
            let mut line = Vec::new();
            push_path(&path, &mut line);
            prop_assert!(!line.contains(&b'\n') && !line.contains(&b'\r') && std::str::from_utf8(&line).is_ok());
            let read = if line.starts_with(b"\"") { unquote(&line) } else { Some(line) };
            prop_assert_eq!(read, Some(path));
        }

        #[test]
        fn no_line_is_too_strange_to_be_refused(line in "\"[\\\\\"0-9a-z]{0,8}\"?") {
            let _ = unquote(line.as_bytes());
        }
    }
}
