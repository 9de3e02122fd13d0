//! Merges the records of files by their ids. In memory there is one record, or two where files have the same one, and a
//! bounded beginning of each file.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::Result;
use wpool::Status;

use crate::cli::args::Prefer;
use crate::cli::commands::merge::failures::Failures;
use crate::cli::errors::{CannotWrite, usage};
use crate::cli::records::cursor::{Cursor, Head};

/// Gaps that are told; the rows of others are counted.
const TOLD: usize = 5;

/// The records of a file, or of a sorted stretch of it.
#[derive(Debug)]
pub struct Strand {
    pub cursor: Cursor,
    /// For messages.
    pub path: PathBuf,
    /// The place of its file among those of failures.
    pub part: usize,
}

/// The result of a merge.
#[derive(Debug, Default)]
pub struct Woven {
    pub counts: [u64; Status::ALL.len()],
    pub gaps: Gaps,
    /// Records of each part, those included that others have, too.
    pub of_parts: Vec<u64>,
    /// The parts whose last line is cut off.
    pub torn: BTreeSet<usize>,
}

/// Ids without a record.
#[derive(Debug, Default)]
pub struct Gaps {
    pub rows: u64,
    pub first: Vec<Range<u64>>,
}

impl Gaps {
    fn add(&mut self, gap: Range<u64>) {
        self.rows += gap.end.saturating_sub(gap.start);
        if !gap.is_empty() && self.first.len() < TOLD {
            self.first.push(gap);
        }
    }
}

/// Merges strands, each of which is in the order of ids.
pub struct Loom<'a> {
    strands: Vec<Strand>,
    /// The head of the next record of each strand.
    heads: Vec<Option<Head>>,
    queue: BinaryHeap<Reverse<Next>>,
    /// Rows of the input.
    rows: u64,
    prefer: Option<Prefer>,
    failures: Option<&'a mut Failures>,
    woven: Woven,
}

/// The next record of a strand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Next {
    id: u64,
    strand: usize,
}

/// The record of a row that stays.
struct Chosen {
    line: Vec<u8>,
    status: Status,
    strand: usize,
}

impl<'a> Loom<'a> {
    /// A loom for strands of an input with so many rows.
    pub fn new(
        strands: Vec<Strand>,
        rows: u64,
        prefer: Option<Prefer>,
        failures: Option<&'a mut Failures>,
    ) -> Loom<'a> {
        let parts = strands.iter().map(|strand| strand.part + 1).max().unwrap_or_default();
        let woven = Woven { of_parts: vec![0; parts], ..Woven::default() };
        let (heads, queue) = (vec![None; strands.len()], BinaryHeap::with_capacity(strands.len()));
        Loom { strands, heads, queue, rows, prefer, failures, woven }
    }

    /// Hands the records to `put` in the order of their ids. `path` is where they go.
    pub fn weave(mut self, mut put: impl FnMut(&[u8]) -> io::Result<()>, path: &Path) -> Result<Woven> {
        (0..self.strands.len()).try_for_each(|strand| self.advance(strand))?;
        let mut chosen = Chosen { line: Vec::new(), status: Status::Ok, strand: 0 };
        let (mut other, mut passed, mut expected) = (Vec::new(), Vec::new(), 0);
        while let Some(Reverse(next)) = self.queue.pop() {
            let Some(status) = self.take(next, true, &mut chosen.line)? else { continue };
            (chosen.status, chosen.strand) = (status, next.strand);
            passed.push(next.strand);
            while let Some(same) = self.same_row(next.id) {
                if let Some(status) = self.take(same, false, &mut other)? {
                    self.choose(same, status, &mut other, &mut chosen)?;
                }
                passed.push(same.strand);
            }
            if let Some(failures) = &mut self.failures {
                failures.settle(chosen.status != Status::Ok)?;
            }
            self.woven.gaps.add(expected..next.id);
            expected = next.id + 1;
            self.woven.counts[chosen.status as usize] += 1;
            put(&chosen.line).map_err(CannotWrite::at(path))?;
            passed.drain(..).try_for_each(|strand| self.advance(strand))?;
        }
        self.woven.gaps.add(expected..self.rows);
        let torn = self.strands.iter().filter(|strand| strand.cursor.torn);
        self.woven.torn = torn.map(|strand| strand.part).collect();
        Ok(self.woven)
    }

    /// Queues the next record of a strand, if it has one.
    fn advance(&mut self, strand: usize) -> Result<()> {
        let cursor = &mut self.strands[strand].cursor;
        let before = self.heads[strand];
        self.heads[strand] = cursor.head()?;
        let Some(head) = self.heads[strand] else { return Ok(()) };
        if before.is_some_and(|before| before.id >= head.id) {
            return Err(cursor.damaged("its records are not in the order of their ids").into());
        }
        if head.id >= self.rows {
            return Err(cursor.damaged("the input has no row of this id").into());
        }
        self.queue.push(Reverse(Next { id: head.id, strand }));
        Ok(())
    }

    /// Takes a record, counts it, and has its row found if it is not ok. `None` where it is cut off.
    fn take(&mut self, next: Next, first: bool, line: &mut Vec<u8>) -> Result<Option<Status>> {
        let Strand { cursor, part, .. } = &mut self.strands[next.strand];
        let Some(head) = self.heads[next.strand].filter(|head| head.id == next.id) else { return Ok(None) };
        if !cursor.take(line)? {
            return Ok(None);
        }
        self.woven.of_parts[*part] += 1;
        if let Some(failures) = &mut self.failures {
            failures.note(*part, head, line, first)?;
        }
        Ok(Some(head.status))
    }

    /// Another record of a row, if there is one.
    fn same_row(&mut self, id: u64) -> Option<Next> {
        let Reverse(next) = self.queue.peek().copied().filter(|Reverse(next)| next.id == id)?;
        self.queue.pop();
        Some(next)
    }

    /// Has one of two records stay: either, if they are equal. Refuses others, unless one of them is to be chosen.
    fn choose(&self, next: Next, status: Status, line: &mut Vec<u8>, chosen: &mut Chosen) -> Result<()> {
        if *line == chosen.line {
            return Ok(());
        }
        if self.prefer.is_none() {
            let path = |strand: usize| self.strands[strand].path.display();
            let (one, other) = (path(chosen.strand), path(next.strand));
            return usage(format!(
                "{one} and {other} have different records of row {}; --prefer first takes that of the file named first, and \
                 --prefer ok one that is ok",
                next.id
            ));
        }
        if self.prefer == Some(Prefer::Ok) && chosen.status != Status::Ok && status == Status::Ok {
            std::mem::swap(line, &mut chosen.line);
            (chosen.status, chosen.strand) = (status, next.strand);
        }
        Ok(())
    }
}
