//! Tasks, and what has become of them so far.

use std::sync::Arc;

use super::runs::RunId;
use super::ticket::Ticket;
use crate::model::outcome::{ErrorDetail, Outcome, Receipt, Status};
use crate::model::task::{Input, TaskId};

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
