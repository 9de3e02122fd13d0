//! The settings of a pool.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;

use crate::model::error::Error;
use crate::model::event::Observer;
use crate::model::fence::SandboxMode;
use crate::model::grants::Grants;
use crate::model::isolation::{Determinism, Interrupt, Isolation, WATCHED_PAGE};
use crate::model::limits::{CompileLimits, DETERMINISTIC_FUEL, Limits};
use crate::model::report::Report;
use crate::model::retry::Retry;
use crate::spawn::command::WorkerCommand;
use crate::state::SharedState;

/// Most workers of a pool: each takes two pipes, a page and some 10 MiB, and more than a thousand have not been tried.
pub const MAX_WORKERS: usize = 1024;

/// The shortest deadline that is kept by a kill. A worker sends answers that wait behind a long task only after
/// some 10 ms, and the host may see the task as late as 10 ms after its start: at a shorter deadline, answers could be lost
/// with the worker that a later task is killed in, and their tasks would run twice.
pub(crate) const SHORTEST_KILL: Duration = Duration::from_millis(30);

/// Settings of a pool, for [`crate::Builder::config`].
#[derive(Clone, Debug)]
pub struct PoolConfig {
    /// What the children are. Default: an installed `wpool`, see [`WorkerCommand::wpool`].
    pub worker: Option<WorkerCommand>,
    /// Worker processes, at most [`MAX_WORKERS`]. Default: what affinity and cgroup quota allow.
    pub workers: usize,
    pub limits: Limits,
    pub compile_limits: CompileLimits,
    /// What stops a task at [`Limits::deadline`]. Without one it changes nothing: an input that has a deadline of its own
    /// is killed at it.
    pub interrupt: Interrupt,
    pub grants: Grants,
    /// How much tasks see of each other. Commands cannot be called again in an instance as they leave it.
    pub isolation: Isolation,
    /// Compare each instance that was put back with a fresh one, byte for byte; a difference is a warning, and from there
    /// on tasks get fresh instances. It is slow, and for those who doubt.
    pub verify_isolation: bool,
    /// Outputs that are always the same. Default: no.
    pub deterministic: Option<Determinism>,
    /// Give a function's result of type string or `list<u8>` as its bytes, not as JSON: outputs are for files, say.
    pub bare_outputs: bool,
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
    /// Treat inputs that are not a JSON value as `invalid-input`.
    pub json_rows: bool,
    /// Exit codes of a command that count as ok.
    pub success_codes: Vec<i32>,
    /// Measure wall time and peak memory of each task.
    pub receipts: bool,
    /// Keep everything about a task that is stopped: the whole backtrace, up to 10 000 frames, and after a trap the core dump
    /// ([`crate::Measured::core_dump`]). For looking at one task: a dump holds the guest's memory. Implies `receipts`.
    pub post_mortem: bool,
    /// State that tasks share, as `wasi:keyvalue`. Only components can reach it. Each answer is then sent before the next
    /// task starts, and a task that has changed the state is not run again when its worker dies.
    pub state: Option<SharedState>,
    /// Where compiled images are kept; `None` compiles anew.
    pub cache: Option<PathBuf>,
    /// From a task's deadline to the kill of its worker, where the worker should have stopped it.
    pub grace: Duration,
    /// How long a worker may owe a move that costs it nothing: claiming a task, or the rest of a frame. And how long its
    /// process may stand that somebody has stopped (`SIGSTOP`), before another takes its place. Its task then runs again,
    /// and is not blamed.
    pub patience: Duration,
    /// How much of the fence around workers and compilers the machine must offer.
    pub sandbox: SandboxMode,
    pub observer: Observer,
}

