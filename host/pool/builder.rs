//! From a program and settings to a pool.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use crate::config::{Init, PoolConfig};
use crate::model::event::Observer;
use crate::model::isolation::{Interrupt, Isolation};
use crate::model::program::Program;
use crate::model::retry::Retry;
use crate::spawn::command::WorkerCommand;
use crate::state::SharedState;

/// Settings of a pool to be. Those that have no method here are fields of [`PoolConfig`]; see [`Builder::config`].
#[derive(Clone, Debug)]
pub struct Builder {
    pub(super) program: Program,
    pub(super) config: PoolConfig,
}

impl Builder {
    pub(super) fn new(program: Program) -> Self {
        Builder { program, config: PoolConfig::default() }
    }

    /// Replaces all settings.
    pub fn config(self, config: PoolConfig) -> Self {
        Builder { config, ..self }
    }

    /// What the children are. Default: an installed `wpool`.
    pub fn worker(mut self, worker: WorkerCommand) -> Self {
        self.config.worker = Some(worker);
        self
    }

    /// Worker processes.
    pub fn workers(mut self, workers: usize) -> Self {
        self.config.workers = workers;
        self
    }

    /// Wall time of a task.
    pub fn timeout(mut self, deadline: Duration) -> Self {
        self.config.task.limits.deadline = Some(deadline);
        self
    }

    /// What stops a task at its deadline.
    pub fn interrupt(mut self, interrupt: Interrupt) -> Self {
        self.config.interrupt = interrupt;
        self
    }

    /// Memory of a task in bytes.
    pub fn memory(mut self, bytes: u64) -> Self {
        self.config.task.limits.memory = bytes;
        self
    }

    /// Inputs are JSON values: what is none is `invalid-input`, and functions get arguments of their types.
    pub fn json_rows(mut self) -> Self {
        self.config.task.json_rows = true;
        self
    }

    /// The function to call, as `function` or `interface.function`.
    pub fn call(mut self, function: impl Into<String>) -> Self {
        self.config.call = Some(function.into());
        self
    }

    /// How the program's `init` is run.
    pub fn init(mut self, init: Init) -> Self {
        self.config.init = Some(init);
        self
    }

    /// State that tasks share, as `wasi:keyvalue`.
    pub fn state(mut self, state: SharedState) -> Self {
        self.config.state = Some(state);
        self
    }

    /// Most tasks handed to a worker at a time.
    pub fn chunksize(mut self, most: NonZeroUsize) -> Self {
        self.config.chunksize = Some(most);
        self
    }

    /// Which tasks run again.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.config.retry = retry;
        self
    }

    /// Replaces a worker that has been given so many tasks.
    pub fn max_tasks_per_worker(mut self, most: NonZeroU32) -> Self {
        self.config.max_tasks_per_worker = Some(most);
        self
    }

    /// Whether tasks have instances of their own.
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.config.task.isolation = isolation;
        self
    }

    /// Who is told what happens.
    pub fn observer(mut self, observer: Observer) -> Self {
        self.config.observer = observer;
        self
    }

    /// A folder for compiled programs.
    pub fn cache(mut self, folder: impl Into<PathBuf>) -> Self {
        self.config.cache = Some(folder.into());
        self
    }
}
