//! Signals that would end wpool while a tool works for it. Nothing of the work stays behind: the tool is killed, and whoever
//! waits for it cleans up and ends with the exit code of the signal.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Output, Stdio};
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};

use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::cli::projects::error::Error;

const SIGNALS: [i32; 3] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP];
/// Wakes the watcher where no signal came.
const DONE: u8 = 0;

/// The signal that came first.
static CAME: AtomicI32 = AtomicI32::new(0);
/// The end of a pipe that the handler writes to.
static WAKER: AtomicI32 = AtomicI32::new(-1);

/// Holds signals off while it lives. A process has one at a time.
#[derive(Debug)]
pub struct Interrupts {
    woken: OwnedFd,
    waker: OwnedFd,
    before: Vec<(i32, libc::sigaction)>,
}

impl Interrupts {
    /// From now on signals are noted, but for those that were ignored.
    pub fn hold() -> io::Result<Interrupts> {
        let (woken, waker) = pipe_with(PipeFlags::CLOEXEC)?;
        CAME.store(0, Ordering::Release);
        WAKER.store(waker.as_raw_fd(), Ordering::Release);
        let before = SIGNALS.into_iter().filter_map(|signal| Some((signal, install(signal)?))).collect();
        Ok(Interrupts { woken, waker, before })
    }

    /// Fails if a signal came.
    pub fn check(&self, command: &str) -> Result<(), Error> {
        match CAME.load(Ordering::Acquire) {
            0 => Ok(()),
            signal => Err(Error::Interrupted { command: command.to_owned(), signal }),
        }
    }

    /// Runs a tool to its end, which a signal brings. It is a process group of its own, because it may have started others.
    pub fn output(&self, command: &mut Command) -> io::Result<Output> {
        let command = command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn()?;
        let group = Pid::from_child(&child);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut first = [DONE];
                let read = rustix::io::retry_on_intr(|| rustix::io::read(&self.woken, &mut first));
                if read.is_ok() && first != [DONE] {
                    // It may have ended by itself.
                    let _ = kill_process_group(group, Signal::KILL);
                }
            });
            let output = child.wait_with_output();
            let _ = rustix::io::write(&self.waker, &[DONE]);
            output
        })
    }
}

impl Drop for Interrupts {
    #[allow(unsafe_code, reason = "the standard library has no handlers of signals")]
    fn drop(&mut self) {
        for (signal, before) in &self.before {
            // SAFETY: the action is the one that the system gave for this signal.
            unsafe { libc::sigaction(*signal, before, ptr::null_mut()) };
        }
        WAKER.store(-1, Ordering::Release);
    }
}

/// Notes a signal from now on. `None` if it was ignored, as `nohup` has it for SIGHUP, or if the system refuses.
#[allow(unsafe_code, reason = "the standard library has no handlers of signals")]
fn install(signal: i32) -> Option<libc::sigaction> {
    let mut before = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: an action of zeros is a valid one, with an empty mask. The handler calls only what may be called in a handler.
    // The system has written `before` where it reports success.
    unsafe {
        if libc::sigaction(signal, ptr::null(), before.as_mut_ptr()) != 0 {
            return None;
        }
        let before = before.assume_init();
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = note as extern "C" fn(i32) as usize;
        action.sa_flags = libc::SA_RESTART;
        let is_ignored = before.sa_sigaction == libc::SIG_IGN;
        (!is_ignored && libc::sigaction(signal, &raw const action, ptr::null_mut()) == 0).then_some(before)
    }
}

/// The handler.
#[allow(unsafe_code, reason = "the standard library has no handlers of signals")]
extern "C" fn note(signal: i32) {
    let _ = CAME.compare_exchange(0, signal, Ordering::AcqRel, Ordering::Acquire);
    let byte = signal as u8;
    // SAFETY: a system call that may be made in a handler, on a byte of this function. `errno` is put back, because the
    // interrupted code may be about to look at it.
    unsafe {
        let errno = libc::__errno_location();
        let before = *errno;
        libc::write(WAKER.load(Ordering::Acquire), (&raw const byte).cast(), 1);
        *errno = before;
    }
}
