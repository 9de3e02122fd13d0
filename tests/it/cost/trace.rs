//! Counts system calls of a command and of all its children, as strace does, which is not installed everywhere.

#![allow(unsafe_code, reason = "there is no safe way to trace a process")]

use std::collections::HashSet;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::ptr::null_mut;

/// What a stop at a system call is told apart by from a real SIGTRAP (`PTRACE_O_TRACESYSGOOD`).
const AT_CALL: i32 = libc::SIGTRAP | 0x80;

/// Runs a command to its end, its output thrown away, and gives the number of system calls made meanwhile.
///
/// Only children of this thread are waited for: others of the process belong to tests that run beside this one.
pub fn system_calls(command: &mut Command) -> u64 {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // SAFETY: it makes one system call and touches no memory, which is all that may be done between fork and exec.
    unsafe {
        command.pre_exec(|| match libc::ptrace(libc::PTRACE_TRACEME, 0, null_mut::<u8>(), null_mut::<u8>()) {
            -1 => Err(std::io::Error::last_os_error()),
            _ => Ok(()),
        });
    }
    #[expect(clippy::zombie_processes, reason = "it is waited for with all that it starts")]
    let child = command.spawn().expect("it starts, and may be traced");
    let first = child.id() as i32;
    let mut tracer = Tracer { inside: HashSet::new(), calls: 0 };
    let mut first_code = None;
    while let Some((pid, status)) = wait() {
        if libc::WIFSTOPPED(status) {
            tracer.stopped(pid, status, pid == first);
        } else {
            tracer.inside.remove(&pid);
            if pid == first {
                first_code = Some(libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status)));
            }
        }
    }
    assert_eq!(first_code, Some(Some(0)), "{command:?} ended in another way");
    tracer.calls
}

/// The next thing that happened to a traced process; `None` when there is none left.
fn wait() -> Option<(i32, i32)> {
    let mut status = 0;
    // SAFETY: it writes to `status` alone.
    let pid = unsafe { libc::waitpid(-1, &mut status, libc::__WALL | libc::__WNOTHREAD) };
    (pid > 0).then_some((pid, status))
}

struct Tracer {
    /// Threads that are inside of a system call, which they stop at again when it ends.
    inside: HashSet<i32>,
    calls: u64,
}

impl Tracer {
    fn stopped(&mut self, pid: i32, status: i32, is_first: bool) {
        let mut signal = 0;
        match libc::WSTOPSIG(status) {
            AT_CALL => {
                if self.inside.insert(pid) {
                    self.calls += 1;
                } else {
                    self.inside.remove(&pid);
                }
            }
            // At its first instruction, and at the birth of others, which are traced from theirs on.
            libc::SIGTRAP => {
                if is_first {
                    follow(pid);
                }
            }
            // What the kernel begins a traced process or thread with.
            libc::SIGSTOP => {}
            real => signal = real,
        }
        go_on(pid, signal);
    }
}

/// Has everything that the process starts traced, too, and killed with this process.
fn follow(pid: i32) {
    let options = libc::PTRACE_O_TRACESYSGOOD
        | libc::PTRACE_O_TRACEFORK
        | libc::PTRACE_O_TRACEVFORK
        | libc::PTRACE_O_TRACECLONE
        | libc::PTRACE_O_TRACEEXEC
        | libc::PTRACE_O_EXITKILL;
    // SAFETY: it changes a stopped child of this thread, and no memory of ours.
    unsafe { libc::ptrace(libc::PTRACE_SETOPTIONS, pid, null_mut::<u8>(), options) };
}

fn go_on(pid: i32, signal: i32) {
    // SAFETY: as above. A process that was killed meanwhile needs no telling.
    unsafe { libc::ptrace(libc::PTRACE_SYSCALL, pid, null_mut::<u8>(), signal) };
}
