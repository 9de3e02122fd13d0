//! Rows of an earlier run that do not run again: from the reader, which knows them, to the reporter, which gives them
//! their turn.
//!
//! The pool gets the other rows alone and counts them from 0. [`Places`] knows which positions of the input they have;
//! here are the kept rows that stand between them.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock};

use tokio::sync::Notify;
use wpool::stats::Running;
use wpool::{Event, Input, Status, TaskId};

use crate::cli::journal::{Error, Index, Known, Record, Resume};
use crate::cli::records::places::{Places, Stretch};
use crate::cli::records::writer::Handover;

/// Bytes of kept records that may wait for the turn of a row before them.
const WINDOW: usize = 8 << 20;
/// Bytes that a kept row takes beside its line, about.
const ROW: usize = 128;

/// A row that has its record.
#[derive(Debug)]
pub struct KeptRow {
    position: u64,
    pub status: Status,
    /// The line to be written for it; `None` when that stands in FILE.
    pub line: Option<(Record, Vec<u8>)>,
    /// The row, if it is not ok.
    pub row: Option<Input>,
}

impl KeptRow {
    fn size(&self) -> usize {
        ROW + self.line.as_ref().map_or(0, |(_, line)| line.len()) + self.row.as_ref().map_or(0, |row| row.bytes.len())
    }
}

/// The rows that were sorted so far and not taken yet.
#[derive(Debug, Default)]
struct Sorted {
    rows: VecDeque<KeptRow>,
    /// The bytes of all `rows`.
    bytes: usize,
    /// Rows that stay in FILE as ok, not counted yet.
    in_place: u64,
    /// Rows of the input, or of the shard.
    rows_read: u64,
    /// What the earlier run has left may be changed, for something of the input has come.
    begun: bool,
    /// The run has ended without that, so nothing is changed any more.
    closed: bool,
    failure: Option<Error>,
    /// Records of rows that are gone, once all rows were read.
    gone: Option<Index>,
}

#[derive(Debug, Default)]
struct Shared {
    sorted: Mutex<Sorted>,
    places: Places,
    changed: Notify,
    room: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Sorted> {
        self.sorted.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Whether what the earlier run has left may be changed. False once the run has ended without that.
    fn begin(&self) -> bool {
        let mut state = self.lock();
        state.begun |= !state.closed;
        state.begun
    }
}

/// The reader's side.
#[derive(Debug)]
pub struct Sorter {
    resume: Resume,
    shared: Arc<Shared>,
    handover: Handover,
}

/// The reporter's side.
#[derive(Clone, Debug)]
pub struct Kept(Arc<Shared>);

/// The positions of tasks, for messages that are made from the pool's own numbers.
#[derive(Clone, Debug, Default)]
pub struct Positions(Arc<OnceLock<Places>>);

impl Positions {
    /// From now on those of a run whose rows are not all of the input.
    pub fn follow(&self, places: &Places) {
        self.0.get_or_init(|| places.clone());
    }

    /// An event as people read it.
    pub fn show(&self, event: &Event) -> Option<Event> {
        let places = self.0.get()?;
        let mut event = event.clone();
        match &mut event {
            Event::WorkerDied { suspect: Some(task), .. } | Event::TaskRetried { task, .. } => *task = places.of(*task),
            _ => return None,
        }
        Some(event)
    }

    /// The position of a task's row; `None` where it is not known any more.
    pub fn position(&self, task: TaskId) -> Option<u64> {
        self.0.get().map_or(Some(task.0), |places| places.position(task.0))
    }

    pub fn running(&self, mut tasks: Vec<Running>) -> Vec<Running> {
        if let Some(places) = self.0.get() {
            tasks.iter_mut().for_each(|running| running.task = places.of(running.task));
        }
        tasks
    }
}

/// Both sides. What writes FILE is handed over once nothing more stays in its place.
pub fn kept(resume: Resume, handover: Handover) -> (Sorter, Kept) {
    let shared = Arc::<Shared>::default();
    (Sorter { resume, shared: shared.clone(), handover }, Kept(shared))
}

impl Sorter {
    /// Keeps what is known and sends the rest. False when nobody wants more.
    pub fn sort(&mut self, batch: Vec<(u64, Input)>, mut send: impl FnMut(Vec<Input>) -> bool) -> bool {
        if !batch.is_empty() && !self.shared.begin() {
            return false;
        }
        let mut run = Vec::new();
        for (position, row) in batch {
            let known = match self.resume.next(&row, position) {
                Ok(known) => known,
                Err(error) => return self.fail(error),
            };
            let full = self.keep(known, (position, row), &mut run);
            // Rows before those that wait are sent first: these wait for them.
            if full {
                if !send(std::mem::take(&mut run)) {
                    return false;
                }
                self.wait();
            }
        }
        self.shared.changed.notify_one();
        send(run)
    }

