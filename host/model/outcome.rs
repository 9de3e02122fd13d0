//! Outcomes of tasks. Nothing that happens to a task is ever an `Err`.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::model::profile::Profile;
use crate::model::spot::Spot;
use crate::model::touched::Touched;
use crate::model::typed::RowError;

/// The closed list of what can become of a task, as it stands in a record's `status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// The guest answered.
    Ok,
    /// The guest reported a failure: its `err`, or an exit code.
    Failed,
    /// The sandbox stopped a guest that broke a rule of WebAssembly or of the calling convention.
    Trap,
    /// The guest ran longer than its deadline.
    Timeout,
    /// The guest used up its fuel.
    Fuel,
    /// The guest was denied memory and then gave up.
    OutOfMemory,
    /// The guest produced more output than its limit.
    OutputLimit,
    /// The worker died under the task as often as the crash limit allows.
    Crash,
    /// The input was unfit for the guest.
    InvalidInput,
    /// The task was running when the run was stopped at once.
    Cancelled,
    /// The input was read, but the run was stopped before its task started.
    Skipped,
}

impl Status {
    /// Every status, in the order in which summaries list them.
    pub const ALL: [Status; 11] = [
        Status::Ok,
        Status::Failed,
        Status::Trap,
        Status::Timeout,
        Status::Fuel,
        Status::OutOfMemory,
        Status::OutputLimit,
        Status::Crash,
        Status::InvalidInput,
        Status::Cancelled,
        Status::Skipped,
    ];

    /// The status as a word, as in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::Failed => "failed",
            Status::Trap => "trap",
            Status::Timeout => "timeout",
            Status::Fuel => "fuel",
            Status::OutOfMemory => "out-of-memory",
            Status::OutputLimit => "output-limit",
            Status::Crash => "crash",
            Status::InvalidInput => "invalid-input",
            Status::Cancelled => "cancelled",
            Status::Skipped => "skipped",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The reason why a task is not ok, for people and for programs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorDetail {
    /// A finer word than the status: `exit`, `stack-overflow`, `abi`, `line-too-long`…
    pub code: String,
    /// A sentence for people.
    pub message: String,
    /// The exit code of a command or a script, if it gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The signal that ended the worker, such as `SIGKILL`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<String>,
    /// Names of the guest's functions on the stack, innermost first, with `(file:line)` behind them where the program's debug
    /// information has them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub backtrace: Vec<String>,
    /// The frames of a script's own code, as its language prints them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceback: Option<String>,
    /// The task's stderr, within [`crate::Limits::stderr`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stderr: Option<String>,
}

impl ErrorDetail {
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        ErrorDetail { code: code.to_owned(), message: message.into(), ..ErrorDetail::default() }
    }
}

impl ErrorDetail {
    fn size(&self) -> usize {
        let lines: usize = self.backtrace.iter().map(String::len).sum();
        let texts = [self.signal.as_ref(), self.traceback.as_ref(), self.stderr.as_ref()]
            .into_iter()
            .flatten()
            .map(String::len)
            .sum::<usize>();
        self.code.len() + self.message.len() + lines + texts
    }
}

impl From<RowError> for ErrorDetail {
    fn from(error: RowError) -> Self {
        ErrorDetail::new(error.code, error.message)
    }
}

/// A task that is not ok.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Any status but [`Status::Ok`].
    pub status: Status,
    /// The stdout of a command up to its end.
    pub output: Option<Bytes>,
    /// Whether parts of the output are missing: it has its beginning and its end alone, or it was lost with a worker.
    pub truncated: bool,
    /// The reason, for people and for programs.
    pub error: ErrorDetail,
}

/// The end of a task: its output, or its failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The guest's bytes, exactly as it gave them.
    Ok(Bytes),
    /// The task failed, was stopped, or never ran.
    NotOk(Box<Failure>),
}

impl Outcome {
    pub(crate) fn not_ok(status: Status, error: ErrorDetail) -> Self {
        Outcome::NotOk(Box::new(Failure { status, output: None, truncated: false, error }))
    }

    /// The status that records show.
    pub fn status(&self) -> Status {
        match self {
            Outcome::Ok(_) => Status::Ok,
            Outcome::NotOk(failure) => failure.status,
        }
    }

    /// The guest's bytes, if there are any.
    pub fn output(&self) -> Option<&Bytes> {
        match self {
            Outcome::Ok(output) => Some(output),
            Outcome::NotOk(failure) => failure.output.as_ref(),
        }
    }

    /// Bytes of the guest's choosing that the outcome holds in memory while it waits.
    pub(crate) fn size(&self) -> usize {
        let error = match self {
            Outcome::Ok(_) => 0,
            Outcome::NotOk(failure) => failure.error.size(),
        };
        self.output().map_or(0, Bytes::len) + error
    }
}

