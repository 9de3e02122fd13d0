//! The notes on single rows, for reports: `FILE.wpool/notes`, a line of JSON for each row that is not ok or was retried, and for
//! the first rows that are ok.
//!
//! A note is written before the row's record, so there may be one more note than records. Of several notes of a row the
//! last one counts, and that of a row whose record tells otherwise counts for nothing: see [`standing`].
//!
//! [`standing`]: crate::cli::journal::standing

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use wpool::Status;
use wpool::place::{Dir, PRIVATE, Place};

use crate::cli::frames;
use crate::cli::groups::Kind;
use crate::cli::journal::entries::{Entries, Entry};
use crate::cli::journal::error::{Error, at};
use crate::cli::journal::history::Timed;
use crate::cli::journal::standing::{Noted, by_history, by_records};
use crate::cli::texts::{head, tail};

/// Name of the file in a journal's folder.
pub const NOTES: &str = "notes";
/// Notes of rows that are ok, at most: reports name the rows of small runs.
pub const MOST_OK: u64 = 10_000;
/// Notes of other rows, at most.
const MOST: u64 = 100_000;
/// Bytes from which on notes are short, and from which on there are none.
const SHORT_FROM: u64 = 24 << 20;
const END: u64 = 64 << 20;
/// Longest line that is read.
const MAX_LINE: usize = 256 << 10;
/// Rows that [`Notes::marks`] may have a bit for: 8 MiB.
const MOST_MARKS: u64 = 1 << 26;
/// Bytes of the notes of an earlier session that are read.
const MAX_FILE: u64 = 512 << 20;

/// The note on a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// The position of the row in the input.
    pub id: u64,
    /// The beginning of the row's key.
    pub key: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<RowPlace>,
    pub status: Status,
    /// The statuses of earlier attempts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retried: Vec<Status>,
    /// Since 1970.
    pub began_us: u64,
    pub wall_us: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<u32>,
    /// There is one if the row is not ok.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
}

/// Where a row stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RowPlace {
    /// The file that has the row, or that is the row.
    pub file: String,
    /// The line in a file of rows, counted from 1, or the index of an element of an array.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The line is an index.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_index: bool,
}

/// Why a row is not ok. Texts are the guest's and may have any characters; they are cut.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Fault {
    pub code: String,
    pub message: String,
    /// Innermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub backtrace: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceback: Option<String>,
    /// Beginning and end of standard error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stderr: Option<String>,
}

impl RowPlace {
    /// `FILE:LINE`, `FILE[INDEX]` or `FILE`.
    pub fn text(&self) -> String {
        match (self.line, self.is_index) {
            (Some(index), true) => format!("{}[{index}]", self.file),
            (Some(line), false) => format!("{}:{line}", self.file),
            (None, _) => self.file.clone(),
        }
    }
}

impl Note {
    /// The kind of failure, of a row that is not ok.
    pub fn kind(&self) -> Kind {
        let Some(Fault { code, message, backtrace, traceback, .. }) = &self.fault else {
            return Kind::of(self.status, "", "", None);
        };
        Kind::of(self.status, code, message, frames::place(backtrace, traceback.as_deref()))
    }
}

impl Fault {
    /// The fault with texts of at most so many bytes.
    fn cut(&self, text: usize, stderr: usize) -> Fault {
        let frames = self.backtrace.iter().take(text / 100 + 1);
        Fault {
            code: head(&self.code, 64).to_owned(),
            message: ends(&self.message, text),
            backtrace: frames.map(|frame| head(frame, 200).to_owned()).collect(),
            traceback: self.traceback.as_deref().map(|traceback| ends(traceback, 2 * text)),
            stderr: self.stderr.as_deref().filter(|_| stderr > 0).map(|text| ends(text, stderr)),
        }
    }
}

/// The beginning and the end of a text that is too long.
fn ends(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let (first, last) = (head(text, most / 2), tail(text, most / 2));
    let left = text.len() - first.len() - last.len();
    format!("{first}\n… {left} bytes …\n{last}")
}

/// Adds notes. A note that is one too many is left out, and so is one that cannot be written.
#[derive(Debug)]
pub struct Notebook {
    file: File,
    lines: Vec<u8>,
    written: u64,
    ok: u64,
    others: u64,
}

impl Notebook {
    /// Goes on with the notes in a folder, or begins them.
    pub fn open(folder: &Dir) -> Result<Notebook, Error> {
        let place = folder.at(NOTES);
        let failed = at(&place);
        let mut file = match place.look().map_err(failed)? {
            Some(_) => place.edit().map_err(failed)?,
            None => place.create_anew(PRIVATE).map_err(failed)?,
        };
        // A line that was cut off is ended, and so makes no sense.
        file.seek(SeekFrom::End(0))
            .and_then(|length| if length > 0 { file.write_all(b"\n") } else { Ok(()) })
            .map_err(failed)?;
        Ok(Notebook::of(file))
    }

