//! Where every task of a pool is: a pure state machine, without clocks, processes or channels.
//!
//! ```text
//! push ─▶ pending ─ lease ─▶ in flight ─ answer ─▶ settled ─ pop ─▶ the caller
//!            ▲                   │ ▲
//!            └── taken back ─────┘ └─ alone ─ suspects ◀─ its worker died
//! ```
//!
//! A task is in exactly one of these places, and leaves through `pop` exactly once.

use std::collections::VecDeque;

use super::in_flight::{InFlight, Task};
use super::settled::Settled;
use crate::limits::MAX_INPUT;
use crate::outcome::{ErrorDetail, Layer, Outcome, Receipt, Status};
use crate::task::{Input, MAX_NAME, Rejected, TaskId, TaskResult};
use crate::wire::{Encoder, FRAME_TARGET, WireError};

/// Most tasks between input and caller. A slow task at the head of an ordered run lets this many others overtake it
/// before the run waits: at a million small tasks a second, 65 ms. Each costs some 200 bytes in the host.
pub(super) const WINDOW_TASKS: usize = 1 << 16;

/// Tasks that may wait to be leased, for each slot: twice what a lease of the smallest tasks holds. More would only make
/// the memory that every task passes through larger than a processor's cache.
const PENDING_PER_SLOT: usize = 2_048;

/// Bytes of inputs and of outputs, each, that may wait in the host; one task may exceed it alone.
pub(super) const WINDOW_BYTES: usize = 64 << 20;

/// A lease that was just made; its tasks are in the encoder.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Lease {
    pub first: u32,
    pub end: u32,
    /// The worker had nothing left to claim, so its claim word starts anew.
    pub fresh: bool,
}

/// What a worker's end means for the task that was running in it.
#[derive(Debug)]
pub(super) enum Verdict {
    /// The deadline passed and the host killed the worker.
    Timeout(ErrorDetail),
    /// The host killed the worker because the run was to end.
    Cancelled,
    /// The worker died: the task is suspected.
    Died(ErrorDetail),
}

#[derive(Debug)]
pub(super) struct Queue {
    pending: VecDeque<Task>,
    suspects: VecDeque<Task>,
    slots: Vec<InFlight>,
    settled: Settled,
    next_id: u64,
    /// Tasks pushed and not popped.
    held: usize,
    input_bytes: usize,
    output_bytes: usize,
    crash_limit: u32,
    stopped: bool,
}

impl Queue {
    pub fn new(slots: usize, ordered: bool, crash_limit: u32) -> Self {
        Queue {
            pending: VecDeque::new(),
            suspects: VecDeque::new(),
            slots: std::iter::repeat_with(InFlight::default).take(slots).collect(),
            settled: Settled::new(ordered),
            next_id: 0,
            held: 0,
            input_bytes: 0,
            output_bytes: 0,
            crash_limit,
            stopped: false,
        }
    }

    /// Counts positions from 0 again, for the next run over an empty queue.
    pub fn restart(&mut self) {
        if self.held == 0 {
            self.next_id = 0;
            self.settled.restart();
        }
    }

    /// What a slot's worker has.
    pub(super) fn place(&mut self, slot: usize) -> &mut InFlight {
        &mut self.slots[slot]
    }

    /// Whether another input may be pushed.
    pub fn has_room(&self) -> bool {
        let full = self.held >= WINDOW_TASKS
            || self.pending.len() >= PENDING_PER_SLOT * self.slots.len()
            || self.input_bytes + self.output_bytes >= WINDOW_BYTES;
        self.held == 0 || !full
    }

