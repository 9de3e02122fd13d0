//! The state of the queue, and queries of it.

use std::time::Duration;

use super::in_flight::InFlight;
use super::lines::Lines;
use super::outbox::Outbox;
use super::runs::{RunId, Runs};
use super::settled::Settled;
use super::task::Task;
use super::work::{Seen, Work, Works};
use crate::model::retry::Retry;
use crate::model::task::TaskId;
use crate::protocol::wire::WireError;

/// The settings that decide whether a task runs again, and what is left of it if it does not.
#[derive(Clone, Debug)]
pub(in crate::pool) struct Rules {
    /// Workers that may die under a task.
    pub crash_limit: u32,
    pub retry: Retry,
    /// Outputs are printed, piece by piece, and what was printed is lost with a worker.
    pub prints: bool,
    /// The longest deadline that an input may bring along.
    pub longest: Option<Duration>,
}

/// A task that waits for its next attempt.
#[derive(Debug)]
pub(super) struct Sleeping {
    pub(super) due: u64,
    pub(super) task: Task,
}

#[derive(Debug)]
pub(in crate::pool) struct Queue {
    /// Tasks that may be leased, oldest first.
    pub(super) pending: Works,
    /// Tasks that a worker died under, oldest first.
    pub(super) suspects: Works,
    pub(super) sleeping: Vec<Sleeping>,
    pub(super) new_sleepers: bool,
    pub(super) slots: Vec<InFlight>,
    pub(super) runs: Runs,
    pub(super) next_key: u64,
    pub(super) rules: Rules,
    /// Nothing begins any more.
    pub(super) stopped: bool,
    pub lines: Lines,
    pub outbox: Outbox,
}

impl Queue {
    pub fn new(slots: usize, rules: Rules, outbox: Outbox) -> Self {
        Queue {
            pending: Works::default(),
            suspects: Works::default(),
            sleeping: Vec::new(),
            new_sleepers: false,
            slots: std::iter::repeat_with(InFlight::default).take(slots).collect(),
            runs: Runs::default(),
            next_key: 0,
            rules,
            stopped: false,
            lines: Lines::default(),
            outbox,
        }
    }

    /// Begins a run. Its results are returned in the order of its inputs if `ordered`, else as they come.
    pub fn begin_run(&mut self, ordered: bool, chunksize: usize) -> RunId {
        self.runs.begin(ordered, chunksize, 0)
    }

    /// Begins a run whose results are returned as they come, and whose tasks are counted from a number.
    pub fn begin_numbered_run(&mut self, chunksize: usize, first: u64) -> RunId {
        self.runs.begin(false, chunksize, first)
    }

    /// Whether another input of the run, or one for a handle, may be pushed.
    pub fn has_room(&self, run: Option<RunId>) -> bool {
        self.runs.has_room(run, self.slots.len()) && !self.outbox.is_full()
    }

    /// Whether every task of the run was popped.
    pub fn is_run_empty(&self, run: RunId) -> bool {
        self.runs.is_empty(run)
    }

    /// Wakes the caller of a run when the next of its tasks settles.
    pub fn wake_on_result(&mut self, run: RunId, waker: std::task::Waker) {
        self.runs.set_waker(run, waker);
    }

    pub fn wake_callers(&mut self) {
        self.runs.wake_all();
    }

    /// Whether every task has settled.
    pub fn is_idle(&self) -> bool {
        let is_waiting = self.waiting() > 0 || !self.sleeping.is_empty() || !self.lines.waiting.is_empty();
        !is_waiting && self.slots.iter().all(|slot| slot.tasks.is_empty())
    }

    /// Tasks that a worker could begin.
    pub fn waiting(&self) -> usize {
        self.pending.len() + self.suspects.len()
    }

    /// Tasks that a slot's worker has not answered.
    pub fn in_flight(&self, slot: usize) -> usize {
        self.slots[slot].tasks.len()
    }

    /// Tasks that a slot's worker has not begun, if `next` is the index it would begin next.
    pub fn unstarted(&self, slot: usize, next: u32) -> usize {
        let slot = &self.slots[slot];
        slot.tasks.len() - slot.begun(next)
    }

    /// The task that is running in a slot's worker and its index, if `next` is the index it would begin next.
    pub fn running(&self, slot: usize, next: u32) -> Option<(u32, Seen)> {
        let slot = &self.slots[slot];
        let last = slot.begun(next).checked_sub(1)?;
        Some((slot.first.wrapping_add(last as u32), slot.tasks.get(last)?))
    }

    /// The acceptance time and input size of the task at `index`, which must be the next one that the slot's worker has
    /// to answer.
    pub fn due(&self, slot: usize, index: u32) -> Result<(u64, usize), WireError> {
        let place = &self.slots[slot];
        let work = place.tasks.iter().next().ok_or(WireError::TooMany)?;
        place.expect(index)?;
        Ok(match work {
            Work::One(task) => (task.accepted, task.input.bytes.len()),
            Work::Many(stretch) => (stretch.accepted, stretch.rows.iter().next().map_or(0, |(row, _)| row.len())),
        })
    }

    /// The number of plain tasks that the slot's worker has to answer next, and their acceptance time, if the first of
    /// them is at `index`.
    pub fn due_in_a_row(&self, slot: usize, index: u32) -> Option<(usize, u64)> {
        let place = &self.slots[slot];
        let stretch = place.tasks.stretch().filter(|_| place.first == index)?;
        Some((stretch.rows.len(), stretch.accepted))
    }

    /// The task that a slot's worker knows by this index.
    pub fn task_at(&self, slot: usize, index: u32) -> Option<TaskId> {
        let slot = &self.slots[slot];
        slot.tasks.get(index.wrapping_sub(slot.first) as usize).map(|task| task.id)
    }

    /// The task at `index`, if the slot's worker runs it and all tasks before it are answered.
    pub fn caller(&mut self, slot: usize, next: u32, index: u32) -> Option<&mut Task> {
        let is_running = self.running(slot, next).is_some_and(|(running, _)| running == index);
        let place = &mut self.slots[slot];
        if is_running && place.first == index { place.tasks.get_mut(0) } else { None }
    }

    /// Whether a task was put to sleep since the last call of this function.
    pub fn has_new_sleepers(&mut self) -> bool {
        std::mem::take(&mut self.new_sleepers)
    }

    /// The index that the slot's next lease begins with, if its worker has nothing left.
    pub fn next_index(&self, slot: usize) -> u32 {
        self.slots[slot].unused
    }

    /// Marks a task with a worker as cancelled: it is not run again, whatever becomes of the worker.
    pub fn cancel_in_flight(&mut self, slot: usize, key: u64) {
        if let Some(task) = self.slots[slot].tasks.by_key(key) {
            task.cancelled = true;
        }
    }

    /// The slot whose worker has the task.
    pub fn slot_of(&self, key: u64) -> Option<usize> {
        (0..self.slots.len()).find(|&slot| self.is_in_flight(slot, key))
    }

    /// Whether the slot's worker has the task.
    pub fn is_in_flight(&self, slot: usize, key: u64) -> bool {
        self.slots[slot].tasks.has(key)
    }

    /// Puts a task among those that wait for a lease, by its key: the task that a caller waits for must not be behind
    /// others. A returning task is older than most, so its place is near the front.
    pub(super) fn enqueue(&mut self, work: Work) {
        self.runs.waits(work.run(), work.len());
        self.pending.insert(work);
    }

    /// The next settled tasks of a run, in the run's order.
    pub fn pop(&mut self, run: RunId) -> Option<Settled> {
        self.runs.pop(run)
    }
}