    /// Takes note of a row. Says whether too many wait.
    fn keep(&mut self, known: Known, (position, row): (u64, Input), run: &mut Vec<Input>) -> bool {
        // Before the reporter can know of the row, whose line may be the first that is written.
        self.hand_over();
        let mut state = self.shared.lock();
        state.rows_read += 1;
        let (status, line) = match known {
            Known::InPlace(Status::Ok) => {
                state.in_place += 1;
                return false;
            }
            Known::InPlace(status) => (status, None),
            Known::Moved(record, line) => (record.status, Some((record, line))),
            Known::Nothing => {
                self.shared.places.push(Stretch { first: position, count: 1 });
                run.push(row);
                return false;
            }
        };
        let kept = KeptRow { position, status, line, row: Some(row).filter(|_| status != Status::Ok) };
        state.bytes += kept.size();
        state.rows.push_back(kept);
        state.bytes >= WINDOW
    }

    fn hand_over(&mut self) {
        if let Some(appender) = self.resume.appender() {
            self.handover.give(appender);
        }
    }

    /// Waits for room. Nobody makes any once the run is over, with which this thread ends.
    fn wait(&self) {
        self.shared.changed.notify_one();
        let mut state = self.shared.lock();
        while state.bytes >= WINDOW {
            let waited = self.shared.room.wait(state);
            state = waited.unwrap_or_else(|poisoned| poisoned.into_inner());
        }
    }

    /// Says that the input has come to its end. Of one without rows nothing is concluded: it may have failed to come.
    /// `others` says that it has rows, of other shards.
    pub fn end(&mut self, others: bool) -> bool {
        if self.shared.lock().rows_read == 0 && !others || !self.shared.begin() {
            return true;
        }
        match self.resume.end() {
            Ok(()) => {
                self.hand_over();
                self.shared.lock().gone = self.resume.gone();
                true
            }
            Err(error) => self.fail(error),
        }
    }

    fn fail(&self, error: Error) -> bool {
        self.shared.lock().failure = Some(error);
        self.shared.changed.notify_one();
        false
    }
}

impl Kept {
    /// Waits until the reader has something new.
    pub async fn changed(&self) {
        self.0.changed.notified().await;
    }

    /// Rows that stay in FILE as ok, since the last call.
    pub fn in_place(&self) -> u64 {
        std::mem::take(&mut self.0.lock().in_place)
    }

    /// The next kept row that stands before a task; with `None`, any. A task that has not been read stands behind all.
    pub fn before(&self, task: Option<u64>) -> Option<KeptRow> {
        let mut state = self.0.lock();
        let limit = task.and_then(|task| self.0.places.position(task));
        let next = state.rows.front()?.position;
        if limit.is_some_and(|limit| next > limit) {
            return None;
        }
        let row = state.rows.pop_front()?;
        state.bytes -= row.size();
        self.0.room.notify_one();
        Some(row)
    }

    /// The positions of the rows that are no kept ones.
    pub fn places(&self) -> &Places {
        &self.0.places
    }

    /// Wakes who waits for something new.
    pub fn change(&self) {
        self.0.changed.notify_one();
    }

    /// Whether what the earlier run has left is as it was. Then it stays so: the reader, which may still be reading, changes
    /// nothing any more.
    pub fn is_untouched(&self) -> bool {
        let mut state = self.0.lock();
        state.closed = !state.begun;
        state.closed
    }

    /// The records of rows that are gone.
    pub fn gone(&self) -> Option<Index> {
        self.0.lock().gone.take()
    }

    /// The error that ended the reading.
    pub fn failure(&self) -> Option<Error> {
        self.0.lock().failure.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_comes_behind_the_end_of_the_run_changes_nothing_of_the_earlier_one() {
        let (late, early) = (Shared::default(), Shared::default());
        let (late_kept, early_kept) = (Kept(Arc::new(late)), Kept(Arc::new(early)));
        assert!(late_kept.is_untouched() && !late_kept.0.begin() && late_kept.is_untouched());
        assert!(early_kept.0.begin() && !early_kept.is_untouched() && early_kept.0.begin());
    }
}
