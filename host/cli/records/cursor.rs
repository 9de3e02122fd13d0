//! The records of one file, one after the other, in memory that does not depend on their lengths until one is taken.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use wpool::{Status, inert};

use crate::cli::journal::Error;

/// Longest head of a record: a path of 4 KiB, whose bytes may each be an escape of six, and some words.
pub const MOST_HEAD: usize = 32 << 10;
/// Longest record. A run with a larger --max-output than this makes longer ones, which no merge holds in memory.
const MOST_LINE: usize = 1 << 30;

const NO_RECORD: &str = "this is not a record that wpool has written";

/// The beginning of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub id: u64,
    pub status: Status,
    /// Whether its row is a file.
    pub named: bool,
    /// Where the rest of the record begins.
    rest: usize,
}

/// Reads records of a part of a file.
#[derive(Debug)]
pub struct Cursor {
    file: Arc<File>,
    path: PathBuf,
    /// The bytes that were not read yet.
    left: Range<u64>,
    buffer: Vec<u8>,
    /// Where in the buffer the next record begins.
    start: usize,
    size: usize,
    /// The last line has no end.
    pub torn: bool,
}

impl Cursor {
    /// A cursor that reads `size` bytes at a time, at least [`MOST_HEAD`].
    pub fn new(file: Arc<File>, path: PathBuf, left: Range<u64>, size: usize) -> Cursor {
        Cursor { file, path, left, buffer: Vec::new(), start: 0, size: size.max(MOST_HEAD), torn: false }
    }

    /// The place of the next record.
    pub fn offset(&self) -> u64 {
        self.left.start - (self.buffer.len() - self.start) as u64
    }

    /// Reads more behind what waits. False at the end.
    fn fill(&mut self) -> Result<bool, Error> {
        self.buffer.drain(..self.start);
        self.start = 0;
        let kept = self.buffer.len();
        let more = (self.size as u64).min(self.left.end - self.left.start) as usize;
        self.buffer.resize(kept + more, 0);
        let read = self.file.read_exact_at(&mut self.buffer[kept..], self.left.start);
        read.map_err(|source| Error::Io { path: self.path.clone(), source })?;
        self.left.start += more as u64;
        Ok(more > 0)
    }

    /// The head of the next record; `None` behind the last one that is whole.
    pub fn head(&mut self) -> Result<Option<Head>, Error> {
        loop {
            let waiting = &self.buffer[self.start..];
            let first = &waiting[..waiting.len().min(MOST_HEAD)];
            let line = memchr::memchr(b'\n', first).map(|end| &first[..end]);
            if line.is_some() || first.len() == MOST_HEAD {
                let head = parse(line.unwrap_or(first));
                return head.map(Some).ok_or_else(|| self.damaged(NO_RECORD));
            }
            if !self.fill()? {
                self.torn |= self.buffer.len() > self.start;
                return Ok(None);
            }
        }
    }

    /// Takes the record of this head, with its newline. False when it is cut off.
    pub fn take(&mut self, line: &mut Vec<u8>) -> Result<bool, Error> {
        line.clear();
        let offset = self.offset();
        loop {
            let waiting = &self.buffer[self.start..];
            if let Some(end) = memchr::memchr(b'\n', waiting) {
                line.extend_from_slice(&waiting[..=end]);
                self.start += end + 1;
                return if is_record(line) { Ok(true) } else { Err(self.damaged_at(offset, NO_RECORD)) };
            }
            line.extend_from_slice(waiting);
            self.start = self.buffer.len();
            if line.len() > MOST_LINE {
                return Err(self.damaged_at(offset, "a record is longer than 1 GiB"));
            }
            if !self.fill()? {
                self.torn = true;
                return Ok(false);
            }
        }
    }

    /// An error at the next record.
    pub fn damaged(&self, what: &'static str) -> Error {
        self.damaged_at(self.offset(), what)
    }

    fn damaged_at(&self, offset: u64, what: &'static str) -> Error {
        Error::Damaged { path: self.path.clone(), offset, what }
    }
}

/// Whether a row of lines was too long, so that `--failed` could not keep it.
pub fn has_no_row(head: Head, line: &[u8]) -> bool {
    let too_long: &[u8] = b",\"error\":{\"code\":\"line-too-long\"";
    head.status == Status::InvalidInput && !head.named && line[head.rest..].starts_with(too_long)
}