    /// Makes notes in a file, from where it stands.
    pub fn of(file: File) -> Notebook {
        Notebook { file, lines: Vec::new(), written: 0, ok: 0, others: 0 }
    }

    /// Whether another row that is ok is noted.
    pub fn takes_ok(&self) -> bool {
        self.ok < MOST_OK
    }

    /// Adds a note, with as much of its texts as there is room for.
    pub fn add(&mut self, mut note: Note) {
        let full = self.written + self.lines.len() as u64;
        let count = if note.fault.is_none() && note.retried.is_empty() { &mut self.ok } else { &mut self.others };
        if *count >= MOST || full >= END {
            return;
        }
        *count += 1;
        let (text, stderr) = if full < SHORT_FROM { (2 << 10, 8 << 10) } else { (200, 0) };
        note.fault = note.fault.map(|fault| fault.cut(text, stderr));
        note.retried.truncate(16);
        wpool::inert::push_json(&note, &mut self.lines).expect("plain data serializes");
        self.lines.push(b'\n');
    }

    /// Writes what was added.
    pub fn flush(&mut self) {
        if !self.lines.is_empty() {
            self.written += self.lines.len() as u64;
            // Without a note, a report says less.
            let _ = self.file.write_all(&self.lines);
            self.lines.clear();
        }
    }
}

/// The places of notes in their file.
#[derive(Debug)]
pub struct Notes {
    file: File,
    /// The last note of each row, in the order of the rows.
    places: Vec<Noted>,
    /// A bit for each row up to the last that has a note, unless that is too far.
    marks: Vec<u64>,
}

impl Notes {
    /// The notes in a folder, if it has any.
    pub fn open(folder: &Dir) -> Result<Option<Notes>, Error> {
        let place = folder.at(NOTES);
        match place.read() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            file => file.and_then(Notes::of).map(Some).map_err(at(&place)),
        }
    }

    /// The notes in a file. A line that is not a note is left out.
    pub fn of(mut file: File) -> io::Result<Notes> {
        #[derive(Deserialize)]
        struct Brief {
            id: u64,
            key: u32,
            status: Status,
            retried: Option<IgnoredAny>,
        }
        file.rewind()?;
        let mut reader = BufReader::with_capacity(1 << 18, file.try_clone()?.take(MAX_FILE));
        let (mut places, mut offset, mut line) = (Vec::new(), 0, Vec::new());
        loop {
            line.clear();
            let read = read_line(&mut reader, &mut line)?;
            if read == 0 {
                break;
            }
            if let Ok(Brief { id, key, status, retried }) = serde_json::from_slice(&line) {
                let length = line.len() as u32;
                places.push(Noted { id, key, status, is_first: retried.is_none(), length, offset });
            }
            offset += read;
        }
        // Stable: of several notes of a row the last one is the last.
        places.reverse();
        places.sort_by_key(|noted| (noted.id, noted.key));
        places.dedup_by_key(|noted| (noted.id, noted.key));
        let marks = marks(&places);
        Ok(Notes { file, places, marks })
    }

    /// The notes of rows whose records stand in FILE. `position` tells where a record's row stands in the input, if that is
    /// known.
    pub fn of_records(self, entries: Entries, position: impl Fn(&Entry) -> Option<u64>) -> Notes {
        let places = by_records(&self.places, entries, position);
        self.with(places)
    }

    /// The notes of rows which last ended as they say.
    pub fn of_history(self, timings: impl Iterator<Item = Timed>) -> Notes {
        let places = by_history(&self.places, timings.filter(|timed| timed.timing.id.is_some_and(|id| self.has(id))));
        self.with(places)
    }

    fn with(self, places: Vec<Noted>) -> Notes {
        let marks = marks(&places);
        Notes { places, marks, ..self }
    }

    /// The positions of the rows that have a note, in their order; of those that are ok at once only if asked for.
    pub fn ids(&self, plain: bool) -> impl Iterator<Item = u64> {
        let is_plain = |noted: &Noted| noted.status == Status::Ok && noted.is_first;
        self.places.iter().filter(move |noted| plain || !is_plain(noted)).map(|noted| noted.id)
    }

    /// Whether a row has a note. This is asked of every row of a run.
    fn has(&self, id: u64) -> bool {
        if !self.marks.is_empty() {
            return self.marks.get((id / 64) as usize).is_some_and(|bits| bits >> (id % 64) & 1 == 1);
        }
        self.find(id).is_some()
    }

    fn find(&self, id: u64) -> Option<Noted> {
        let at = self.places.binary_search_by_key(&id, |noted| noted.id).ok()?;
        self.places.get(at).copied()
    }

    /// The note of a row. Of one that has moved since, nobody knows in which line it stands.
    pub fn get(&self, id: u64) -> Option<Note> {
        let Noted { offset, length, .. } = self.find(id)?;
        let mut line = vec![0; length as usize];
        self.file.read_exact_at(&mut line, offset).ok()?;
        let mut note: Note = serde_json::from_slice(&line).ok()?;
        if note.id != id {
            note.id = id;
            note.place = note.place.filter(|place| place.line.is_none());
        }
        Some(note)
    }
}

