//! Tasks, and their history so far.

use std::sync::Arc;

use super::runs::RunId;
use super::ticket::Ticket;
use crate::model::outcome::{ErrorDetail, Outcome, Receipt, Status};
use crate::model::task::{Input, TaskId};

/// A task that has not settled.
#[derive(Debug)]
pub(in crate::pool) struct Task {
    /// The task's place in the order of acceptance. The oldest waiting task goes first.
    pub key: u64,
    pub id: TaskId,
    pub home: Home,
    pub input: Input,
    /// The time of acceptance, in nanoseconds of the pool's clock.
    pub accepted: u64,
    /// Workers that began it.
    pub attempts: u32,
    /// Earlier failures. Nearly always `None`.
    pub history: Option<Box<History>>,
    /// The task has changed shared state since it last began.
    pub dirty: bool,
    /// The caller no longer wants the task, and a worker has it.
    pub cancelled: bool,
}

/// The caller that waits for a task's result.
#[derive(Debug)]
pub(in crate::pool) enum Home {
    Run(RunId),
    Handle(Arc<Ticket>),
}

/// Earlier failures of a task. Boxed, because tasks are moved a million times a second and few have failures.
#[derive(Debug, Default)]
pub(in crate::pool) struct History {
    /// The deaths of workers under the task since its last retry.
    pub deaths: Vec<ErrorDetail>,
    /// The statuses of retried attempts.
    pub retried: Vec<Status>,
    /// The result of the last attempt. It is the task's result if there is no further attempt after all.
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
