//! Where every task of a pool is: a pure state machine, without clocks, processes or channels.
//!
//! ```text
//! push ─▶ pending ─ lease ─▶ in flight ─ answer ─▶ settled ─▶ the caller
//!            ▲                   │ ▲  │
//!            ├── taken back ─────┘ │  └─ to be retried ─▶ sleeping ─┐
//!            └───────────────── alone ─ suspects ◀─ its worker died │
//!            ▲                                                      │
//!            └──────────────────────────────────────────────────────┘
//! ```
//!
//! A task is in exactly one of these places, and leaves to its caller exactly once. Plain tasks that nothing has happened
//! to go their way in stretches, see [`work`].

mod end;
mod in_flight;
mod lease;
mod outbox;
mod runs;
mod settled;
mod work;

use std::sync::Arc;

pub(super) use end::{Loss, Verdict};
use in_flight::InFlight;
pub(super) use in_flight::{Home, Task};
pub(super) use outbox::{News, Outbox};
pub(super) use runs::RunId;
use runs::Runs;
pub(super) use work::Seen;
use work::{Stretch, Work, Works};

use super::handle::Ticket;
use crate::model::event::Event;
use crate::model::limits::MAX_INPUT;
use crate::model::outcome::{Outcome, Receipt, Status};
use crate::model::retry::Retry;
use crate::model::span::Span;
use crate::model::task::{Input, MAX_NAME, Rejected, TaskId};
use crate::pool::settled::{OkSpan, Settled};
use crate::protocol::wire::{OkAnswers, WireError};

/// Most tasks of a run between input and caller. A slow task at the head of an ordered run lets this many others
/// overtake it before the run waits: at a million small tasks a second, 65 ms. One that settled by itself costs
/// some 250 bytes in the host, beside its input and output; one in a span what its row and its answer's head take.
const WINDOW_TASKS: usize = 1 << 16;

/// With many slots, most tasks of a run for each of them: with fewer, leases of small tasks would be so small that sending
/// them costs more than the tasks.
const WINDOW_PER_SLOT: usize = 2_048;

/// Bytes of a run's inputs and outputs that may wait in the host; one task may exceed it alone.
const WINDOW_BYTES: usize = 64 << 20;

/// What decides whether a task runs again.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    /// Workers that may die under a task.
    pub crash_limit: u32,
    pub retry: Retry,
}

/// A task that waits for its next attempt.
#[derive(Debug)]
struct Sleeping {
    due: u64,
    task: Task,
}

