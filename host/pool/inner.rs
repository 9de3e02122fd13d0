//! The mutable part of a pool: its queue, facts about its workers, and its progress.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::queue::Queue;
use super::stats::{Running, Stats, TaskState};
use crate::model::error::Error;
use crate::model::fence::Fence;
use crate::model::outcome::ErrorDetail;
use crate::protocol::page::SharedPage;

/// Facts about a slot's worker that code outside of the slot needs.
#[derive(Default)]
pub(super) struct Place {
    /// The claim word of a living worker.
    pub page: Option<Arc<SharedPage>>,
    /// The slot has no worker, and waits for a reason to start one.
    pub waits: bool,
    /// The process id, until somebody begins to reap the process.
    pub pid: Option<u32>,
    /// The running task that is to be cancelled, by its key.
    pub kill: Option<u64>,
    /// The running index, its age at the slot's last look, and the time of that look.
    pub seen: Option<(u32, Duration, Instant)>,
}

/// The mutable part, behind one lock. The lock is held for one lease or one frame of answers at a time, and never
/// across an await.
pub(super) struct PoolState {
    pub queue: Queue,
    pub places: Vec<Place>,
    /// Slots that were woken for work and are starting a worker.
    pub starting: usize,
    /// The number of workers that failed since the last answer of any worker, and the time of the first failure.
    pub failures: Option<(u32, Instant)>,
    /// The number of workers that did not come up while others did the work.
    pub missed: u32,
    /// The pool accepts no more tasks.
    pub closed: bool,
    /// The pool cannot go on.
    pub gave_up: bool,
    /// The reason, until it was returned to a caller.
    pub cause: Option<Error>,
    pub stats: Stats,
    /// The state of the fence around workers: of the first worker whose fence lacks something, else of the last worker.
    pub fence: Option<Fence>,
    /// A violation of the fence was reported.
    pub violated: bool,
    /// A worker's notice was reported.
    pub noticed: bool,
}

impl PoolState {
    pub fn new(queue: Queue, slots: usize) -> Self {
        PoolState {
            queue,
            places: std::iter::repeat_with(Place::default).take(slots).collect(),
            starting: 0,
            failures: None,
            missed: 0,
            closed: false,
            gave_up: false,
            cause: None,
            stats: Stats::default(),
            fence: None,
            violated: false,
            noticed: false,
        }
    }

    /// Whether another task may be accepted, now or later.
    pub fn accepts(&self) -> bool {
        !self.closed && !self.gave_up
    }

    /// Settles all remaining tasks, because the pool cannot go on.
    pub fn give_up(&mut self, cause: Error) {
        self.gave_up = true;
        self.end(&ErrorDetail::new("pool-failed", format!("the pool cannot continue: {cause}")));
        self.cause = Some(cause);
        self.queue.wake_callers();
    }

    /// Settles everything, because there will be no more workers.
    pub fn end(&mut self, why: &ErrorDetail) {
        // This separates unstarted tasks from running ones.
        (0..self.places.len()).for_each(|slot| self.recall(slot));
        self.queue.end(why);
    }

    /// The reason for rejecting further tasks.
    pub fn refusal(&mut self) -> Error {
        self.cause.take().unwrap_or(Error::Ended)
    }

    /// Takes the unstarted tasks of a slot back into the queue.
    pub fn recall(&mut self, slot: usize) {
        if let Some(page) = &self.places[slot].page {
            let from = page.recall();
            self.queue.take_back(slot, from);
        }
    }

    /// Takes back the unstarted tasks of the slot with the most, for a slot that has none.
    pub fn steal(&mut self, thief: usize) {
        let unstarted = |slot: usize| {
            let next = self.places[slot].page.as_ref()?.next();
            Some((self.queue.unstarted(slot, next), slot))
        };
        // Reads a page only for slots that may have unstarted tasks: its worker writes to it, so a read is not free.
        let slots = (0..self.places.len()).filter(|&slot| slot != thief && self.queue.in_flight(slot) > 0);
        if let Some((_, victim)) = slots.filter_map(unstarted).max().filter(|(count, _)| *count > 0) {
            self.recall(victim);
        }
    }

    /// The key of the task that runs in a slot.
    pub fn running_key(&self, slot: usize) -> Option<u64> {
        let next = self.places[slot].page.as_ref()?.next();
        self.queue.running(slot, next).map(|(_, task)| task.key)
    }

    /// Where a submitted task is.
    pub fn task_state(&self, key: u64) -> TaskState {
        match self.queue.slot_of(key) {
            Some(slot) if self.running_key(slot) == Some(key) => TaskState::Running,
            None if self.queue.waits_for_lines(key) => TaskState::Running,
            _ => TaskState::Queued,
        }
    }

    /// The running tasks.
    pub fn running(&self) -> Vec<Running> {
        let running = |slot: usize| {
            let place = &self.places[slot];
            let page = place.page.as_ref()?;
            let (index, task) = self.queue.running(slot, page.next())?;
            let seen = place.seen.filter(|(seen, _, _)| *seen == index);
            let age = seen.map_or(Duration::ZERO, |(_, age, when)| age + when.elapsed());
            Some(Running { slot: slot as u32, pid: place.pid?, task: task.id, age, note: page.note() })
        };
        (0..self.places.len()).filter_map(running).collect()
    }
}
