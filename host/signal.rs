//! Names for how a process ended.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use rustix::process::Signal;

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

/// A sentence part: `exited with code 3`, `was killed by SIGSEGV`.
pub(crate) fn describe(status: ExitStatus) -> String {
    match (name(status), status.code()) {
        (Some(signal), _) => format!("was killed by {signal}"),
        (None, Some(code)) => format!("exited with code {code}"),
        (None, None) => "ended".to_owned(),
    }
}
