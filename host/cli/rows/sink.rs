//! What is done with rows where they are read, and how they are handed to the run.

use tokio::sync::mpsc;
use wpool::Input;
use wpool::bulk::Supply;

use crate::cli::records::kept::Sorter;
use crate::cli::records::out_dir::OutNames;
use crate::cli::rows::occurrences::Occurrences;

/// Bytes asked for at a time, and so what a batch of rows is at most; one row may exceed it alone.
pub const BLOCK: usize = 256 << 10;
/// Batches that may wait between the reader and the pool. A long one counts for several.
pub const BATCHES: usize = 4;

/// What is done with each row where it is read, in this order.
#[derive(Debug, Default)]
pub struct Steps {
    /// Looks at it, when outputs become files.
    pub names: Option<OutNames>,
    /// Numbers it among those like it, where that makes a difference.
    pub occurrences: Option<Occurrences>,
    /// Keeps those that an earlier run has done.
    pub sorter: Option<Sorter>,
}

impl Steps {
    fn are_none(&self) -> bool {
        self.names.is_none() && self.occurrences.is_none() && self.sorter.is_none()
    }

    /// Takes the steps with each row by itself.
    fn take(&mut self, batch: Vec<Supply>, mut send: impl FnMut(Vec<Supply>) -> bool) -> bool {
        let mut rows: Vec<Input> = batch.into_iter().flat_map(Supply::into_inputs).collect();
        if let Some(names) = &mut self.names {
            rows = rows.into_iter().map(|row| names.admit(row)).collect();
        }
        if let Some(occurrences) = &mut self.occurrences {
            rows = rows.into_iter().map(|row| occurrences.number(row)).collect();
        }
        let mut send = |rows: Vec<Input>| send(rows.into_iter().map(Supply::One).collect());
        match &mut self.sorter {
            Some(sorter) => sorter.sort(rows, send),
            None => send(rows),
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
        self.wanted = if self.steps.are_none() { send(batch) } else { self.steps.take(batch, send) };
        self.wanted
    }

    /// Says that all rows were sent. False when what an earlier run has done cannot be used.
    pub fn end(&mut self) -> bool {
        match &mut self.steps.sorter {
            Some(sorter) if self.wanted => sorter.end(),
            _ => true,
        }
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
