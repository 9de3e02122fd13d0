//! Rows that are started before all others: their results wait here for the turn of their records, which are in the order of
//! the input.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::future::poll_fn;
use std::io;
use std::os::unix::fs::FileExt;
use std::pin::Pin;

use anyhow::{Context, Result};
use bytes::Bytes;
use futures_core::Stream;
use wpool::{Error, Outcome, Pool, TaskResult};

use crate::cli::records::places::FRONT;

/// Bytes of outputs that wait in memory. Further ones wait in a temporary file.
const WAITING: usize = 64 << 20;

type Results<'p> = Pin<Box<dyn Stream<Item = Result<TaskResult, Error>> + 'p>>;

/// The rows that are started before all others, if there are any.
pub struct Front<'p> {
    results: Option<Results<'p>>,
    /// Positions whose records were not made.
    due: BTreeSet<u64>,
    /// The positions, in the order of the tasks.
    positions: Vec<u64>,
    /// Results whose turn has not come, by position.
    waiting: BTreeMap<u64, Waiting>,
    /// Bytes of outputs in memory.
    bytes: usize,
    spool: Option<Spool>,
}

struct Waiting {
    result: TaskResult,
    /// Where its output is in the temporary file.
    spooled: Option<(u64, usize)>,
}

struct Spool {
    file: File,
    length: u64,
}

impl<'p> Front<'p> {
    /// Hands rows to the pool; those that are polled first are first in its queue.
    pub fn start(pool: &'p Pool, rows: Vec<(u64, wpool::Input)>) -> Front<'p> {
        let (positions, rows): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
        let results = pool.map(rows).numbered_from(FRONT);
        let results = (!positions.is_empty()).then(|| Box::pin(results) as Pin<Box<dyn Stream<Item = _> + 'p>>);
        let due = positions.iter().copied().collect();
        Front { results, due, positions, waiting: BTreeMap::new(), bytes: 0, spool: None }
    }

    /// Whether the record of every row was made.
    pub fn is_done(&self) -> bool {
        self.due.is_empty()
    }

    /// The next row whose record is to be made before that at a position; with `None`, any.
    pub fn next_before(&self, limit: Option<u64>) -> Option<u64> {
        self.due.first().copied().filter(|next| limit.is_none_or(|limit| *next < limit))
    }

    /// A row whose result is there, whatever its turn.
    pub fn any_ready(&self) -> Option<u64> {
        self.waiting.keys().next().copied()
    }

    /// Whether the result of a row is there, or will not come.
    pub fn is_ready(&self, position: u64) -> bool {
        self.results.is_none() || self.waiting.contains_key(&position)
    }

    /// Waits for a result. When all have come it waits and never returns.
    pub async fn hear(&mut self) -> Result<()> {
        let Some(results) = &mut self.results else { return std::future::pending().await };
        match poll_fn(|cx| results.as_mut().poll_next(cx)).await {
            Some(result) => self.keep(result?),
            None => {
                self.results = None;
                Ok(())
            }
        }
    }

    /// Takes the result of a row, for which it waits. `None` if the run was stopped before the row was read.
    pub async fn take(&mut self, position: u64) -> Result<Option<TaskResult>> {
        while !self.is_ready(position) {
            self.hear().await?;
        }
        self.due.remove(&position);
        let Some(Waiting { mut result, spooled }) = self.waiting.remove(&position) else { return Ok(None) };
        if let Outcome::Ok(output) = &mut result.outcome {
            match (spooled, &self.spool) {
                (Some(place), Some(spool)) => *output = spool.read(place).with_context(cannot)?,
                _ => self.bytes -= output.len(),
            }
        }
        Ok(Some(result))
    }

    fn keep(&mut self, mut result: TaskResult) -> Result<()> {
        let Some(position) = self.positions.get((result.id.0 - FRONT) as usize).copied() else { return Ok(()) };
        let mut spooled = None;
        if let Outcome::Ok(output) = &mut result.outcome {
            if self.bytes + output.len() > WAITING {
                let spool = match &mut self.spool {
                    Some(spool) => spool,
                    none => none.insert(Spool { file: tempfile::tempfile().with_context(cannot)?, length: 0 }),
                };
                spooled = Some(spool.write(output).with_context(cannot)?);
                *output = Bytes::new();
            }
            self.bytes += output.len();
        }
        self.waiting.insert(position, Waiting { result, spooled });
        Ok(())
    }
}

impl Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<(u64, usize)> {
        self.file.write_all_at(bytes, self.length)?;
        self.length += bytes.len() as u64;
        Ok((self.length - bytes.len() as u64, bytes.len()))
    }

    fn read(&self, (at, length): (u64, usize)) -> io::Result<Bytes> {
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, at)?;
        Ok(bytes.into())
    }
}

fn cannot() -> &'static str {
    "cannot keep outputs in a temporary file until their turn"
}
