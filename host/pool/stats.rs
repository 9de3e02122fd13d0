//! What a pool has done and is doing, and where its tasks are.

use std::time::Duration;

use crate::model::task::TaskId;
use crate::state::StateStats;

/// What a pool has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Time that workers spent on tasks, together.
    pub busy: Duration,
    /// The part of it in which they made instances of the program.
    pub start: Duration,
    /// Time that tasks waited from when they were accepted until they started, together.
    pub queue: Duration,
    /// Attempts that workers answered.
    pub answers: u64,
    /// Bytes of inputs of these attempts.
    pub bytes_in: u64,
    /// Bytes of their outputs.
    pub bytes_out: u64,
    /// Workers that started.
    pub started: u64,
    /// Workers that died or had to be killed.
    pub deaths: u64,
    /// Workers that were replaced on purpose.
    pub retired: u64,
    /// What tasks did with shared state, if there is any.
    pub state: Option<StateStats>,
}

impl Stats {
    /// Counts attempts that a worker answered, with what they waited together.
    pub(super) fn count(&mut self, answers: u64, (bytes_in, bytes_out): (usize, usize), waited: Duration) {
        self.answers += answers;
        self.queue += waited;
        self.bytes_in += bytes_in as u64;
        self.bytes_out += bytes_out as u64;
    }
}

/// A task that a worker has begun and not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// The slot of its worker.
    pub slot: u32,
    /// The worker's process.
    pub pid: u32,
    /// The task.
    pub task: TaskId,
    /// For how long the host has seen it run, which is up to 20 ms less than it has.
    pub age: Duration,
    /// The last line that it has written to stderr (or, if it is no command, to stdout), of at most 192 bytes and
    /// without active characters ([`crate::model::inert`]); empty when it has written none.
    pub note: String,
}

/// Where a submitted task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskState {
    /// It waits: for a worker, or for another attempt.
    Queued,
    /// A worker has begun it.
    Running,
    /// It has settled.
    Done,
}
