//! The steps of rows where they are read, and their way to the run.

use tokio::sync::mpsc;
use wpool::Input;
use wpool::bulk::Supply;

use crate::cli::plan::{Expect, RowFile};
use crate::cli::records::kept::Sorter;
use crate::cli::records::out_dir::OutNames;
use crate::cli::rows::chosen::Chosen;
use crate::cli::rows::occurrences::Occurrences;
use crate::cli::rows::sharder::Sharder;

/// Bytes asked for at a time, and so what a batch of rows is at most; one row may exceed it alone.
pub const BLOCK: usize = 256 << 10;
/// Batches that may wait between the reader and the pool. A long one counts for several.
pub const BATCHES: usize = 4;

/// Why rows are not read to their end when what an earlier run has left breaks under way.
const CANNOT_RESUME: &str = "cannot resume the earlier run: reading its rows stopped early";

/// The steps of each row where it is read, in this order.
#[derive(Debug, Default)]
pub struct Steps {
    /// Looks at it, when its output will be compared with what it tells.
    pub expect: Option<Expect>,
    /// Looks at it, when outputs become files.
    pub names: Option<OutNames>,
    /// Numbers it among those like it, where that makes a difference.
    pub occurrences: Option<Occurrences>,
    /// Leaves out the rows of other programs.
    pub chosen: Option<Chosen>,
    /// Leaves out the rows of other shards, which count for the steps before.
    pub shard: Option<Sharder>,
    /// Keeps those that an earlier run has done.
    pub sorter: Option<Sorter>,
    /// Rows that have taken all steps by themselves.
    pub passed: u64,
}

impl Steps {
    /// Whether rows need not be looked at one by one.
    fn are_of_many(&self) -> bool {
        self.expect.is_none()
            && self.chosen.is_none()
            && self.names.is_none()
            && self.occurrences.is_none()
            && self.sorter.is_none()
    }

    /// Takes the steps with each row by itself.
    fn take(&mut self, batch: Vec<Supply>, mut send: impl FnMut(Vec<Supply>) -> bool) -> bool {
        let mut rows: Vec<Input> = batch.into_iter().flat_map(Supply::into_inputs).collect();
        if let Some(expect) = &self.expect {
            rows = rows.into_iter().map(|row| expect.admit(row)).collect();
        }
        if let Some(names) = &mut self.names {
            rows = rows.into_iter().map(|row| names.admit(row)).collect();
        }
        if let Some(occurrences) = &mut self.occurrences {
            rows = rows.into_iter().map(|row| occurrences.number(row)).collect();
        }
        if let Some(chosen) = &mut self.chosen {
            rows.retain(|row| chosen.takes(row));
        }
        let first = self.passed;
        self.passed += rows.len() as u64;
        let mut send = |rows: Vec<Input>| send(rows.into_iter().map(Supply::One).collect());
        let own = match &mut self.shard {
            Some(shard) => shard.keep_rows(rows),
            None if self.sorter.is_none() => return send(rows),
            None => (first..).zip(rows).collect(),
        };
        match &mut self.sorter {
            Some(sorter) => sorter.sort(own, send),
            None => send(own.into_iter().map(|(_, row)| row).collect()),
        }
    }
}

/// Where the reader puts rows.
pub struct Sink {
    batches: mpsc::Sender<Vec<Supply>>,
    steps: Steps,
    wanted: bool,
}

impl Sink {
    pub fn new(batches: mpsc::Sender<Vec<Supply>>, steps: Steps) -> Sink {
        Sink { batches, steps, wanted: true }
    }

    /// Hands rows over, waiting for room. False when nobody wants more.
    pub fn send(&mut self, batch: Vec<Supply>) -> bool {
        let batches = &self.batches;
        let send = |batch: Vec<Supply>| batch.is_empty() || send_all(batches, batch);
        let one_by_one = !self.steps.are_of_many();
        self.wanted = match &mut self.steps.shard {
            _ if one_by_one => self.steps.take(batch, send),
            Some(shard) => {
                let own = shard.keep(batch);
                send(own)
            }
            None => send(batch),
        };
        self.wanted
    }

    /// Whether the content of a file is needed: that of a file of another shard only where equal rows are counted, or where
    /// the names of outputs are compared.
    pub fn reads(&self, position: u64, path: &RowFile) -> bool {
        let Steps { names, occurrences, shard, .. } = &self.steps;
        let is_own = |shard: &Sharder| shard.takes(position, path.name().0.as_bytes());
        names.is_some() || occurrences.is_some() || shard.as_ref().is_none_or(is_own)
    }

    /// Says that all rows were sent. An error, which is a sentence, says that not all were.
    pub fn end(&mut self) -> Result<(), String> {
        if !self.wanted {
            return Ok(());
        }
        let others = match &mut self.steps.shard {
            Some(shard) => shard.end()? > 0,
            None => false,
        };
        let ended = self.steps.sorter.as_mut().is_none_or(|sorter| sorter.end(others));
        if ended { Ok(()) } else { Err(CANNOT_RESUME.to_owned()) }
    }
}

/// Hands a batch over, waiting for room: a long one takes the room of several, because rows may be as long as all that
/// waits otherwise. Whoever takes batches passes over the empty ones that stand for its length.
fn send_all(batches: &mpsc::Sender<Vec<Supply>>, batch: Vec<Supply>) -> bool {
    let size = batch.iter().map(Supply::size).sum::<usize>();
    let more = (size / BLOCK).saturating_sub(1).min(BATCHES - 1);
    let mut all = std::iter::once(batch).chain(std::iter::repeat_n(Vec::new(), more));
    all.all(|batch| batches.blocking_send(batch).is_ok())
}
