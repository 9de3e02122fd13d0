//! Builds a pool from a program and settings.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use crate::config::{Init, PoolConfig};
use crate::model::event::Observer;
use crate::model::isolation::{Interrupt, Isolation};
use crate::model::program::Program;
use crate::model::retry::Retry;
use crate::policy::Policy;
use crate::spawn::command::WorkerCommand;
use crate::state::SharedState;

/// Settings of a pool before it is built. Settings without a method here are fields of [`PoolConfig`]; see
/// [`Builder::config`].
#[derive(Clone, Debug)]
pub struct Builder {
    pub(super) program: Program,
    pub(super) config: PoolConfig,
    pub(super) policy: Policy,
}

impl Builder {
    pub(super) fn new(program: Program) -> Self {
        Builder { program, config: PoolConfig::default(), policy: Policy::default() }
    }

    /// Replaces all settings. Policies of [`Builder::policy`] stay.
    pub fn config(self, config: PoolConfig) -> Self {
        Builder { config, ..self }
    }

    /// The command that starts children. Default: an installed `wpool`.
    pub fn worker(mut self, worker: WorkerCommand) -> Self {
        self.config.worker = Some(worker);
        self
    }

    /// The number of worker processes.
    pub fn workers(mut self, workers: usize) -> Self {
        self.config.workers = workers;
        self
    }

    /// Wall time of a task.
    pub fn timeout(mut self, deadline: Duration) -> Self {
        self.config.task.limits.deadline = Some(deadline);
        self
    }

    /// Processor time of a task.
    pub fn cpu_time(mut self, time: Duration) -> Self {
        self.config.task.limits.cpu = Some(time);
        self
    }

    /// The means that stops a task at its deadline.
    pub fn interrupt(mut self, interrupt: Interrupt) -> Self {
        self.config.interrupt = interrupt;
        self
    }

    /// Memory of a task in bytes.
    pub fn memory(mut self, bytes: u64) -> Self {
        self.config.task.limits.memory = bytes;
        self
    }

    /// Treats inputs as JSON values. Any other input is `invalid-input`, and functions get arguments of their types.
    pub fn json_rows(mut self) -> Self {
        self.config.task.json_rows = true;
        self
    }

    /// The function to call: see [`PoolConfig::call`].
    pub fn call(mut self, function: impl Into<String>) -> Self {
        self.config.call = Some(function.into());
        self
    }

    /// The exported allocator of a raw module: see [`PoolConfig::alloc`].
    pub fn alloc(mut self, function: impl Into<String>) -> Self {
        self.config.alloc = Some(function.into());
        self
    }

    /// The way in which the program's `init` runs.
    pub fn init(mut self, init: Init) -> Self {
        self.config.init = Some(init);
        self
    }

    /// State that tasks share, through `wasi:keyvalue`.
    pub fn state(mut self, state: SharedState) -> Self {
        self.config.state = Some(state);
        self
    }

    /// The most tasks in one lease to a worker.
    pub fn chunksize(mut self, most: NonZeroUsize) -> Self {
        self.config.chunksize = Some(most);
        self
    }

    /// Which tasks run again.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.config.retry = retry;
        self
    }

    /// Replaces a worker after this many tasks.
    pub fn max_tasks_per_worker(mut self, most: NonZeroU32) -> Self {
        self.config.max_tasks_per_worker = Some(most);
        self
    }

    /// Whether each task has an instance of its own.
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.config.task.isolation = isolation;
        self
    }

    /// Bounds all settings, also those that are set later. Of several policies each one applies.
    pub fn policy(mut self, policy: &Policy) -> Self {
        self.policy = self.policy.and(policy);
        self
    }

    /// The time from the pool's start after which it ends: see [`PoolConfig::lifetime`].
    pub fn lifetime(mut self, time: Duration) -> Self {
        self.config.lifetime = Some(time);
        self
    }

    /// The observer of events.
    pub fn observer(mut self, observer: Observer) -> Self {
        self.config.observer = observer;
        self
    }

    /// The folder in which compiled programs are cached.
    pub fn cache(mut self, folder: impl Into<PathBuf>) -> Self {
        self.config.cache = Some(folder.into());
        self
    }
}