/// The beginning of a record, as [`crate::cli::records::record`] writes it.
pub fn parse(line: &[u8]) -> Option<Head> {
    let rest = line.strip_prefix(b"{\"id\":")?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, mut rest) = rest.split_at(digits);
    if number.starts_with(b"0") && digits > 1 {
        return None;
    }
    let id = std::str::from_utf8(number).ok()?.parse().ok()?;
    let mut named = false;
    if let Some(name) = rest.strip_prefix(b",\"file\":\"") {
        rest = &name[string_end(name)? + 1..];
        // A row that has a place in its file is not a file itself.
        let place = rest.strip_prefix(b",\"line\":").or(rest.strip_prefix(b",\"element\":"));
        named = place.is_none();
        if let Some(number) = place {
            rest = number.trim_ascii_start();
            rest = &rest[rest.iter().take_while(|byte| byte.is_ascii_digit()).count()..];
        }
    }
    let word = rest.strip_prefix(b",\"status\":\"")?;
    let (word, rest) = word.split_at(memchr::memchr(b'"', word)?);
    let status = Status::ALL.into_iter().find(|status| status.as_str().as_bytes() == word)?;
    Some(Head { id, status, named, rest: line.len() - rest.len() + 1 })
}

/// Where a JSON string ends whose beginning was passed.
fn string_end(text: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + memchr::memchr2(b'"', b'\\', &text[from..])?;
        if text[at] == b'"' {
            return Some(at);
        }
        from = at + 2;
        if from > text.len() {
            return None;
        }
    }
}

/// Whether a line is JSON that has no effect on a terminal, as all that wpool writes. A file that is merged may be from
/// anybody.
fn is_record(line: &[u8]) -> bool {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let is_plain = line.iter().all(|byte| (0x20..0x7f).contains(byte));
    let is_inert = || std::str::from_utf8(line).is_ok_and(|text| !text.chars().any(inert::is_active));
    (is_plain || is_inert()) && serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    fn cursor(text: &[u8]) -> Cursor {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(text).expect("it is written");
        Cursor::new(Arc::new(file), "f".into(), 0..text.len() as u64, 0)
    }

    #[test]
    fn records_are_taken_one_by_one_however_long_they_are() {
        let long = format!("{{\"id\":7,\"status\":\"ok\",\"output\":\"{}\"}}\n", "x".repeat(5 * MOST_HEAD));
        let text =
            format!("{{\"id\":3,\"file\":\"a\\\"\\\\\",\"status\":\"trap\",\"error\":{{}}}}\n{long}{{\"id\":8,\"st");
        let placed = b"{\"id\":3,\"file\":\"a\",\"line\":12,\"status\":\"ok\"";
        assert_eq!(parse(placed).map(|head| (head.id, head.named)), Some((3, false)));
        let mut cursor = cursor(text.as_bytes());
        let mut line = Vec::new();
        let head = cursor.head().expect("it is read").expect("a record");
        assert_eq!((head.id, head.status, head.named), (3, Status::Trap, true));
        assert!(cursor.take(&mut line).expect("it is read"));
        assert_eq!(cursor.head().expect("it is read").map(|head| head.id), Some(7));
        assert!(cursor.take(&mut line).expect("it is read"));
        assert!(line == long.as_bytes());
        assert_eq!(cursor.head().expect("it is read"), None);
        assert!(cursor.torn);
    }

    #[test]
    fn what_is_no_record_is_told_with_its_place() {
        let fine = "{\"id\":0,\"status\":\"ok\",\"output\":1}\n";
        for text in [
            "hello\n",
            "\n",
            "\0\0\0\n",
            "{\"id\":01,\"status\":\"ok\"}\n",
            "{\"id\":18446744073709551616,\"status\":\"ok\"}\n",
            "{\"id\":1,\"status\":\"fine\"}\n",
            "{\"id\":1,\"file\":\"a\\",
            "{\"id\":1,\"status\":\"ok\",\"output\":}\n",
            "{\"id\":1,\"status\":\"ok\",\"output\":1}{}\n",
            "{\"id\":1,\"status\":\"ok\",\"output\":\"\x1b[2J\"}\n",
            "{\"id\":1,\"status\":\"ok\",\"output\":\"\u{9b}\"}\n",
        ] {
            let mut cursor = cursor(format!("{fine}{text}").as_bytes());
            let mut line = Vec::new();
            assert!(cursor.head().is_ok() && cursor.take(&mut line).expect("it is read"));
            let found = cursor.head().and_then(|head| head.map_or(Ok(false), |_| cursor.take(&mut line)));
            match found {
                Err(Error::Damaged { offset, .. }) => assert_eq!(offset, fine.len() as u64, "{text}"),
                found => assert!(matches!(found, Ok(false)) && cursor.torn, "{text}"),
            }
        }
    }

    /// The bytes that a record begins with, and those that end or break it.
    const PARTS: &[&[u8]] =
        &[b"{\"id\":", b"1", b",\"file\":\"", b",\"status\":\"", b"ok", b"\"", b"\\", b"}", b"\n", b"\0", b"\xff"];

    proptest! {
        #![proptest_config(crate::cases::many())]

        #[test]
        fn no_bytes_are_too_strange_to_be_refused(text in prop::collection::vec(prop::sample::select(PARTS), 0..12)) {
            let mut cursor = cursor(&text.concat());
            let mut line = Vec::new();
            while let Ok(Some(_)) = cursor.head() {
                if !matches!(cursor.take(&mut line), Ok(true)) {
                    break;
                }
            }
        }
    }
}