#[derive(Debug)]
pub(super) struct Queue {
    /// Tasks that may be leased, oldest first.
    pending: Works,
    /// Tasks that a worker died under, oldest first.
    suspects: Works,
    sleeping: Vec<Sleeping>,
    new_sleepers: bool,
    slots: Vec<InFlight>,
    runs: Runs,
    next_key: u64,
    rules: Rules,
    /// Nothing begins any more.
    stopped: bool,
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
            outbox,
        }
    }

    /// The results of a run are given in the order of its inputs, or as they come.
    pub fn begin_run(&mut self, ordered: bool, chunksize: usize) -> RunId {
        self.runs.begin(ordered, chunksize)
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
        self.waiting() == 0 && self.sleeping.is_empty() && self.slots.iter().all(|slot| slot.tasks.is_empty())
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

    /// The task at `index`, which must be the one that the slot's worker has to answer next: when it was accepted, and the
    /// bytes of its input.
    pub fn due(&self, slot: usize, index: u32) -> Result<(u64, usize), WireError> {
        let place = &self.slots[slot];
        let work = place.tasks.iter().next().ok_or(WireError::TooMany)?;
        place.expect(index)?;
        Ok(match work {
            Work::One(task) => (task.accepted, task.input.bytes.len()),
            Work::Many(stretch) => (stretch.accepted, stretch.rows.iter().next().map_or(0, |(row, _)| row.len())),
        })
    }

    /// How many plain tasks a slot's worker has to answer next, and when they were accepted, if the first of them is at
    /// `index`.
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

    /// The task at `index`, if it is the one that the slot's worker runs and all before it are answered.
    pub fn caller(&mut self, slot: usize, next: u32, index: u32) -> Option<&mut Task> {
        let is_running = self.running(slot, next).is_some_and(|(running, _)| running == index);
        let place = &mut self.slots[slot];
        if is_running && place.first == index { place.tasks.get_mut(0) } else { None }
    }

    /// Whether a task was put to sleep since this was last asked.
    pub fn has_new_sleepers(&mut self) -> bool {
        std::mem::take(&mut self.new_sleepers)
    }

    /// The index that the slot's next lease begins with, if its worker has nothing left.
    pub fn next_index(&self, slot: usize) -> u32 {
        self.slots[slot].unused
    }

    /// Whatever becomes of a worker that has the task, the task is not run again.
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

    /// Accepts an input of a run; it will be popped exactly once. `now` is in nanoseconds of the pool's clock.
    pub fn push(&mut self, run: RunId, input: Input, now: u64) {
        let id = self.runs.accept(run, &input);
        self.accept(id, Home::Run(run), input, now);
    }

    /// Accepts plain inputs of a run, as [`Queue::push`] each of them.
    pub fn push_span(&mut self, run: RunId, rows: Span, now: u64) {
        if self.stopped || rows.longest() > MAX_INPUT {
            return rows.inputs().for_each(|input| self.push(run, input, now));
        }
        let tasks = rows.len();
        let (key, id) = (self.next_key, self.runs.accept_span(run, &rows));
        self.next_key += tasks as u64;
        self.runs.waits(Some(run), tasks);
        self.pending.push_back(Work::Many(Stretch { key, id, run, accepted: now, rows }));
    }

    /// Accepts an input for a handle, and gives its key.
    pub fn submit(&mut self, ticket: Arc<Ticket>, input: Input, now: u64) -> (u64, TaskId) {
        let id = self.runs.accept_handle(&input);
        let key = self.next_key;
        self.accept(id, Home::Handle(ticket), input, now);
        (key, id)
    }

    fn accept(&mut self, id: TaskId, home: Home, mut input: Input, now: u64) {
        if input.bytes.len() > MAX_INPUT {
            // What was accounted for is what is held, so the bytes stay until the result is taken.
            input = input.reject(Rejected::TooLong);
        }
        if input.name.as_ref().is_some_and(|name| name.len() > MAX_NAME) {
            input = input.reject(Rejected::because("name-too-long", format!("its name is over {MAX_NAME} bytes")));
        }
        let task = Task {
            key: self.next_key,
            id,
            home,
            input,
            accepted: now,
            attempts: 0,
            history: None,
            dirty: false,
            cancelled: false,
        };
        self.next_key += 1;
        match task.input.rejection() {
            Some(reason) => {
                let error = reason.detail();
                self.settle_by_host(task, Status::InvalidInput, error);
            }
            None if self.stopped => self.give_up(task),
            None => self.enqueue(Work::One(task)),
        }
    }

    /// Puts a task where it waits to be leased. Tasks stay in the order of their keys: the one that a caller waits for
    /// must not be behind others. What comes back is older than most, so its place is near the front.
    fn enqueue(&mut self, work: Work) {
        self.runs.waits(work.run(), work.len());
        self.pending.insert(work);
    }

    /// Settles the task at `index`, which must be the first that the slot's worker has not answered, or has it run
    /// again.
    pub fn answer(
        &mut self,
        slot: usize,
        index: u32,
        (outcome, receipt): (Outcome, Receipt),
        now: u64,
    ) -> Result<(), WireError> {
        let place = &mut self.slots[slot];
        place.expect(index)?;
        let mut task = place.tasks.pop().ok_or(WireError::TooMany)?;
        place.first = place.first.wrapping_add(1);
        task.attempts += 1;
        self.conclude(task, outcome, receipt, now);
        Ok(())
    }

    /// Settles the tasks from `index` on, which must be the first plain ones that the slot's worker has not answered, as
    /// ok. The first of them waited for `wait` nanoseconds. Nothing that is ok is ever retried. Gives the bytes of their
    /// inputs.
    pub fn answer_in_a_row(
        &mut self,
        slot: usize,
        index: u32,
        answers: OkAnswers,
        wait: u64,
    ) -> Result<usize, WireError> {
        let place = &mut self.slots[slot];
        place.expect(index)?;
        let count = answers.len();
        if place.tasks.stretch().is_none_or(|stretch| stretch.rows.len() < count) {
            return Err(WireError::TooMany);
        }
        let Some(Work::Many(done)) = place.tasks.take(0, count) else { return Err(WireError::TooMany) };
        place.first = place.first.wrapping_add(count as u32);
        for id in done.id..done.id + count as u64 {
            self.outbox.task_event(|| Event::TaskSettled { task: TaskId(id), status: Status::Ok });
        }
        let bytes = done.rows.size();
        let span = OkSpan::new(done.id, done.rows, answers, wait, slot as u32);
        self.runs.settle(done.run, Settled::Many(span));
        Ok(bytes)
    }

    /// Returns the tasks from index `from` on, which the slot's worker can no longer begin.
    pub fn take_back(&mut self, slot: usize, from: u32) {
        let place = &mut self.slots[slot];
        let begun = place.begun(from);
        place.recalled |= begun < place.tasks.len();
        let unstarted = place.tasks.split_off(begun);
        self.put_back(unstarted);
    }

    /// Puts tasks back in their places, or settles them when nothing may begin any more.
    fn put_back(&mut self, tasks: Works) {
        for work in tasks.into_works().rev() {
            match work {
                Work::One(task) => self.put_one_back(task),
                Work::Many(stretch) if self.stopped || self.runs.is_abandoned(stretch.run) => {
                    Work::Many(stretch).into_tasks().rev().for_each(|task| self.give_up(task));
                }
                stretch => self.enqueue(stretch),
            }
        }
    }

    fn put_one_back(&mut self, task: Task) {
        if task.dirty {
            // Its worker was killed to be rid of the task before it, or lies about what it has begun.
            self.settle_changed(task);
        } else if task.cancelled {
            self.withdrawn(task);
        } else if self.stopped || self.is_unwanted(&task) {
            self.give_up(task);
        } else if task.history.as_ref().is_some_and(|history| !history.deaths.is_empty()) {
            // Still suspected, although no worker has begun it since.
            self.suspects.insert(Work::One(task));
        } else {
            self.enqueue(Work::One(task));
        }
    }

    /// The next settled tasks of a run, in the run's order.
    pub fn pop(&mut self, run: RunId) -> Option<Settled> {
        self.runs.pop(run)
    }

    /// Moves tasks whose pause is over to those that wait, and says when the next one's will be.
    pub fn wake_sleepers(&mut self, now: u64) -> Option<u64> {
        while let Some(at) = self.sleeping.iter().position(|sleeper| sleeper.due <= now) {
            let sleeper = self.sleeping.swap_remove(at);
            self.enqueue(Work::One(sleeper.task));
        }
        self.sleeping.iter().map(|sleeper| sleeper.due).min()
    }
}

#[cfg(test)]
mod cases;
#[cfg(test)]
mod tests;