/// The layer that ended a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// The guest itself: it returned, exited or trapped.
    Guest,
    /// The engine's count of instructions: the fuel was used up.
    Fuel,
    /// The engine's interruption of guest code.
    Epoch,
    /// The worker's timer, around a guest that waits in a host call.
    Timer,
    /// The host's kill: after deadline and grace, or at a deadline that only the host keeps.
    Backstop,
    /// The host's kill on request.
    Kill,
    /// The worker's accounting of memory and output.
    Limiter,
    /// The operating system ended the worker.
    Kernel,
    /// The worker's own fence.
    Sandbox,
    /// The host, before or instead of running the task.
    Host,
}

impl Layer {
    /// Every layer, in the order of their numbers in messages between processes.
    pub const ALL: [Layer; 10] = [
        Layer::Guest,
        Layer::Fuel,
        Layer::Epoch,
        Layer::Timer,
        Layer::Backstop,
        Layer::Kill,
        Layer::Limiter,
        Layer::Kernel,
        Layer::Sandbox,
        Layer::Host,
    ];

    pub(crate) fn from_wire(code: u8) -> Option<Layer> {
        Layer::ALL.get(usize::from(code)).copied()
    }
}

/// Facts about the run of a task. Two runs may differ in them, so records show them only on request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The layer that ended the last attempt.
    pub layer: Layer,
    /// Workers that were given the task; 0 if none was.
    pub attempts: u32,
    /// The slot of the last attempt.
    pub slot: Option<u32>,
    /// Time from the beginning to the answer, measured by the worker.
    pub wall: Duration,
    /// Time from the acceptance by the pool to the start of the last attempt.
    pub wait: Duration,
    /// Time from the start of the pool to the start of the last attempt; zero if there was none.
    pub began: Duration,
    /// Ends of the earlier attempts that were retried. Boxed, because few tasks have any.
    #[expect(clippy::box_collection, reason = "receipts are moved a million times a second")]
    pub(crate) retried: Option<Box<Vec<Status>>>,
    /// The places of the frames of the backtrace, as long as their lines are not looked up. Boxed like the others.
    #[expect(clippy::box_collection, reason = "receipts are moved a million times a second")]
    pub(crate) spots: Option<Box<Vec<Spot>>>,
    /// Present if [`crate::TaskSettings::receipts`] asks for it. Boxed because receipts are moved a million times a
    /// second.
    pub measured: Option<Box<Measured>>,
}

/// Measurements of a task that are made only on request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// Largest linear memory in bytes.
    pub peak_memory: Option<u64>,
    /// Fuel used, in a pool that limits it: see [`crate::Limits::fuel`].
    pub fuel: Option<u64>,
    /// The part of the wall time that making the instance took.
    pub start: Option<Duration>,
    /// Processor time of the worker's own thread, so without the time of file accesses.
    pub cpu: Option<Duration>,
    /// A WebAssembly core dump for debuggers, after a trap and if [`crate::TaskSettings::post_mortem`] asks for it. Empty
    /// if it would exceed [`crate::model::limits::MAX_CORE_DUMP`].
    pub core_dump: Option<Bytes>,
    /// Samples of the stack, if [`crate::TaskSettings::profile`] asks for them.
    pub profile: Option<Profile>,
    /// The stderr of a task that is ok.
    pub stderr: Option<String>,
    /// The things that the task has touched beside its row; `None` if there were none.
    pub touched: Option<Touched>,
}

impl Receipt {
    /// The receipt of a task that no worker was given.
    pub(crate) fn host() -> Self {
        Receipt {
            layer: Layer::Host,
            attempts: 0,
            slot: None,
            wall: Duration::ZERO,
            wait: Duration::ZERO,
            began: Duration::ZERO,
            retried: None,
            spots: None,
            measured: None,
        }
    }

    /// Bytes of the guest's choosing that the receipt holds in memory while it waits.
    pub(crate) fn size(&self) -> usize {
        let spots = self.spots.as_ref().map_or(0, |spots| spots.len() * size_of::<Spot>());
        let measured = self.measured.as_ref().map_or(0, |measured| {
            measured.core_dump.as_ref().map_or(0, Bytes::len)
                + measured.stderr.as_ref().map_or(0, String::len)
                + measured.touched.as_ref().map_or(0, Touched::size)
        });
        spots + measured
    }

    /// Ends of the earlier attempts that were retried, in their order. A task that is ok and has any is flaky.
    pub fn retried(&self) -> &[Status] {
        self.retried.as_deref().map_or(&[], Vec::as_slice)
    }
}
