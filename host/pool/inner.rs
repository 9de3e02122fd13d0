//! The part of a pool that changes: its queue, what is known of its workers, and how far it has come.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::handle::TaskState;
use super::queue::Queue;
use super::stats::{Running, Stats};
use crate::model::error::Error;
use crate::model::fence::Fence;
use crate::model::outcome::ErrorDetail;
use crate::protocol::page::SharedPage;

/// What is known of a slot's worker from outside of the slot.
#[derive(Default)]
pub(super) struct Place {
    /// The claim word of a living worker.
    pub page: Option<Arc<SharedPage>>,
    /// The slot has no worker, and waits for a reason to start one.
    pub waits: bool,
    /// Its process, as long as nobody has begun to reap it.
    pub pid: Option<u32>,
    /// The running task that is to be cancelled, by its key.
    pub kill: Option<u64>,
    /// The running index and its age, when the slot last looked, and when that was.
    pub seen: Option<(u32, Duration, Instant)>,
}

/// The mutable part, behind one lock that is held for a lease or a frame of answers at a time and never across an
/// await.
pub(super) struct State {
    pub queue: Queue,
    pub places: Vec<Place>,
    /// Slots that have been woken for work and are starting a worker.
    pub starting: usize,
    /// Workers that failed since one last answered, and when the first of them did.
    pub failures: Option<(u32, Instant)>,
    /// Workers that did not come up while others did the work.
    pub missed: u32,
    /// Nothing more is accepted.
    pub closed: bool,
    /// The pool cannot go on.
    pub gave_up: bool,
    /// Why, until somebody was told.
    pub cause: Option<Error>,
    pub stats: Stats,
    /// What stands of the fence around workers: of the first that lacks something, else of the last.
    pub fence: Option<Fence>,
    /// A violation of the fence has been told.
    pub violated: bool,
    /// A worker's notice has been told.
    pub noticed: bool,
}

impl State {
    pub fn new(queue: Queue, slots: usize) -> Self {
        State {
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

    /// The pool cannot go on: whatever has not settled does so now.
    pub fn give_up(&mut self, cause: Error) {
        self.gave_up = true;
        self.end(&ErrorDetail::new("pool-failed", format!("the pool cannot continue: {cause}")));
        self.cause = Some(cause);
        self.queue.wake_callers();
    }

    /// Settles everything, since there will be no workers any more.
    pub fn end(&mut self, why: &ErrorDetail) {
        // What has not begun is told from what was running.
        (0..self.places.len()).for_each(|slot| self.recall(slot));
        self.queue.end(why);
    }

    /// Why no task is accepted any more.
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

    /// Takes back the unstarted tasks of the slot that has most of them, for one that has none.
    pub fn steal(&mut self, thief: usize) {
        let unstarted = |slot: usize| {
            let next = self.places[slot].page.as_ref()?.next();
            Some((self.queue.unstarted(slot, next), slot))
        };
        // A page is not looked at for nothing: its worker writes to it.
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
            _ => TaskState::Queued,
        }
    }

    /// What runs now.
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