/// The bits of [`Notes::marks`].
fn marks(places: &[Noted]) -> Vec<u64> {
    let Some(last) = places.last().filter(|last| last.id < MOST_MARKS) else { return Vec::new() };
    let mut marks = vec![0_u64; (last.id / 64) as usize + 1];
    places.iter().for_each(|noted| marks[(noted.id / 64) as usize] |= 1 << (noted.id % 64));
    marks
}

/// Reads a line, without its end, and gives its bytes with it. Of a line that is too long nothing is kept.
fn read_line(reader: &mut impl io::BufRead, line: &mut Vec<u8>) -> io::Result<u64> {
    let mut length = 0;
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            // Without an end it is cut off.
            line.clear();
            return Ok(length);
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let part = &buffer[..end.unwrap_or(buffer.len())];
        if length as usize + part.len() <= MAX_LINE {
            line.extend_from_slice(part);
        } else {
            line.clear();
        }
        let used = part.len() + usize::from(end.is_some());
        reader.consume(used);
        length += used as u64;
        if end.is_some() {
            return Ok(length);
        }
    }
}

/// Makes one file of the notes in some folders.
pub fn join(folders: &[Dir], into: &Dir) -> Result<(), Error> {
    let place = into.at(NOTES);
    let failed = at(&place);
    let mut draft = place.draft(PRIVATE).map_err(failed)?;
    for folder in folders {
        let other: Place = folder.at(NOTES);
        match other.read() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            file => {
                let file = file.map_err(at(&other))?;
                io::copy(&mut file.take(MAX_FILE), &mut draft.file).map_err(failed)?;
                draft.file.write_all(b"\n").map_err(failed)?;
            }
        }
    }
    draft.put(true).map(drop).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(id: u64, message: &str) -> Note {
        let fault = Fault { code: "err".into(), message: message.into(), ..Fault::default() };
        let (place, worker, retried) = (None, Some(1), Vec::new());
        Note { id, key: 1, place, status: Status::Failed, retried, began_us: 1, wall_us: 2, worker, fault: Some(fault) }
    }

    #[test]
    fn the_last_note_of_a_row_counts_and_what_is_cut_off_does_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = Dir::open(folder.path()).expect("it opens");
        assert!(Notes::open(&dir).expect("it is read").is_none());
        let mut book = Notebook::open(&dir).expect("it opens");
        [note(5, "a"), note(3, "b"), note(5, "c")].into_iter().for_each(|note| book.add(note));
        book.flush();
        let mut file = dir.at(NOTES).edit().expect("it is there");
        file.seek(SeekFrom::End(0)).and_then(|_| file.write_all(b"{\"id\":9,\"sta")).expect("it is written");
        let mut book = Notebook::open(&dir).expect("it opens");
        book.add(note(4, "d"));
        book.flush();
        let notes = Notes::open(&dir).expect("it is read").expect("there are some");
        assert_eq!(notes.ids(true).collect::<Vec<_>>(), [3, 4, 5]);
        assert!(notes.has(4) && !notes.has(6) && !notes.has(1 << 40));
        let message = |id| notes.get(id).and_then(|note| note.fault).map(|fault| fault.message);
        assert_eq!((message(5).as_deref(), message(4).as_deref(), message(9)), (Some("c"), Some("d"), None));
    }

    #[test]
    fn long_texts_keep_their_beginning_and_their_end_between_characters() {
        let text = format!("a{}z", "é".repeat(5_000));
        let cut = ends(&text, 1_000);
        assert!(cut.starts_with("aé") && cut.ends_with("éz") && cut.len() < 1_100, "{cut}");
        assert_eq!(ends("short", 1_000), "short");
    }

    #[test]
    fn notes_are_bounded() {
        let file = tempfile::tempfile().expect("a file");
        let mut book = Notebook::of(file.try_clone().expect("another"));
        let long = "x".repeat(20_000);
        for id in 0..120_000 {
            let mut note = note(id, &long);
            note.fault.as_mut().expect("it has one").stderr = Some(long.clone());
            book.add(note);
            book.flush();
        }
        let bytes = file.metadata().expect("it is there").len();
        assert!(bytes < END + 10_000, "{bytes}");
        assert_eq!(Notes::of(file).expect("it is read").ids(false).count() as u64, MOST);
    }
}
