//! A worker whose guest has broken out: the real worker behind the real fence, which does with each task what its row
//! says. A row that it does not know goes to the guest.
#![allow(unsafe_code, reason = "system calls as an attacker makes them")]

use std::ffi::CString;
use std::io;
use std::ptr::null;

use libc::{c_int, c_long};

#[global_allocator]
static ALLOCATOR: wpool::worker::Allocator = wpool::worker::Allocator;

fn main() {
    wpool::worker::enter_as_intruder(act);
}

/// The end of this process, if the fence is right; otherwise what came of it, or nothing for a row that is no order.
fn act(row: &[u8]) -> Option<Vec<u8>> {
    let row = std::str::from_utf8(row).ok()?;
    let (word, rest) = row.split_once(' ').unwrap_or((row, ""));
    let result = match word {
        "eat" => eat(),
        "abort" => std::process::abort(),
        "panic" => panic!("as it was told to"),
        "thread" => std::thread::spawn(|| 0).join().unwrap_or(-1),
        "read" => open(rest, libc::O_RDONLY),
        "write" => open(rest, libc::O_WRONLY),
        "make" => open(rest, libc::O_WRONLY | libc::O_CREAT),
        "cut" => open(rest, libc::O_RDONLY | libc::O_TRUNC),
        "utime" => at(libc::SYS_utimensat, rest, [0, 0]),
        "remove" => at(libc::SYS_unlinkat, rest, [0, 0]),
        "make-dir" => at(libc::SYS_mkdirat, rest, [0o700, 0]),
        "kill" => call(libc::SYS_kill, [rest.parse().ok()?, libc::SIGKILL.into(), 0, 0]),
        "tgkill" => {
            let pid = rest.parse().ok()?;
            call(libc::SYS_tgkill, [pid, pid, libc::SIGKILL.into(), 0])
        }
        _ => forbidden(word)?,
    };
    let error = io::Error::last_os_error().raw_os_error().unwrap_or_default();
    Some(if result < 0 { format!("error {error}") } else { "done".to_owned() }.into_bytes())
}

/// What no guest may do, whatever it was granted.
fn forbidden(word: &str) -> Option<c_long> {
    let name = c"/bin/true".as_ptr() as c_long;
    let exec = (libc::PROT_READ | libc::PROT_EXEC).into();
    Some(match word {
        "socket" => call(libc::SYS_socket, [libc::AF_INET.into(), libc::SOCK_STREAM.into(), 0, 0]),
        "unix-socket" => call(libc::SYS_socket, [libc::AF_UNIX.into(), libc::SOCK_STREAM.into(), 0, 0]),
        "exec" => call(libc::SYS_execve, [name, 0, 0, 0]),
        "fork" => call(libc::SYS_clone, [libc::SIGCHLD.into(), 0, 0, 0]),
        "spawn" => call(libc::SYS_clone, [(libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD).into(), 0, 0, 0]),
        "ptrace" => call(libc::SYS_ptrace, [libc::PTRACE_ATTACH.into(), 1, 0, 0]),
        "peek" => call(libc::SYS_process_vm_readv, [1, 0, 0, 0]),
        "map-executable" => map(exec),
        "make-executable" => make_executable(),
        "ioctl" => call(libc::SYS_ioctl, [0, libc::TIOCSTI as c_long, 0, 0]),
        "memfd" => call(libc::SYS_memfd_create, [name, 0, 0, 0]),
        "unshare" => call(libc::SYS_unshare, [libc::CLONE_NEWUSER.into(), 0, 0, 0]),
        "undump" => call(libc::SYS_prctl, [libc::PR_SET_DUMPABLE.into(), 1, 0, 0]),
        "limit" => call(libc::SYS_prlimit64, [0, libc::RLIMIT_DATA as c_long, 0, 0]),
        "filter" => call(libc::SYS_seccomp, [0, 0, 0, 0]),
        "ring" => call(libc::SYS_io_uring_setup, [1, 0, 0, 0]),
        "userfault" => call(libc::SYS_userfaultfd, [0, 0, 0, 0]),
        "segment" => call(libc::SYS_shmget, [0, 4096, libc::IPC_CREAT.into(), 0]),
        "key" => call(libc::SYS_keyctl, [0, 0, 0, 0]),
        "mount" => call(libc::SYS_mount, [name, name, 0, 0]),
        "chmod" => call(libc::SYS_fchmodat, [libc::AT_FDCWD.into(), name, 0o777, 0]),
        "own" => call(libc::SYS_fcntl, [0, libc::F_SETOWN.into(), 1, 0]),
        "clone3" => call(libc::SYS_clone3, [0, 0, 0, 0]),
        _ => return None,
    })
}

fn call(number: c_long, [a, b, c, d]: [c_long; 4]) -> c_long {
    // SAFETY: none of these changes memory of this process that anybody uses. Most end it.
    unsafe { libc::syscall(number, a, b, c, d, 0, 0) }
}

fn open(path: &str, flags: c_int) -> c_long {
    let path = CString::new(path).expect("a path");
    call(libc::SYS_openat, [libc::AT_FDCWD.into(), path.as_ptr() as c_long, flags.into(), 0o600])
}

/// A system call on a path.
fn at(number: c_long, path: &str, [c, d]: [c_long; 2]) -> c_long {
    let path = CString::new(path).expect("a path");
    call(number, [libc::AT_FDCWD.into(), path.as_ptr() as c_long, c, d])
}

fn map(protection: c_long) -> c_long {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new mapping at an address of the kernel's choice touches no memory of ours.
    unsafe { libc::syscall(libc::SYS_mmap, null::<u8>(), 4096 as c_long, protection, flags, -1, 0) }
}

fn make_executable() -> c_long {
    let page = map((libc::PROT_READ | libc::PROT_WRITE).into());
    call(libc::SYS_mprotect, [page, 4096, (libc::PROT_READ | libc::PROT_EXEC).into(), 0])
}

/// Takes memory until there is none.
fn eat() -> c_long {
    let mut eaten = Vec::new();
    loop {
        eaten.push(std::hint::black_box(vec![1u8; 64 << 20]));
    }
}
