//! The tasks that one slot's worker has, by the indexes under which the worker knows them.

use std::collections::VecDeque;

use crate::outcome::ErrorDetail;
use crate::task::Input;

/// A task that has not settled.
#[derive(Debug)]
pub(super) struct Task {
    pub id: u64,
    pub input: Input,
    /// Workers that began it.
    pub attempts: u32,
    /// Why those died that died under it; nearly always none.
    #[expect(clippy::box_collection, reason = "tasks are moved a million times a second, and few have seen a death")]
    pub deaths: Option<Box<Vec<ErrorDetail>>>,
    /// It has changed shared state, and is not run again.
    pub dirty: bool,
}

/// Tasks that a worker has and has not answered, in the order in which it runs them.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    pub tasks: VecDeque<Task>,
    /// Index of the first of `tasks` in the worker's life.
    pub first: u32,
    /// The index after the last that was ever leased; no index is used twice.
    pub unused: u32,
    /// A suspect is in here, and nothing may join it.
    pub alone: bool,
    /// Tasks were taken back, so what follows would not be contiguous.
    pub recalled: bool,
}

impl InFlight {
    pub fn end(&self) -> u32 {
        self.first.wrapping_add(self.tasks.len() as u32)
    }

    /// How many tasks the worker has begun, if `next` is the index it would begin next. A claim word that makes no
    /// sense comes from a captured worker: the first task is then taken as begun.
    pub fn begun(&self, next: u32) -> usize {
        let begun = next.wrapping_sub(self.first) as usize;
        if begun <= self.tasks.len() { begun } else { 1.min(self.tasks.len()) }
    }
}
