//! Words for the end of a process.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use rustix::process::Signal;

use crate::spawn::machine::explained;

/// The name of the signal that ended a process, such as `SIGKILL`.
pub(crate) fn name(status: ExitStatus) -> Option<String> {
    let number = status.signal()?;
    let name = match Signal::from_named_raw(number)? {
        Signal::ABORT => "SIGABRT",
        Signal::BUS => "SIGBUS",
        Signal::FPE => "SIGFPE",
        Signal::ILL => "SIGILL",
        Signal::KILL => "SIGKILL",
        Signal::SEGV => "SIGSEGV",
        Signal::SYS => "SIGSYS",
        Signal::TERM => "SIGTERM",
        Signal::TRAP => "SIGTRAP",
        Signal::XCPU => "SIGXCPU",
        _ => return Some(format!("signal {number}")),
    };
    Some(name.to_owned())
}

/// Whether the kernel ended a process for a system call that its fence forbids.
pub(crate) fn is_violation(status: Option<ExitStatus>) -> bool {
    was_ended_by(status, Signal::SYS)
}

/// Whether a process aborted itself.
pub(crate) fn is_abort(status: Option<ExitStatus>) -> bool {
    was_ended_by(status, Signal::ABORT)
}

fn was_ended_by(status: Option<ExitStatus>, signal: Signal) -> bool {
    status.and_then(|status| status.signal()) == Some(signal.as_raw())
}

/// A sentence part: `exited with code 3`, `was killed by SIGSEGV`.
pub(crate) fn describe(status: ExitStatus) -> String {
    match (name(status), status.code()) {
        (Some(_), _) if is_violation(Some(status)) => {
            "was killed by SIGSYS, for a system call that its fence forbids".into()
        }
        (Some(signal), _) => explained(format!("was killed by {signal}")),
        (None, Some(code)) => format!("exited with code {code}"),
        (None, None) => "ended".to_owned(),
    }
}
