//! A merge: what is known before the first record, and the work itself.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use wpool::Status;
use wpool::place::{Draft, PUBLIC, Place};

use crate::cli::args::Merge;
use crate::cli::commands::merge::failures::Failures;
use crate::cli::commands::merge::found::Part;
use crate::cli::commands::merge::manifest::Together;
use crate::cli::commands::merge::sorted;
use crate::cli::commands::merge::weave::{Loom, Strand, Woven};
use crate::cli::errors::{CannotWrite, usage};
use crate::cli::exit::Exit;
use crate::cli::plan::{Extras, Place as RowPlace, TableFormat};
use crate::cli::records::columns::Columns;
use crate::cli::records::cursor::Cursor;
use crate::cli::shard::InputFacts;
use crate::cli::target::Target;

/// Bytes of records that wait in memory, of all files together, as far as their heads need no more.
const WAITING: usize = 8 << 20;
/// Bytes of records that wait of one file at most, and that are written at a time.
pub const BLOCK: usize = 256 << 10;

/// All that is known before the first record is merged.
pub struct Job<'a> {
    pub args: &'a Merge,
    /// The complete ones.
    pub parts: Vec<Part>,
    pub together: Together,
    pub input: InputFacts,
    pub out: Place,
}

/// Merged records, and failed rows, that are not at their places yet.
pub struct Merged {
    pub records: Draft,
    pub failed: Option<Draft>,
    pub woven: Woven,
}

/// The place of an output, which is a regular file: it is put there when it is whole.
pub fn place(path: &Path, option: &str) -> Result<Place> {
    match Target::of(path, true)?.place() {
        Some(place) => Ok(place.clone()),
        None => usage(format!(
            "{option} {}: merging needs a regular file, which is put there when it is whole",
            path.display()
        )),
    }
}

impl Job<'_> {
    /// Merges into drafts.
    pub fn merge(&self) -> Result<Merged> {
        let cannot = CannotWrite::at(&self.args.output);
        let records = self.out.draft(PUBLIC).map_err(cannot)?;
        let (mut failures, failed) = self.failures()?.unzip();
        let ordered = !self.together.is_unordered();
        let of_failures = failures.as_mut().filter(|_| ordered);
        let loom = Loom::new(self.strands()?, self.input.rows, self.args.prefer, of_failures);
        let mut out = BufWriter::with_capacity(BLOCK, records.file.try_clone().map_err(cannot)?);
        let woven = match self.columns() {
            None => loom.weave(|record| out.write_all(record), &self.args.output)?,
            Some(columns) => {
                let mut line = Vec::new();
                columns.push_header(&mut line);
                let put = |record: &[u8]| {
                    columns.push(record, &mut line);
                    let written = out.write_all(&line);
                    line.clear();
                    written
                };
                let woven = loom.weave(put, &self.args.output)?;
                // The header, where there are no records.
                out.write_all(&line).map_err(cannot)?;
                woven
            }
        };
        out.flush().map_err(cannot)?;
        if let Some(mut failures) = failures {
            if !ordered {
                failures.write_all()?;
            }
            failures.end()?;
        }
        Ok(Merged { records, failed, woven })
    }

    /// The columns of a table of the merged records, if one was asked for.
    fn columns(&self) -> Option<Columns> {
        let format = TableFormat::of(self.args.output_format)?;
        let setting = |name: &str| self.together.facts.settings.get(name).map(String::as_str);
        let is_set = |name: &str| setting(name).is_some_and(|value| value != "false");
        let has_place = (is_set("--with-input") || is_set("--key")) && self.together.facts.inputs.len() > 1;
        let place = if setting("rows") == Some("json-array") { RowPlace::Element } else { RowPlace::Line };
        let extras = Extras {
            program: None,
            input: is_set("--with-input").then_some(true),
            key: setting("--key").map(str::to_owned),
            place: has_place.then_some(place),
        };
        Some(Columns::new(format, &extras, setting("rows") == Some("files"), is_set("--receipts")))
    }

    /// The failed rows of all parts, and where they are merged.
    fn failures(&self) -> Result<Option<(Failures, Draft)>> {
        let Some(path) = &self.args.failed else { return Ok(None) };
        if self.together.facts.settings.get("--only").is_some_and(|only| only == "ok") {
            return usage(
                "--failed: the shards were run with --only ok, so no record tells the order of failed rows".into(),
            );
        }
        let cannot = CannotWrite::at(path);
        let draft = place(path, "--failed")?.draft(PUBLIC).map_err(cannot)?;
        let out = BufWriter::with_capacity(BLOCK, draft.file.try_clone().map_err(cannot)?);
        Ok(Some((Failures::open(&self.parts, Box::new(out), path)?, draft)))
    }

    /// The records of all parts.
    fn strands(&self) -> Result<Vec<Strand>> {
        let size = (WAITING / self.parts.len()).min(BLOCK);
        let mut strands = Vec::new();
        for (number, part) in self.parts.iter().enumerate() {
            let file: Arc<File> = part.file.try_clone()?.into();
            let cursor = Cursor::new(file, part.path.clone(), 0..part.bytes, size);
            let is_sorted = !self.together.is_unordered() || part.is_merged();
            let cursors = if is_sorted { vec![cursor] } else { sorted::sorted(cursor, &part.path, size)? };
            let strand = |cursor| Strand { cursor, path: part.path.clone(), part: number };
            strands.extend(cursors.into_iter().map(strand));
        }
        Ok(strands)
    }

    /// How the single run would have ended, unless shards are missing.
    pub fn exit(&self, woven: &Woven) -> Exit {
        let total: u64 = woven.counts.iter().sum();
        match total - woven.counts[Status::Ok as usize] {
            _ if !self.together.missing.is_empty() => Exit::Incomplete,
            0 if self.input.rows == 0 => Exit::NoInputs,
            0 => self.exit_of_manifests(),
            _ => Exit::NotOk,
        }
    }

    /// With `--only ok` there are no records of rows that are not ok.
    fn exit_of_manifests(&self) -> Exit {
        let counts = |part: &Part| part.facts.ended.iter().flat_map(|ended| ended.counts.clone()).collect::<Vec<_>>();
        let is_not_ok = |(status, count): (String, u64)| status != Status::Ok.as_str() && count > 0;
        if !self.together.has_all_records() && self.parts.iter().flat_map(counts).any(is_not_ok) {
            return Exit::NotOk;
        }
        Exit::Ok
    }
}