impl Default for PoolConfig {
    fn default() -> Self {
        PoolConfig {
            worker: None,
            workers: default_workers(),
            limits: Limits::default(),
            compile_limits: CompileLimits::default(),
            interrupt: Interrupt::default(),
            grants: Grants::default(),
            isolation: Isolation::default(),
            verify_isolation: false,
            deterministic: None,
            bare_outputs: false,
            call: None,
            init: None,
            chunksize: None,
            crash_limit: 3,
            retry: Retry::default(),
            max_tasks_per_worker: None,
            json_rows: false,
            success_codes: vec![0],
            receipts: false,
            post_mortem: false,
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
    /// Settles what the children are.
    pub(crate) fn find_worker(&mut self) -> Result<(), Error> {
        if self.worker.is_none() {
            self.worker = Some(WorkerCommand::wpool()?);
        }
        Ok(())
    }

    /// Refuses settings that go against each other, and puts in what follows from them.
    ///
    /// # Errors
    /// [`Error::Config`], naming both.
    pub(crate) fn settle(&mut self) -> Result<(), Error> {
        if self.limits.fuel == Some(0) {
            return Err(Error::Config("a task without any fuel (--fuel 0) cannot run".into()));
        }
        self.receipts |= self.post_mortem;
        self.check_kills()?;
        if self.deterministic.is_none() {
            return Ok(());
        }
        let other = match () {
            () if self.limits.deadline.is_some() => "a limit of time (--timeout); --fuel limits work",
            () if self.state.is_some() => "shared state (--state), which depends on the order of tasks",
            () if !self.isolation.isolates() => "instances that are kept (--isolation)",
            () if self.grants.has_writable_dir() => "a writable directory (--dir …:rw), in which tasks see each other",
            () => {
                self.limits.fuel.get_or_insert(DETERMINISTIC_FUEL);
                return Ok(());
            }
        };
        Err(Error::Config(format!("a deterministic pool (--deterministic) cannot have {other}")))
    }

    /// Refuses kills at deadlines with what they would harm.
    fn check_kills(&self) -> Result<(), Error> {
        let Some(deadline) = self.limits.deadline.filter(|_| self.kills_at_deadline()) else { return Ok(()) };
        let what = match () {
            () if deadline < SHORTEST_KILL => format!(
                "a deadline of {deadline:?} is too short to be kept by kills (--interrupt kill), which may lose answers \
                 that are younger than {SHORTEST_KILL:?}, and run their tasks again: use --interrupt epoch"
            ),
            () if self.isolation == Isolation::Checked => "a task that runs a second time only to be compared \
                 (--isolation reuse=checked) cannot be killed at its deadline (--interrupt kill)"
                .to_owned(),
            () if self.verify_isolation => "comparing an instance (--verify-isolation) takes time that would count as \
                 its task's where the host keeps the deadline (--interrupt kill): use --interrupt epoch"
                .to_owned(),
            () => return Ok(()),
        };
        Err(Error::Config(what))
    }

    /// Whether instances are to be put back after each task if their program allows it, or why not.
    pub(crate) fn puts_back(&self) -> Result<(), String> {
        let why = match () {
            () if !matches!(self.isolation, Isolation::Auto | Isolation::Reset) => {
                "they are to be fresh, or used again"
            }
            () if !self.grants.dirs.is_empty() => "it has directories (--dir)",
            () if self.init.as_ref().is_some_and(|init| init.each) => "`init` is to run in each instance (--init-each)",
            () if self.deterministic.is_some() => "the run is to be deterministic (--deterministic)",
            // Data that is copied into a memory counts as work there, and is mapped in a fresh instance.
            () if self.limits.fuel.is_some() => "work is counted (--fuel), and less of it is done",
            () if self.post_mortem => "everything is kept of a task that is stopped",
            () if self.state.is_some() => "tasks share state (--state), through handles",
            // On x86-64 they always are.
            () if !cfg!(target_arch = "x86_64") && rustix::param::page_size() != WATCHED_PAGE => {
                "this machine's pages of memory are not of 4 KiB"
            }
            () => return Ok(()),
        };
        Err(why.to_owned())
    }

    /// What a worker is to do for this program, and why instances cannot be put back, if they are not.
    pub(crate) fn settled_isolation(&self, report: &Report) -> (Isolation, Result<(), String>) {
        let why = self.puts_back().and_then(|()| report.resettable.clone());
        match self.isolation {
            Isolation::Auto | Isolation::Reset if why.is_ok() => (Isolation::Reset, why),
            Isolation::Auto | Isolation::Reset => (Isolation::Fresh, why),
            other => (other, why),
        }
    }

    /// The limits that workers keep: a deadline that is kept by kills is none of theirs.
    pub(crate) fn worker_limits(&self) -> Limits {
        let deadline = self.limits.deadline.filter(|_| !self.kills_at_deadline());
        Limits { deadline, ..self.limits.clone() }
    }

    /// Whether the pool's deadline is kept by kills.
    pub(crate) fn kills_at_deadline(&self) -> bool {
        self.interrupt == Interrupt::Kill && self.limits.deadline.is_some()
    }

    /// What the children are.
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
