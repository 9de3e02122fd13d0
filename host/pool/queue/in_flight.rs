//! Tasks, and those that one slot's worker has, by the indexes under which the worker knows them.

use std::sync::Arc;

use super::runs::RunId;
use super::work::Works;
use crate::model::outcome::{ErrorDetail, Outcome, Receipt, Status};
use crate::model::task::{Input, TaskId};
use crate::pool::handle::Ticket;
use crate::protocol::wire::WireError;

/// A task that has not settled.
#[derive(Debug)]
pub(in crate::pool) struct Task {
    /// Its place in the order in which tasks were accepted; of all that wait, the oldest goes first.
    pub key: u64,
    pub id: TaskId,
    pub home: Home,
    pub input: Input,
    /// When it was accepted, in nanoseconds of the pool's clock.
    pub accepted: u64,
    /// Workers that began it.
    pub attempts: u32,
    /// What went wrong with it before; nearly always nothing.
    pub history: Option<Box<History>>,
    /// It has changed shared state since it was last begun.
    pub dirty: bool,
    /// Its caller wants it no more, and it is with a worker.
    pub cancelled: bool,
}

/// Who waits for a task's result.
#[derive(Debug)]
pub(in crate::pool) enum Home {
    Run(RunId),
    Handle(Arc<Ticket>),
}

/// What went wrong with a task before. Boxed, because tasks are moved a million times a second and few have one.
#[derive(Debug, Default)]
pub(in crate::pool) struct History {
    /// Why those workers died that died under it since it was last put aside for a retry.
    pub deaths: Vec<ErrorDetail>,
    /// How the attempts ended after which it was retried.
    pub retried: Vec<Status>,
    /// What the last of them came to: if there is no further attempt after all, it is the task's.
    pub last: Option<(Outcome, Receipt)>,
}

impl Task {
    pub fn run(&self) -> Option<RunId> {
        match self.home {
            Home::Run(run) => Some(run),
            Home::Handle(_) => None,
        }
    }

    pub fn history(&mut self) -> &mut History {
        self.history.get_or_insert_default()
    }

    /// Retries so far.
    pub fn retries(&self) -> u32 {
        self.history.as_ref().map_or(0, |history| history.retried.len() as u32)
    }
}

/// Tasks that a worker has and has not answered, in the order in which it runs them.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    pub tasks: Works,
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
    /// Whether the worker may answer the task at `index` now.
    pub fn expect(&self, index: u32) -> Result<(), WireError> {
        if index == self.first { Ok(()) } else { Err(WireError::Index { got: index, expected: self.first }) }
    }

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
