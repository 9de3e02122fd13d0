//! One of the two files that are compared, and what is known of it.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use wpool::Status;
use wpool::place::{Dir, Place};

use crate::cli::args::RowsBy;
use crate::cli::commands::diff::rows::{Names, Row, Rows, member};
use crate::cli::descriptor::is_stdin;
use crate::cli::errors::usage;
use crate::cli::journal::index::{self, Kept};
use crate::cli::journal::{Entries, Error, Facts, History, beside};
use crate::cli::records::cursor::Cursor;
use crate::cli::streams;

/// Bytes that are read at a time of lines that follow one another.
const BLOCK: usize = 256 << 10;
/// Longest record that is compared, as for a merge.
const MOST_LINE: u64 = 1 << 30;

/// A file of records.
#[derive(Debug)]
pub struct Side {
    /// As it was named.
    pub path: PathBuf,
    file: Arc<File>,
    bytes: u64,
    /// The facts of a kept run.
    pub facts: Option<Facts>,
    /// The folder of a journal.
    journal: Option<Dir>,
    /// How long its rows took, if that is asked for.
    history: Option<History>,
    /// Lines are bare outputs.
    values: bool,
    /// Records that were read.
    pub read: u64,
    /// The bytes that were read last.
    window: Vec<u8>,
    start: u64,
}

/// The record of a row.
#[derive(Clone, Debug)]
pub struct Record {
    pub status: Status,
    /// Its line, without the newline; empty if none was written.
    pub line: String,
    /// Whether the line is a bare output.
    pub value: bool,
    /// How long its task ran, where that was noted.
    pub seconds: Option<f64>,
}

impl Side {
    pub fn open(path: &Path) -> Result<Side> {
        let shown = path.display();
        let is_kept = !is_stdin(path) && (beside(path).is_dir() || std::fs::symlink_metadata(path).is_err());
        let kept = if is_kept || path.is_dir() { Some(index::find(path)?) } else { None };
        let file = match &kept {
            Some(kept) => Place::of(&kept.output).and_then(|place| place.read()),
            None => open_twice(path),
        };
        let file = Arc::new(file.with_context(|| format!("cannot read {shown}"))?);
        let bytes = file.metadata().with_context(|| format!("cannot read {shown}"))?.len();
        let (mut facts, mut journal) = (None, None);
        if let Some(Kept { facts: found, dir, .. }) = kept {
            journal = dir.filter(|dir| Entries::open(dir).is_ok());
            facts = found;
        }
        let setting = |name: &str| facts.as_ref().and_then(|facts: &Facts| facts.settings.get(name));
        let values = setting("--values").is_some_and(|values| values == "true");
        let path = path.to_owned();
        let (window, read, start) = (Vec::new(), 0, 0);
        Ok(Side { path, file, bytes, facts, journal, history: None, values, read, window, start })
    }

    /// Finds out how long its rows took.
    pub fn load_times(&mut self) -> Result<()> {
        self.history = self.journal.as_ref().map(History::load).transpose()?.flatten();
        Ok(())
    }

    /// Whether rows of this file can be known by this.
    fn has(&self, by: RowsBy) -> Result<bool> {
        if by == RowsBy::Content {
            return Ok(self.journal.is_some());
        }
        if self.values {
            return Ok(false);
        }
        let mut line = Vec::new();
        let mut cursor = self.cursor();
        if cursor.head()?.is_none() || !cursor.take(&mut line)? {
            return Ok(true);
        }
        let names: Names<'_> = serde_json::from_slice(&line)?;
        Ok(match by {
            RowsBy::Key => names.key.is_some(),
            RowsBy::File => names.file.is_some() && names.line.is_none(),
            RowsBy::Content | RowsBy::Id => true,
        })
    }

    fn cursor(&self) -> Cursor {
        Cursor::new(self.file.clone(), self.path.clone(), 0..self.bytes, BLOCK)
    }

    /// Its rows, known by this.
    pub fn rows(&self, by: RowsBy) -> Result<Rows> {
        Ok(match &self.journal {
            Some(journal) if by == RowsBy::Content => Rows::of_journal(Entries::open(journal)?),
            _ => Rows::of_lines(self.cursor(), by),
        })
    }

    /// Reads the record of a row.
    pub fn record(&mut self, row: Row) -> Result<Record> {
        let value = self.values;
        let ran = self.history.as_ref().and_then(|history| history.get(row.key));
        let seconds = ran.map(|ran| f64::from(ran.seconds()));
        let (offset, length) = (row.offset, row.length());
        if length == 0 {
            return Ok(Record { status: row.status(), line: String::new(), value, seconds });
        }
        let end = offset.checked_add(length).filter(|end| *end <= self.bytes && length <= MOST_LINE);
        let end = end.ok_or_else(|| self.damaged(offset))?;
        if offset < self.start || end > self.start + self.window.len() as u64 {
            self.fill(offset, length)?;
        }
        let from = (offset - self.start) as usize;
        let line = &self.window[from..from + length as usize - 1];
        let line = std::str::from_utf8(line).map_err(|_| self.damaged(offset))?.to_owned();
        Ok(Record { status: row.status(), line, value, seconds })
    }

    fn damaged(&self, offset: u64) -> Error {
        Error::Damaged { path: self.path.clone(), offset, what: "the journal names a line here that is not there" }
    }

    /// Reads a line: with what follows, where the last one was just before it.
    fn fill(&mut self, offset: u64, length: u64) -> Result<()> {
        let follows = (self.start..=self.start + self.window.len() as u64).contains(&offset);
        let more = if follows { length.max(BLOCK as u64) } else { length };
        self.window.resize(more.min(self.bytes - offset) as usize, 0);
        self.start = offset;
        let read = self.file.read_exact_at(&mut self.window, offset);
        read.with_context(|| format!("cannot read {}", self.path.display()))
    }
}

/// The member by which both files know their rows.
pub fn common(typed: Option<RowsBy>, a: &Side, b: &Side) -> Result<RowsBy> {
    let all = [RowsBy::Content, RowsBy::Key, RowsBy::File, RowsBy::Id];
    for by in typed.map_or(all.to_vec(), |by| vec![by]) {
        if a.has(by)? && b.has(by)? {
            return Ok(by);
        }
    }
    if let Some(by) = typed {
        let side = if a.has(by)? { b } else { a };
        let (path, what) = (side.path.display(), member(by));
        let why = if by == RowsBy::Content { "has no journal beside it" } else { "has no such member" };
        return usage(format!("--by {what}: {path} {why}"));
    }
    usage(
        "lines of --values have no ids, and one of the files has no journal: nothing tells which lines belong together"
            .into(),
    )
}

/// A file that can be read at any place: of a pipe, a copy.
fn open_twice(path: &Path) -> io::Result<File> {
    let mut source: Box<dyn Read> = if is_stdin(path) {
        Box::new(streams::stdin())
    } else {
        let file = File::open(path)?;
        if file.metadata()?.is_file() {
            return Ok(file);
        }
        Box::new(file)
    };
    let mut copy = tempfile::tempfile()?;
    io::copy(&mut source, &mut copy)?;
    Ok(copy)
}
