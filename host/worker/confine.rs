//! What a child gives up before it sees a program or a guest.
#![allow(unsafe_code, reason = "closing and adopting descriptors by number has no safe interface")]

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::Arc;

use rustix::process::{Pid, Resource, Rlimit, Signal, getppid, set_parent_process_death_signal, setrlimit, setsid};
use rustix::stdio::{dup2_stdout, stderr, stdin, stdout};

use super::{BROKEN, Pipes};
use crate::page::{Cause, SharedPage};
use crate::process::{IMAGE_FD, PAGE_FD, Role};

/// The first steps, taken before a byte is read: die with the host, leave its session and its terminal, keep only
/// the descriptors that were handed over, leave no core file, gain no rights.
pub(super) fn begin(role: Role, host: i32) -> io::Result<Pipes> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // The host may have died before that took effect.
    if getppid() != Pid::from_raw(host) {
        return Err(io::Error::other("the host is gone"));
    }
    // Fails only for a process that leads a group already, which then is as far from the terminal as it can be.
    let _ = setsid();
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    rustix::thread::set_no_new_privs(true)?;
    let handed = match role {
        Role::Worker => adopt(IMAGE_FD..PAGE_FD + 1)?,
        Role::Initializer => adopt(IMAGE_FD..IMAGE_FD + 1)?,
        Role::Compiler => adopt(IMAGE_FD..IMAGE_FD)?,
    };
    let from_host = File::from(rustix::io::fcntl_dupfd_cloexec(stdin(), PAGE_FD + 1)?);
    let to_host = File::from(rustix::io::fcntl_dupfd_cloexec(stdout(), PAGE_FD + 1)?);
    // Whatever prints by mistake prints to the host's record of last words, not into the frames.
    dup2_stdout(stderr())?;
    Ok(Pipes { from_host, to_host, handed })
}

/// The last steps, once the program is loaded and before the first guest runs. The fence that narrows what a captured
/// worker can ask of the kernel belongs here.
pub(super) fn finish() -> io::Result<()> {
    Ok(())
}

/// Takes the descriptors that were handed over and closes every other but standard input, output and error.
fn adopt(handed: std::ops::Range<i32>) -> io::Result<Vec<OwnedFd>> {
    // SAFETY: nothing in this process, which has just started, owns a descriptor above those handed over.
    let closed = unsafe { libc::close_range(handed.end as u32, u32::MAX, 0) };
    if closed != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the host passed exactly these, open, and nobody else in this process knows of them.
    Ok(handed.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }).collect())
}

/// Makes a panic of ours end the process, with a word about it in the page.
pub(super) fn report_panics_to(page: Arc<SharedPage>) {
    std::panic::set_hook(Box::new(move |panic| {
        page.set_cause(Cause::Panic);
        last_words(&panic.to_string());
        std::process::exit(BROKEN);
    }));
}

/// Leaves a message that the host reads when this process is dead.
pub(super) fn last_words(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
