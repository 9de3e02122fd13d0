//! The settings of a pool.

mod bind;
mod ceilings;
mod fit;
pub(crate) mod settle;

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
use crate::policy::Policy;
use crate::spawn::command::WorkerCommand;
use crate::state::SharedState;

/// The most workers of a pool. Each takes two pipes, a page and some 10 MiB, and more than a thousand have not been
/// tried.
pub const MAX_WORKERS: usize = 1024;

/// Settings of a pool, for [`crate::Builder::config`].
#[derive(Clone, Debug)]
pub struct PoolConfig {
    /// The command that starts children. Default: an installed `wpool`, see [`WorkerCommand::wpool`].
    pub worker: Option<WorkerCommand>,
    /// The number of worker processes, at most [`MAX_WORKERS`]. Default: as many as affinity and cgroup quota allow.
    pub workers: usize,
    /// The settings of tasks.
    pub task: TaskSettings,
    /// Limits of the compiler.
    pub compile_limits: CompileLimits,
    /// The means that stops a task at [`crate::Limits::deadline`]. Has no effect without that limit: the deadline of a
    /// single input is then enforced by a kill.
    pub interrupt: Interrupt,
    /// The function to call, as `function` or `interface.function`. In a core module, a function `() -> ()` or `() -> i32` is
    /// called as a command, and `(i32, i32) -> i64` as a raw function. Default: the entry that the program's exports
    /// suggest.
    pub call: Option<String>,
    /// The exported allocator of a raw module. Default: the one that the names of its exports suggest.
    pub alloc: Option<String>,
    /// The way in which the program's `init` runs. Default: if there is an `init`, once, with an empty argument.
    pub init: Option<Init>,
    /// Most tasks in a lease. Default: by time, about 2 ms of work.
    pub chunksize: Option<NonZeroUsize>,
    /// The number of workers that may die under a task before it is a `crash`.
    pub crash_limit: u32,
    /// Which tasks that are not ok run again. Default: none.
    pub retry: Retry,
    /// Replaces a worker after this many tasks. A worker that grows is replaced in any case: when it has more than
    /// twice the memory that it had after its first tasks, plus what a task may use.
    pub max_tasks_per_worker: Option<NonZeroU32>,
    /// State that tasks share, through `wasi:keyvalue`. Only components can reach it. Each answer is then sent before
    /// the next task starts, and a task that has changed the state is not run again when its worker dies.
    pub state: Option<SharedState>,
    /// The folder for compiled images. `None` compiles every time.
    pub cache: Option<PathBuf>,
    /// Time from a task's deadline to the kill of its worker, when the worker should have stopped the task itself.
    pub grace: Duration,
    /// The longest time for which a worker may owe a cheap move: claiming a task, or the rest of a frame. Also the longest
    /// time for which its process may be stopped (`SIGSTOP`) before another takes its place. Its task then runs again, and
    /// is not blamed.
    pub patience: Duration,
    /// Time from the pool's start after which it takes no more tasks, and skips those that have not begun. Running tasks have
    /// [`PoolConfig::grace`] to finish. Default: none.
    pub lifetime: Option<Duration>,
    /// The policy that bounds all other settings: see [`PoolConfig::bind`]. Default: nothing.
    pub policy: Policy,
    /// The part of the fence around workers and compilers that the machine must offer.
    pub sandbox: SandboxMode,
    /// The observer of events.
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
            alloc: None,
            init: None,
            chunksize: None,
            crash_limit: 3,
            retry: Retry::default(),
            max_tasks_per_worker: None,
            state: None,
            cache: None,
            grace: Duration::from_secs(2),
            patience: Duration::from_secs(10),
            lifetime: None,
            policy: Policy::default(),
            sandbox: SandboxMode::default(),
            observer: Observer::default(),
        }
    }
}

/// The way in which a program's `init` runs. Setting it for a program without `init` is an error.
///
/// By default `init` runs once, in a process of its own and without directories. The resulting memories and globals are
/// frozen, and every task starts from them. The cache keeps them by program, argument, environment and memory limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Init {
    /// The argument of `init`: its parameter, or the standard input of a core module. At most
    /// [`crate::model::limits::MAX_INPUT`] bytes.
    pub argument: Bytes,
    /// Wall time of the single run. With `each`, its time is part of the task's.
    pub timeout: Duration,
    /// Runs `init` in each instance before its task instead, for programs whose state cannot become a snapshot.
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

/// One worker per core that this process may use, by affinity and cgroup quota. Determined only once, because they
/// stand in a dozen files.
fn default_workers() -> usize {
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| std::thread::available_parallelism().map_or(1, NonZeroUsize::get).min(MAX_WORKERS))
}
