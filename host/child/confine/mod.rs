//! The rights that a child gives up before it sees a program or a guest.
//!
//! The order matters. Steps that open files of `/proc` come before the process hides these from itself. Steps that bind
//! only one thread (namespaces, capabilities, Landlock) come while there is only one. The list of system calls comes
//! last, when all threads run and everything that needs more rights than a guest is done. Descriptors remember the
//! rights of the process that opened them. Loading a program opens some, so it happens without rights before all of
//! this.
#![allow(unsafe_code, reason = "closing and adopting descriptors by number has no safe interface")]

mod calls;
mod files;
mod filter;
mod limits;
mod needs;
mod privileges;
mod scratch;

use std::error::Error;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::Arc;

use rustix::process::{Pid, Resource, Rlimit, Signal, getppid, set_parent_process_death_signal, setrlimit, setsid};
use rustix::stdio::{dup2_stdout, stderr, stdin, stdout};

use super::pipes::{BROKEN, Pipes};
use crate::model::fence::{Fence, LayerState, SandboxLayer, SandboxMode};
use crate::protocol::page::{Cause, SharedPage};
use crate::protocol::roles::{IMAGE_FD, Role, STATE_FD};
use crate::protocol::setup::ChildError;
use crate::protocol::wire::FRAME_TARGET;

pub use filter::{SystemCall, system_calls};
pub(super) use limits::{limit_data, limit_time};
pub(crate) use needs::Needs;
pub(super) use privileges::without_rights;
pub(super) use scratch::file_system;

/// Takes the first steps, before a byte is read: die with the host, leave its session and its terminal, keep only the
/// descriptors from the host, leave no core file, gain no rights.
pub(super) fn begin(role: Role, host: i32) -> io::Result<Pipes> {
    die_with(host)?;
    // Fails only for a process that leads a group already. Such a process is as far from the terminal as it can be.
    let _ = setsid();
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    rustix::thread::set_no_new_privs(true)?;
    let handed = match role {
        Role::Worker => adopt(IMAGE_FD..STATE_FD + 1)?,
        Role::Initializer => adopt(IMAGE_FD..IMAGE_FD + 1)?,
        Role::Compiler => adopt(IMAGE_FD..IMAGE_FD)?,
    };
    let from_host = File::from(rustix::io::fcntl_dupfd_cloexec(stdin(), STATE_FD + 1)?);
    let to_host = File::from(rustix::io::fcntl_dupfd_cloexec(stdout(), STATE_FD + 1)?);
    // Text that is printed by mistake goes to the host's record of last words, not into the frames.
    dup2_stdout(stderr())?;
    Ok(Pipes { from_host, to_host, handed, host, block: vec![0; FRAME_TARGET].into() })
}

fn die_with(host: i32) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // The host may have died before the signal was set.
    if getppid() != Pid::from_raw(host) {
        return Err(io::Error::other("the host is gone"));
    }
    Ok(())
}

/// A fence that is being raised.
#[derive(Debug)]
pub(crate) struct Confinement<'a> {
    mode: SandboxMode,
    needs: Needs<'a>,
    fence: Fence,
}

impl<'a> Confinement<'a> {
    pub fn new(mode: SandboxMode, needs: Needs<'a>) -> Self {
        Confinement { mode, needs, fence: Fence::default() }
    }

    /// Raises the layers that bind the calling thread. Later threads inherit them.
    ///
    /// # Errors
    /// If there are other threads already, which would stay outside, or if the host has gone.
    pub fn around_one_thread(&mut self) -> io::Result<()> {
        let threads = std::fs::read_dir("/proc/self/task").map(Iterator::count);
        if self.mode != SandboxMode::Off && threads.as_ref().is_ok_and(|count| *count != 1) {
            return Err(io::Error::other("there are threads before the fence stands"));
        }
        let needs = self.needs;
        // In its directories, a program of root may use root's rights. Nothing else needs a capability.
        let keeps_file_rights = !needs.dirs.is_empty() && privileges::has_file_rights();
        // Threads cannot be counted without /proc. The layer of limits needs it, so it reports that.
        self.layer(SandboxLayer::Limits, || limits::set(&needs).and(threads.map(drop)));
        self.layer(SandboxLayer::Namespaces, || privileges::leave_namespaces(keeps_file_rights));
        // A process that has changed its rights loses the signal, so it is set again.
        die_with(needs.host)?;
        self.layer(SandboxLayer::Privileges, || privileges::drop_all(keeps_file_rights));
        self.layer(SandboxLayer::Landlock, || files::deny(&needs));
        Ok(())
    }

    /// Raises the layer that binds all threads, and forbids to start more.
    pub fn around_all_threads(&mut self) {
        let needs = self.needs;
        self.layer(SandboxLayer::Seccomp, || filter::apply(&needs));
    }

    /// The state of the fence.
    ///
    /// # Errors
    /// If a required layer is missing.
    pub fn finish(self) -> Result<Fence, ChildError> {
        match self.mode {
            SandboxMode::Strict if !self.fence.missing().is_empty() => Err(ChildError::Sandbox(self.fence)),
            _ => Ok(self.fence),
        }
    }

    fn layer(&mut self, layer: SandboxLayer, raise: impl FnOnce() -> io::Result<()>) {
        let state = match self.mode {
            SandboxMode::Off => LayerState::Off,
            SandboxMode::Auto | SandboxMode::Strict => match raise() {
                Ok(()) => LayerState::On,
                Err(error) => LayerState::Missing(number_of(&error)),
            },
        };
        self.fence.set(layer, state);
    }
}

/// The error number of an error, or of the error that it wraps; `EIO` if neither has a number.
fn number_of(error: &io::Error) -> i32 {
    let inner = error.get_ref().map(|inner| inner as &(dyn Error + 'static));
    let mut wrapped = std::iter::successors(inner, |inner| (*inner).source());
    let below = || wrapped.find_map(|inner| inner.downcast_ref::<io::Error>()?.raw_os_error());
    error.raw_os_error().or_else(below).unwrap_or(libc::EIO)
}

/// Takes the descriptors that were handed over, and closes every other but standard input, output and error.
fn adopt(handed: std::ops::Range<i32>) -> io::Result<Vec<OwnedFd>> {
    // SAFETY: nothing in this process, which has just started, owns a descriptor above those handed over.
    let closed = unsafe { libc::close_range(handed.end as u32, u32::MAX, 0) };
    if closed != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the host passed exactly these, open, and nobody else in this process knows of them.
    Ok(handed.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }).collect())
}

/// Makes a panic of ours end the process, after it is recorded in the page.
pub(super) fn report_panics_to(page: Arc<SharedPage>) {
    std::panic::set_hook(Box::new(move |panic| {
        page.set_cause(Cause::Panic);
        last_words(&panic.to_string());
        std::process::exit(BROKEN);
    }));
}

/// Leaves a message that the host reads after this process is dead.
pub(super) fn last_words(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_a_layer_is_missing_is_found_below_what_wraps_it() {
        let denied = || io::Error::from_raw_os_error(libc::EPERM);
        let wrapped = seccompiler::Error::Prctl(denied());
        let errors = [denied(), io::Error::other(denied()), io::Error::other(wrapped)];
        assert_eq!(errors.map(|error| number_of(&error)), [libc::EPERM; 3]);
        assert_eq!(number_of(&io::ErrorKind::InvalidData.into()), libc::EIO);
    }
}
