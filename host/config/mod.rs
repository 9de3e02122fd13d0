//! The settings of a pool.

mod fit;
mod settle;

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;

use crate::model::error::Error;
use crate::model::event::Observer;
use crate::model::fence::SandboxMode;
use crate::model::isolation::Interrupt;
use crate::model::limits::CompileLimits;
use crate::model::retry::Retry;
use crate::model::settings::TaskSettings;
use crate::spawn::command::WorkerCommand;
use crate::state::SharedState;

pub(crate) use settle::SHORTEST_KILL;

/// Most workers of a pool: each takes two pipes, a page and some 10 MiB, and more than a thousand have not been tried.
pub const MAX_WORKERS: usize = 1024;

/// Settings of a pool, for [`crate::Builder::config`].
#[derive(Clone, Debug)]
pub struct PoolConfig {
    /// What the children are. Default: an installed `wpool`, see [`WorkerCommand::wpool`].
    pub worker: Option<WorkerCommand>,
    /// Worker processes, at most [`MAX_WORKERS`]. Default: what affinity and cgroup quota allow.
    pub workers: usize,
    /// How tasks are run.
    pub task: TaskSettings,
    /// Limits of the compiler.
    pub compile_limits: CompileLimits,
    /// What stops a task at [`crate::Limits::deadline`]. Without one it changes nothing: an input that has a deadline of its own
    /// is killed at it.
    pub interrupt: Interrupt,
    /// The function to call, as `function` or `interface.function`. Default: what the program's exports say.
    pub call: Option<String>,
    /// How the program's `init` is run. Default: if it has one, once, with an empty argument.
    pub init: Option<Init>,
    /// Most tasks in a lease. Default: by time, about 2 ms of work.
    pub chunksize: Option<NonZeroUsize>,
    /// Workers that may die under a task before it is a `crash`.
    pub crash_limit: u32,
    /// Which tasks that are not ok run again. Default: none.
    pub retry: Retry,
    /// Replace a worker that has been given so many tasks. A worker that grows is replaced in any case: when it has more
    /// than twice the memory that it had after its first tasks, and what a task may use.
    pub max_tasks_per_worker: Option<NonZeroU32>,
    /// State that tasks share, as `wasi:keyvalue`. Only components can reach it. Each answer is then sent before the next
    /// task starts, and a task that has changed the state is not run again when its worker dies.
    pub state: Option<SharedState>,
    /// Where compiled images are kept; `None` compiles anew.
    pub cache: Option<PathBuf>,
    /// From a task's deadline to the kill of its worker, where the worker should have stopped it.
    pub grace: Duration,
    /// How long a worker may owe a move that costs it nothing: claiming a task, or the rest of a frame.
    pub patience: Duration,
    /// How much of the fence around workers and compilers the machine must offer.
    pub sandbox: SandboxMode,
    /// Who is told of events.
    pub observer: Observer,
}

impl Default for PoolConfig {
    fn default() -> Self {
        PoolConfig {
            worker: None,
            workers: default_workers(),
            task: TaskSettings::default(),
            compile_limits: CompileLimits::default(),
            interrupt: Interrupt::default(),
            call: None,
            init: None,
            chunksize: None,
            crash_limit: 3,
            retry: Retry::default(),
            max_tasks_per_worker: None,
            state: None,
            cache: None,
            grace: Duration::from_secs(2),
            patience: Duration::from_secs(10),
            sandbox: SandboxMode::default(),
            observer: Observer::default(),
        }
    }
}

/// How a program's `init` is run. Naming one for a program that has no `init` is an error.
///
/// By default it runs once, in a process of its own and without directories, and what it leaves in memories and globals
/// is frozen: every task starts from there. The result is kept in the cache, by program, argument, environment
/// and memory limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Init {
    /// What `init` is given: as its parameter, or as the standard input of a core module. At most
    /// [`crate::model::limits::MAX_INPUT`] bytes.
    pub argument: Bytes,
    /// Wall time of the one run. With `each`, its time is the task's.
    pub timeout: Duration,
    /// Run `init` in each instance before its task instead, for programs that no snapshot can be made of.
    pub each: bool,
}

impl Default for Init {
    fn default() -> Self {
        Init { argument: Bytes::new(), timeout: Duration::from_secs(60), each: false }
    }
}

impl PoolConfig {
    /// Looks for an installed `wpool` unless the worker is given.
    pub(crate) fn find_worker(&mut self) -> Result<(), Error> {
        if self.worker.is_none() {
            self.worker = Some(WorkerCommand::wpool()?);
        }
        Ok(())
    }

    /// The command that starts children.
    pub(crate) fn worker_command(&self) -> Result<&WorkerCommand, Error> {
        self.worker.as_ref().ok_or(Error::NoWorkerCommand)
    }
}

/// One worker per core that this process may use: affinity and cgroup quota are respected. Asked once: they stand in a
/// dozen files.
fn default_workers() -> usize {
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| std::thread::available_parallelism().map_or(1, NonZeroUsize::get).min(MAX_WORKERS))
}
