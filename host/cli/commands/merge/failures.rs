//! The rows of `--failed`, merged in the order of their records: each file of them has a line for each record that is not
//! ok, in the same order. Where rows are records of a table, each file begins with its header.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use wpool::Status;
use wpool::limits::MAX_INPUT;

use crate::cli::commands::merge::found::Part;
use crate::cli::errors::{CannotWrite, usage};
use crate::cli::records::cursor::{Head, has_no_row};
use crate::cli::table::Ends;

/// Bytes that are read of a file at a time.
const BUFFER: usize = 8 << 10;
/// Longest line: a row with its end, or a path with escapes.
const MOST_LINE: u64 = MAX_INPUT as u64 + 2;

/// The failed rows of one file.
struct Rows {
    path: PathBuf,
    reader: BufReader<File>,
    /// The separator of fields, where rows are records of a table.
    separator: Option<u8>,
    /// The line that stands before the first row.
    header: Vec<u8>,
}

/// The failed rows of all files, and where they go.
pub struct Failures {
    rows: Vec<Rows>,
    out: Box<dyn Write>,
    /// Where that leads.
    path: PathBuf,
    /// The row of the record that is written next.
    row: Vec<u8>,
    /// The row of another file's record of the same row of the input, in case that is chosen.
    other: Vec<u8>,
}

impl Failures {
    /// Opens the files that the shards have written.
    pub fn open(parts: &[Part], out: Box<dyn Write>, path: &Path) -> Result<Failures> {
        let rows = parts.iter().map(|part| {
            let shown = part.path.display();
            let Some(name) = &part.shard.failed else {
                return usage(format!("--failed: the shard of {shown} was run without --failed"));
            };
            let place = part.beside(name)?;
            let file = place.read().with_context(|| format!("cannot read {place}, the failed rows of {shown}"))?;
            Rows::open(place.path(), file, part)
        });
        let rows: Vec<Rows> = rows.collect::<Result<_>>()?;
        let mut out = out;
        if let Some(first) = rows.iter().find(|rows| !rows.header.is_empty()) {
            out.write_all(&first.header).map_err(CannotWrite::at(path))?;
        }
        Ok(Failures { rows, out, path: path.to_owned(), row: Vec::new(), other: Vec::new() })
    }

    /// Finds the row of a record that is not ok. `first` says that no other record of the row came before.
    pub fn note(&mut self, part: usize, head: Head, line: &[u8], first: bool) -> Result<()> {
        let row = if first { &mut self.row } else { &mut self.other };
        row.clear();
        if head.status == Status::Ok || has_no_row(head, line) {
            return Ok(());
        }
        self.rows[part].next(row)?;
        if row.is_empty() {
            return self.rows[part].refuse("it has fewer rows than records that are not ok");
        }
        // Equal rows of the input, or a row that was chosen because it failed nowhere else.
        if !first && self.row.is_empty() {
            std::mem::swap(&mut self.row, &mut self.other);
        }
        Ok(())
    }

    /// Writes the row, if the record that stays is not ok.
    pub fn settle(&mut self, failed: bool) -> Result<()> {
        if failed {
            self.out.write_all(&self.row).map_err(CannotWrite::at(&self.path))?;
        }
        Ok(())
    }

    /// Writes all rows, one file after the other: those of unordered runs have no order.
    pub fn write_all(&mut self) -> Result<()> {
        for rows in &mut self.rows {
            std::io::copy(&mut rows.reader, &mut self.out).map_err(CannotWrite::at(&self.path))?;
        }
        Ok(())
    }

    /// Says that all records were noted.
    pub fn end(mut self) -> Result<()> {
        for rows in &mut self.rows {
            let mut row = Vec::new();
            rows.next(&mut row)?;
            if !row.is_empty() {
                return rows.refuse("it has more rows than records that are not ok");
            }
        }
        Ok(self.out.flush().map_err(CannotWrite::at(&self.path))?)
    }
}

impl Rows {
    fn open(path: PathBuf, file: File, part: &Part) -> Result<Rows> {
        let setting = |name: &str| part.facts.settings.get(name).map(String::as_str);
        let separator = match setting("rows") {
            Some("csv") => Some(b','),
            Some("tsv") => Some(b'\t'),
            _ => None,
        };
        let reader = BufReader::with_capacity(BUFFER, file);
        let mut rows = Rows { path, reader, separator, header: Vec::new() };
        if separator.is_some() && setting("--header").is_none() {
            let mut header = Vec::new();
            rows.next(&mut header)?;
            rows.header = header;
        }
        Ok(rows)
    }

    fn next(&mut self, row: &mut Vec<u8>) -> Result<()> {
        let mut ends = Ends::default();
        loop {
            let left = MOST_LINE.saturating_sub(row.len() as u64);
            let read = (&mut self.reader).take(left).read_until(b'\n', row);
            let read = read.with_context(|| format!("cannot read {}", self.path.display()))?;
            let is_whole = |separator| ends.find(row, separator).is_some();
            if read == 0 || self.separator.is_none_or(is_whole) {
                return Ok(());
            }
        }
    }

    fn refuse(&self, why: &str) -> Result<()> {
        usage(format!("--failed: {} is not of the same run as the records: {why}", self.path.display()))
    }
}