    /// Whether every pushed task was popped.
    pub fn is_empty(&self) -> bool {
        self.held == 0
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

    /// The index that is running in a slot's worker, if `next` is the index it would begin next.
    pub fn running(&self, slot: usize, next: u32) -> Option<u32> {
        let slot = &self.slots[slot];
        slot.begun(next).checked_sub(1).map(|last| slot.first.wrapping_add(last as u32))
    }

    /// Accepts an input; it will be popped exactly once.
    pub fn push(&mut self, mut input: Input) {
        if input.bytes.len() > MAX_INPUT {
            input = input.reject(Rejected::TooLong);
        }
        if input.name.as_ref().is_some_and(|name| name.len() > MAX_NAME) {
            input = input.reject(Rejected::because("name-too-long", format!("its name is over {MAX_NAME} bytes")));
        }
        let task = Task { id: self.next_id, input, attempts: 0, deaths: None, dirty: false };
        self.next_id += 1;
        self.held += 1;
        self.input_bytes += task.input.size();
        self.settled.expect_next();
        match task.input.rejected.as_deref() {
            Some(reason) => {
                let error = reason.detail();
                self.settle_by_host(task, Status::InvalidInput, error);
            }
            None if self.stopped => self.give_up(task),
            None => self.pending.push_back(task),
        }
    }

    /// Leases up to `rows` tasks to a slot and appends them to `frame`. Suspects go first and alone.
    pub fn lease(&mut self, slot: usize, rows: usize, frame: &mut Encoder) -> Option<Lease> {
        let place = &self.slots[slot];
        let idle = place.tasks.is_empty();
        if !idle && (place.alone || place.recalled) {
            return None;
        }
        let alone = idle && self.suspects.front().is_some_and(|suspect| self.may_go(suspect));
        let mut count = 0;
        while count < rows && frame.len() < FRAME_TARGET && (!alone || count == 0) {
            let Some(task) = self.next_task(alone, frame) else { break };
            frame.push_task(&task.input.bytes, task.input.name.as_deref());
            self.slots[slot].tasks.push_back(task);
            count += 1;
        }
        if count == 0 {
            return None;
        }
        let place = &mut self.slots[slot];
        if idle {
            place.first = place.unused;
            place.recalled = false;
        }
        place.alone = alone;
        place.unused = place.end();
        Some(Lease { first: place.end().wrapping_sub(count as u32), end: place.end(), fresh: idle })
    }

    fn next_task(&mut self, suspect: bool, frame: &Encoder) -> Option<Task> {
        let front = if suspect { self.suspects.front() } else { self.pending.front() }?;
        // A long row gets a frame of its own, so that a frame is bounded by its target and one row.
        let fits = frame.is_empty() || frame.len() + front.input.size() <= FRAME_TARGET;
        if !fits || !self.may_go(front) {
            return None;
        }
        if suspect { self.suspects.pop_front() } else { self.pending.pop_front() }
    }

    /// Outputs that nobody takes hold every task back but the one that the caller waits for.
    fn may_go(&self, task: &Task) -> bool {
        self.output_bytes < WINDOW_BYTES || self.settled.awaits(task.id)
    }

    /// Settles the task at `index`, which must be the first that the slot's worker has not answered.
    pub fn answer(&mut self, slot: usize, index: u32, outcome: Outcome, receipt: Receipt) -> Result<(), WireError> {
        let place = &mut self.slots[slot];
        if index != place.first {
            return Err(WireError::Index { got: index, expected: place.first });
        }
        let task = place.tasks.pop_front().ok_or(WireError::TooMany)?;
        place.first = place.first.wrapping_add(1);
        let receipt = Receipt { attempts: task.attempts + 1, ..receipt };
        self.settle(task, outcome, receipt);
        Ok(())
    }

    /// Returns the tasks from index `from` on, which the slot's worker can no longer begin.
    pub fn take_back(&mut self, slot: usize, from: u32) {
        let place = &mut self.slots[slot];
        let begun = place.begun(from);
        place.recalled |= begun < place.tasks.len();
        let unstarted = place.tasks.split_off(begun);
        self.put_back(unstarted);
    }

    /// The slot's worker is gone. `next` is the index it would have begun next. Gives the task that was running.
    pub fn lost(&mut self, slot: usize, next: u32, verdict: Verdict) -> Option<TaskId> {
        let place = std::mem::take(&mut self.slots[slot]);
        let begun = place.begun(next);
        let mut tasks = place.tasks;
        let unstarted = tasks.split_off(begun);
        let suspect = tasks.pop_back();
        tasks.iter_mut().for_each(|task| task.attempts += 1);
        self.put_back(unstarted);
        self.put_back(tasks);
        let suspect = suspect?;
        let id = TaskId(suspect.id);
        self.judge(suspect, verdict);
        Some(id)
    }

    fn judge(&mut self, mut task: Task, verdict: Verdict) {
        task.attempts += 1;
        let (status, layer, error) = match verdict {
            Verdict::Timeout(error) => (Status::Timeout, Layer::Backstop, error),
            Verdict::Cancelled => (Status::Cancelled, Layer::Kill, cancelled()),
            Verdict::Died(error) if task.dirty => return self.settle_changed(task, error),
            Verdict::Died(error) => {
                let deaths = task.deaths.get_or_insert_default();
                deaths.push(error);
                if self.stopped || deaths.len() >= self.crash_limit as usize {
                    self.settle_as_crash(task);
                } else {
                    insert(&mut self.suspects, task);
                }
                return;
            }
        };
        let receipt = Receipt { layer, attempts: task.attempts, ..Receipt::host() };
        self.settle(task, Outcome::not_ok(status, error), receipt);
    }

    /// Puts tasks back in their places, or settles them when nothing may begin any more.
    fn put_back(&mut self, tasks: VecDeque<Task>) {
        for task in tasks.into_iter().rev() {
            if task.dirty {
                // Only a worker that lies about what it has begun brings one back.
                self.settle_changed(task, ErrorDetail::new("", "its worker gave it back"));
            } else if self.stopped {
                self.give_up(task);
            } else {
                insert(&mut self.pending, task);
            }
        }
    }

    /// Nothing begins any more: what waits is settled now, and so is what comes back later.
    pub fn stop(&mut self) {
        self.stopped = true;
        for task in std::mem::take(&mut self.pending) {
            self.give_up(task);
        }
        for task in std::mem::take(&mut self.suspects) {
            self.settle_as_crash(task);
        }
    }

    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    fn give_up(&mut self, task: Task) {
        if task.attempts > 0 {
            self.settle_by_host(task, Status::Cancelled, cancelled());
        } else {
            let error = ErrorDetail::new("skipped", "the run was stopped before this task started");
            self.settle_by_host(task, Status::Skipped, error);
        }
    }

    fn settle_as_crash(&mut self, mut task: Task) {
        let mut deaths = task.deaths.take().unwrap_or_default();
        let mut error = deaths.pop().unwrap_or_default();
        if !deaths.is_empty() {
            error.message = format!("{} (and {} workers before it)", error.message, deaths.len());
        }
        let receipt = Receipt { layer: Layer::Kernel, attempts: task.attempts, ..Receipt::host() };
        self.settle(task, Outcome::not_ok(Status::Crash, error), receipt);
    }

    fn settle_by_host(&mut self, task: Task, status: Status, error: ErrorDetail) {
        let receipt = Receipt { attempts: task.attempts, ..Receipt::host() };
        self.settle(task, Outcome::not_ok(status, error), receipt);
    }

    pub(super) fn settle(&mut self, task: Task, outcome: Outcome, receipt: Receipt) {
        self.output_bytes += outcome.output().map_or(0, |output| output.len());
        self.settled.push(TaskResult { id: TaskId(task.id), input: task.input, outcome, receipt });
    }

    /// The next settled task, in the pool's order.
    pub fn pop(&mut self) -> Option<TaskResult> {
        let result = self.settled.pop()?;
        self.held -= 1;
        self.input_bytes -= result.input.size();
        self.output_bytes -= result.outcome.output().map_or(0, |output| output.len());
        Some(result)
    }
}

/// Keeps tasks in the order of their positions: the one that the caller waits for must be in front. What comes back is
/// older than most, so its place is near the front.
fn insert(tasks: &mut VecDeque<Task>, task: Task) {
    let at = tasks.partition_point(|other| other.id < task.id);
    tasks.insert(at, task);
}

fn cancelled() -> ErrorDetail {
    ErrorDetail::new("cancelled", "the run was ended while this task ran")
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
