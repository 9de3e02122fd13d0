//! Why a slot parts with its worker, and what follows for the task that was running.

use std::process::ExitStatus;
use std::time::Duration;

use crate::model::outcome::ErrorDetail;
use crate::pool::queue::Verdict;
use crate::protocol::page::Cause;
use crate::protocol::setup::timeout_detail;
use crate::spawn::process::Process;
use crate::spawn::signal;

/// Why a worker died, or was killed for its own fault: the `error.code` of the task that was running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Death {
    /// The fence ended it.
    Violation,
    /// The system had no memory for it.
    OutOfMemory,
    Panic,
    /// It broke the protocol.
    Protocol,
    /// A signal stopped it, and it did not continue.
    Stopped,
    /// A signal ended it.
    Signal,
    /// It exited, or closed its output.
    Exit,
}

impl Death {
    fn as_str(self) -> &'static str {
        match self {
            Death::Violation => "sandbox-violation",
            Death::OutOfMemory => "worker-out-of-memory",
            Death::Panic => "worker-panic",
            Death::Protocol => "worker-protocol",
            Death::Stopped => "worker-stopped",
            Death::Signal => "signal",
            Death::Exit => "worker-exit",
        }
    }
}

/// Why a slot parts with its worker.
#[derive(Debug)]
pub(super) enum End {
    /// The pool is closed and the worker is idle.
    Closed,
    /// The worker is idle and due to be replaced, for this reason.
    Retired(String),
    /// The host kills the worker: the task with this key is over this deadline, and over this grace for the deadline's
    /// usual enforcer.
    Backstop(u64, Duration, Duration),
    /// The host kills the worker to cancel the task with this key, or the running task, whichever it is.
    Cancelled(Option<u64>),
    /// Somebody stopped the worker's process, and did not continue it for so long.
    Stood(Duration),
    /// The worker broke the protocol.
    Misbehaved { death: Death, why: String },
    /// The worker closed its pipe.
    Gone,
}

impl End {
    /// Describes the end, as the rest of a sentence that begins with the worker. `status` is the worker's own exit
    /// status.
    pub fn describe(&self, status: Option<ExitStatus>) -> String {
        match (self, status) {
            (End::Backstop(_, _, Duration::ZERO), _) => "was killed at its task's deadline".to_owned(),
            (End::Backstop(..), _) => "was killed after a task's deadline and grace".to_owned(),
            (End::Cancelled(None), _) => "was killed because the run ended".to_owned(),
            (End::Cancelled(Some(_)), _) => "was killed because its task was cancelled".to_owned(),
            (End::Retired(why), _) => why.clone(),
            (End::Stood(time), _) => format!("was stopped by a signal for {time:?}, and was killed"),
            (End::Misbehaved { why, .. }, _) => format!("{why}, and was killed"),
            (End::Gone | End::Closed, Some(status)) => signal::describe(status),
            (End::Gone | End::Closed, None) => "closed its output, and was killed".to_owned(),
        }
    }

    /// The meaning of the end for the running task. `why` is the description of the end, `status` the worker's own exit
    /// status.
    pub fn verdict(&self, why: &str, status: Option<ExitStatus>, cause: Cause, process: &Process) -> Verdict {
        match self {
            End::Backstop(key, deadline, _) => Verdict::Timeout(*key, timeout_detail(*deadline)),
            End::Cancelled(key) => Verdict::Cancelled(*key),
            End::Stood(_) => Verdict::Stood(detail(Death::Stopped, why, status, process)),
            _ => {
                let death = self.death(status, cause);
                let detail = detail(death, why, status, process);
                match death {
                    Death::Violation => Verdict::Violated(detail),
                    Death::OutOfMemory => Verdict::OutOfMemory(detail),
                    _ => Verdict::Died(detail),
                }
            }
        }
    }

    fn death(&self, status: Option<ExitStatus>, cause: Cause) -> Death {
        match (self, cause) {
            (End::Misbehaved { death, .. }, _) => *death,
            (End::Stood(_), _) => Death::Stopped,
            // The kernel's report has precedence over the worker's.
            _ if signal::is_violation(status) => Death::Violation,
            (_, Cause::OutOfMemory) if signal::is_abort(status) => Death::OutOfMemory,
            (_, Cause::Panic) => Death::Panic,
            (_, Cause::Protocol) => Death::Protocol,
            (_, Cause::Unknown | Cause::OutOfMemory) if status.and_then(signal::name).is_some() => Death::Signal,
            (_, Cause::Unknown | Cause::OutOfMemory) => Death::Exit,
        }
    }
}

/// The error of the task that was running in a worker that died.
fn detail(death: Death, why: &str, status: Option<ExitStatus>, process: &Process) -> ErrorDetail {
    let signal = status.and_then(signal::name);
    let last_words = if signal.is_some() { String::new() } else { process.last_words() };
    let separator = if last_words.is_empty() { "" } else { ": " };
    ErrorDetail { signal, ..ErrorDetail::new(death.as_str(), format!("its worker {why}{separator}{last_words}")) }
}
