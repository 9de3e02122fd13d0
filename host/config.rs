//! The settings of a pool.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use crate::command::WorkerCommand;
use crate::event::Observer;
use crate::limits::{CompileLimits, Limits};
use crate::setup::Grants;
use crate::state::SharedState;

/// Most workers of a pool: each takes two pipes, a page and some 10 MiB, and more than a thousand have not been tried.
pub const MAX_WORKERS: usize = 1024;

/// Settings of a pool. `PoolConfig::new(worker)` gives the defaults; change fields as needed.
#[derive(Clone, Debug)]
pub struct PoolConfig {
    /// What the children are.
    pub worker: WorkerCommand,
    /// Worker processes, at most [`MAX_WORKERS`]. Default: what affinity and cgroup quota allow.
    pub workers: usize,
    pub limits: Limits,
    pub compile_limits: CompileLimits,
    pub grants: Grants,
    /// Give a function's result of type string or `list<u8>` as its bytes, not as JSON: outputs are for files, say.
    pub bare_outputs: bool,
    /// The function to call, as `function` or `interface.function`. Default: what the program's exports say.
    pub call: Option<String>,
    /// Give results in input order (default) or as tasks settle.
    pub ordered: bool,
    /// Most tasks in a lease. Default: by time, about 2 ms of work.
    pub chunksize: Option<NonZeroUsize>,
    /// Workers that may die under a task before it is a `crash`.
    pub crash_limit: u32,
    /// Treat inputs that are not a JSON value as `invalid-input`.
    pub json_rows: bool,
    /// Exit codes of a command that count as ok. Preview 1 tells none over 125 apart, which are never ok.
    pub success_codes: Vec<i32>,
    /// Measure wall time and peak memory of each task.
    pub receipts: bool,
    /// State that tasks share, as `wasi:keyvalue`. Only components can reach it. Each answer is then sent before the next
    /// task starts, and a task that has changed the state is not run again when its worker dies.
    pub state: Option<SharedState>,
    /// Where compiled images are kept; `None` compiles anew.
    pub cache: Option<PathBuf>,
    /// From a task's deadline to the kill of its worker.
    pub grace: Duration,
    /// How long a worker may owe a move that costs it nothing: claiming a task, or the rest of a frame.
    pub patience: Duration,
    pub observer: Observer,
}

impl PoolConfig {
    pub fn new(worker: WorkerCommand) -> Self {
        PoolConfig {
            worker,
            workers: default_workers(),
            limits: Limits::default(),
            compile_limits: CompileLimits::default(),
            grants: Grants::default(),
            bare_outputs: false,
            call: None,
            ordered: true,
            chunksize: None,
            crash_limit: 3,
            json_rows: false,
            success_codes: vec![0],
            receipts: false,
            state: None,
            cache: None,
            grace: Duration::from_secs(2),
            patience: Duration::from_secs(10),
            observer: Observer::default(),
        }
    }
}

/// One worker per core that this process may use: affinity and cgroup quota are respected.
fn default_workers() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get).min(MAX_WORKERS)
}
