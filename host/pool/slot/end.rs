//! Why a slot parts with its worker, and what that says about the task that was running.

use std::process::ExitStatus;
use std::time::Duration;

use crate::model::outcome::ErrorDetail;
use crate::pool::queue::Verdict;
use crate::protocol::page::Cause;
use crate::protocol::setup::timeout_detail;
use crate::spawn::process::Process;
use crate::spawn::signal;

/// The fence ended the worker.
const SANDBOX_VIOLATION: &str = "sandbox-violation";
/// The worker was given no memory.
const OUT_OF_MEMORY: &str = "worker-out-of-memory";

/// Why a slot parts with its worker.
#[derive(Debug)]
pub(super) enum End {
    /// The pool is closed and the worker has nothing to do.
    Closed,
    /// It has nothing to do and is to be replaced, for this reason.
    Retired(String),
    /// The host kills it: the task with this key is over this deadline, and over the grace for those who should have
    /// stopped it.
    Backstop(u64, Duration, Duration),
    /// The host kills it to cancel the task with this key, or whatever runs.
    Cancelled(Option<u64>),
    /// Somebody has stopped its process and not continued it for so long.
    Stood(Duration),
    /// It broke the protocol.
    Misbehaved { code: &'static str, why: String },
    /// It closed its pipe.
    Gone,
}

impl End {
    /// What is told of the worker, as the rest of a sentence that begins with it. `status` is how it ended by itself.
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

    /// What it means for the task that was running. `why` is the end as it is told, `status` how the worker ended by itself.
    pub fn verdict(&self, why: &str, status: Option<ExitStatus>, cause: Cause, process: &Process) -> Verdict {
        match self {
            End::Backstop(key, deadline, _) => Verdict::Timeout(*key, timeout_detail(*deadline)),
            End::Cancelled(key) => Verdict::Cancelled(*key),
            End::Stood(_) => Verdict::Stood(self.detail(why, status, cause, process)),
            _ => {
                let detail = self.detail(why, status, cause, process);
                match detail.code.as_str() {
                    SANDBOX_VIOLATION => Verdict::Violated(detail),
                    OUT_OF_MEMORY => Verdict::OutOfMemory(detail),
                    _ => Verdict::Died(detail),
                }
            }
        }
    }

    /// What is told of the task that was running in a worker that died, if it is told at all.
    fn detail(&self, why: &str, status: Option<ExitStatus>, cause: Cause, process: &Process) -> ErrorDetail {
        let signal = status.and_then(signal::name);
        let code = match (self, cause) {
            (End::Misbehaved { code, .. }, _) => code,
            (End::Stood(_), _) => "worker-stopped",
            // The kernel's word comes before the worker's own.
            _ if signal::is_violation(status) => SANDBOX_VIOLATION,
            (_, Cause::OutOfMemory) if signal::is_abort(status) => OUT_OF_MEMORY,
            (_, Cause::Panic) => "worker-panic",
            (_, Cause::Protocol) => "worker-protocol",
            (_, Cause::Unknown | Cause::OutOfMemory) if signal.is_some() => "signal",
            (_, Cause::Unknown | Cause::OutOfMemory) => "worker-exit",
        };
        let last_words = if signal.is_some() { String::new() } else { process.last_words() };
        let separator = if last_words.is_empty() { "" } else { ": " };
        ErrorDetail { signal, ..ErrorDetail::new(code, format!("its worker {why}{separator}{last_words}")) }
    }
}
