//! Counters of a pool, and the places of its tasks.

use std::time::Duration;

use crate::model::task::TaskId;
use crate::state::StateStats;

/// Counters of a pool so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Time since the start of the pool, by its own clock.
    pub uptime: Duration,
    /// Time that workers spent on tasks, summed.
    pub busy: Duration,
    /// The part of `busy` in which workers made instances of the program.
    pub start: Duration,
    /// Time from the acceptance of tasks to their start, summed.
    pub queue: Duration,
    /// Attempts that workers answered.
    pub answers: u64,
    /// Bytes of the inputs of these attempts.
    pub bytes_in: u64,
    /// Bytes of the outputs of these attempts.
    pub bytes_out: u64,
    /// Workers that started.
    pub started: u64,
    /// Workers that died or had to be killed.
    pub deaths: u64,
    /// Workers that were replaced on purpose.
    pub retired: u64,
    /// Counters of shared state, if the pool has any.
    pub state: Option<StateStats>,
}

impl Stats {
    /// Counts answered attempts. `waited` is the sum of their waits.
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
    /// The time since the host first saw it run. The true time is up to 20 ms longer.
    pub age: Duration,
    /// The last line of its stderr (of its stdout, unless it is a command), at most 192 bytes and without active
    /// characters ([`crate::model::inert`]). Empty if it has written nothing.
    pub note: String,
}

/// Where a submitted task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskState {
    /// It waits for a worker, or for another attempt.
    Queued,
    /// A worker has begun it.
    Running,
    /// It has settled.
    Done,
}
