//! Merges the records of files by their ids. In memory there is one record, or two where files have the same one, and a
//! bounded beginning of each file.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::io::Write;
use std::ops::Range;
use std::path::PathBuf;

use anyhow::{Context, Result};
use wpool::Status;

use crate::cli::args::Prefer;
use crate::cli::commands::merge::cursor::{Cursor, Head};
use crate::cli::commands::merge::failures::Failures;
use crate::cli::errors::usage;

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

/// What was merged.
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

/// Merges strands, each of which is in the order of ids, of an input with so many rows.
pub struct Loom<'a> {
    pub strands: Vec<Strand>,
    pub rows: u64,
    pub prefer: Option<Prefer>,
    pub failures: Option<&'a mut Failures>,
}

/// The next record of a strand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Next {
    id: u64,
    strand: usize,
}

impl Loom<'_> {
    /// Writes the records in the order of their ids.
    pub fn weave(mut self, out: &mut impl Write, shown: &str) -> Result<Woven> {
        let parts = self.strands.iter().map(|strand| strand.part + 1).max().unwrap_or_default();
        let (mut woven, mut expected) = (Woven { of_parts: vec![0; parts], ..Woven::default() }, 0);
        let mut heads = vec![None; self.strands.len()];
        let mut queue = BinaryHeap::with_capacity(self.strands.len());
        for strand in 0..self.strands.len() {
            self.advance(strand, &mut heads, &mut queue)?;
        }
        let (mut line, mut other, mut chosen) = (Vec::new(), Vec::new(), Vec::new());
        while let Some(Reverse(Next { id, strand })) = queue.pop() {
            let head = heads[strand].expect("a strand in the queue has a head");
            if !self.strands[strand].cursor.take(&mut line)? {
                continue;
            }
            let mut status = self.note(strand, (head, true), &line, &mut woven)?;
            // Files that have a record of the same row.
            let mut kept = strand;
            while let Some(Reverse(next)) = queue.peek().copied().filter(|Reverse(next)| next.id == id) {
                queue.pop();
                let head = heads[next.strand].expect("a strand in the queue has a head");
                if self.strands[next.strand].cursor.take(&mut other)? {
                    self.note(next.strand, (head, false), &other, &mut woven)?;
                    let better = self.prefer == Some(Prefer::Ok) && status != Status::Ok && head.status == Status::Ok;
                    if other != line {
                        self.check_chosen(id, kept, next.strand)?;
                        if better {
                            std::mem::swap(&mut line, &mut other);
                            (status, kept) = (head.status, next.strand);
                        }
                    }
                }
                chosen.push(next.strand);
            }
            if let Some(failures) = &mut self.failures {
                failures.settle(status != Status::Ok)?;
            }
            woven.gaps.add(expected..id);
            expected = id + 1;
            woven.counts[status as usize] += 1;
            out.write_all(&line).with_context(|| format!("cannot write {shown}"))?;
            chosen.push(strand);
            for strand in chosen.drain(..) {
                self.advance(strand, &mut heads, &mut queue)?;
            }
        }
        woven.gaps.add(expected..self.rows);
        woven.torn = self.strands.iter().filter(|strand| strand.cursor.torn).map(|strand| strand.part).collect();
        Ok(woven)
    }

    /// Queues the next record of a strand, if it has one.
    fn advance(
        &mut self,
        strand: usize,
        heads: &mut [Option<Head>],
        queue: &mut BinaryHeap<Reverse<Next>>,
    ) -> Result<()> {
        let cursor = &mut self.strands[strand].cursor;
        let before = heads[strand];
        heads[strand] = cursor.head()?;
        let Some(head) = heads[strand] else { return Ok(()) };
        if before.is_some_and(|before: Head| before.id >= head.id) {
            return Err(cursor.damaged("its records are not in the order of their ids").into());
        }
        if head.id >= self.rows {
            return Err(cursor.damaged("the input has no row of this id").into());
        }
        queue.push(Reverse(Next { id: head.id, strand }));
        Ok(())
    }

    /// Counts a record, and has its row found if it is not ok. Its head comes with whether it is the first of its row.
    fn note(&mut self, strand: usize, head: (Head, bool), line: &[u8], woven: &mut Woven) -> Result<Status> {
        let part = self.strands[strand].part;
        woven.of_parts[part] += 1;
        if let Some(failures) = &mut self.failures {
            failures.note(part, head.0, line, head.1)?;
        }
        Ok(head.0.status)
    }

    /// Refuses two records of a row, unless one of them is to be chosen.
    fn check_chosen(&self, id: u64, one: usize, other: usize) -> Result<()> {
        if self.prefer.is_some() {
            return Ok(());
        }
        let (one, other) = (self.strands[one].path.display(), self.strands[other].path.display());
        usage(format!(
            "{one} and {other} have different records of row {id}; --prefer first takes that of the file named first, and \
             --prefer ok one that is ok"
        ))
    }
}
