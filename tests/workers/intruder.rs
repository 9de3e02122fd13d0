//! A worker whose guest has broken out: the real worker behind the real fence, which does with each task what its row
//! says. A row that it does not know goes to the guest.
#![allow(unsafe_code, reason = "system calls as an attacker makes them")]

use std::ffi::CString;
use std::io;

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
        "read" => open(rest, libc::O_RDONLY),
        "write" => open(rest, libc::O_WRONLY),
        "make" => open(rest, libc::O_WRONLY | libc::O_CREAT),
        "cut" => open(rest, libc::O_RDONLY | libc::O_TRUNC),
        "utime" => at(libc::SYS_utimensat, rest, [0, 0]),
        "remove" => at(libc::SYS_unlinkat, rest, [0, 0]),
        "make-dir" => at(libc::SYS_mkdirat, rest, [0o700, 0]),
        "make-sticky" => at(libc::SYS_mkdirat, rest, [0o1700, 0]),
        "make-set-user-id" => at(libc::SYS_openat, rest, [MAKE.into(), 0o4755]),
        "make-set-group-id" => at(libc::SYS_openat, rest, [MAKE.into(), 0o2755]),
        "fill-set-id" => fill_set_id(rest),
        "link" => link(rest, 0),
        "link-followed" => link(rest, libc::AT_SYMLINK_FOLLOW.into()),
        "frame" => return Some(frame().into_bytes()),
        "kill" => call(libc::SYS_kill, [rest.parse().ok()?, libc::SIGKILL.into()]),
        "time-of" => {
            let pid: c_long = rest.parse().ok()?;
            call(libc::SYS_clock_gettime, [clock_of(pid), 0])
        }
        "tgkill" => {
            let pid = rest.parse().ok()?;
            call(libc::SYS_tgkill, [pid, pid, libc::SIGKILL.into()])
        }
        _ => forbidden(word)?,
    };
    let error = io::Error::last_os_error().raw_os_error().unwrap_or_default();
    Some(if result < 0 { format!("error {error}") } else { "done".to_owned() }.into_bytes())
}

/// What no guest may do, whatever it was granted.
fn forbidden(word: &str) -> Option<c_long> {
    let name = c"/bin/true".as_ptr() as c_long;
    let here = libc::AT_FDCWD.into();
    Some(match word {
        "socket" => call(libc::SYS_socket, [libc::AF_INET.into(), libc::SOCK_STREAM.into(), 0]),
        "unix-socket" => call(libc::SYS_socket, [libc::AF_UNIX.into(), libc::SOCK_STREAM.into(), 0]),
        "exec" => call(libc::SYS_execve, [name, 0, 0]),
        "fork" => call(libc::SYS_clone, [libc::SIGCHLD.into(), 0, 0, 0]),
        "spawn" => call(libc::SYS_clone, [(libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD).into(), 0, 0, 0]),
        "thread" => std::thread::spawn(|| 0).join().unwrap_or(-1),
        "clone-thread" => call(libc::SYS_clone, [THREAD.into(), 0, 0, 0]),
        "clone3" => call(libc::SYS_clone3, [0, 0]),
        "ptrace" => call(libc::SYS_ptrace, [libc::PTRACE_ATTACH.into(), 1, 0, 0]),
        "peek" => call(libc::SYS_process_vm_readv, [1, 0, 0, 0]),
        "stop" => {
            let this = std::process::id().into();
            call(libc::SYS_tgkill, [this, this, libc::SIGSTOP.into()])
        }
        "affinity" => call(libc::SYS_sched_getaffinity, [1, 0, 0]),
        "map-executable" => map(0, PAGE, libc::PROT_READ | libc::PROT_EXEC, libc::MAP_PRIVATE),
        "map-shared" => map(0, PAGE, libc::PROT_READ, libc::MAP_SHARED),
        "map-huge" => map(0, PAGE, libc::PROT_READ, libc::MAP_PRIVATE | libc::MAP_HUGETLB),
        "make-executable" => make_executable(),
        "ioctl" => call(libc::SYS_ioctl, [0, libc::TIOCSTI as c_long, 0]),
        "lock" => call(libc::SYS_futex, [0, libc::FUTEX_LOCK_PI.into(), 0]),
        "memfd" => call(libc::SYS_memfd_create, [name, 0]),
        "unshare" => call(libc::SYS_unshare, [libc::CLONE_NEWUSER.into()]),
        "undump" => call(libc::SYS_prctl, [libc::PR_SET_DUMPABLE.into(), 1]),
        "rename" => call(libc::SYS_prctl, [libc::PR_SET_NAME.into(), name]),
        "limit" => call(libc::SYS_prlimit64, [0, libc::RLIMIT_DATA as c_long, 0, 0]),
        "filter" => call(libc::SYS_seccomp, [0, 0, 0]),
        "ring" => call(libc::SYS_io_uring_setup, [1, 0]),
        "userfault" => call(libc::SYS_userfaultfd, [0]),
        "segment" => call(libc::SYS_shmget, [0, 4096, libc::IPC_CREAT.into()]),
        "key" => call(libc::SYS_keyctl, [0]),
        "mount" => call(libc::SYS_mount, [name, name, 0, 0]),
        "chmod" => call(libc::SYS_fchmodat, [here, name, 0o777]),
        "device" => call(libc::SYS_renameat2, [here, name, here, name, libc::RENAME_WHITEOUT.into()]),
        "own" => call(libc::SYS_fcntl, [0, libc::F_SETOWN.into(), 1]),
        _ => return None,
    })
}

const PAGE: usize = 4096;

/// How a file is made.
const MAKE: c_int = libc::O_RDWR | libc::O_CREAT;

/// How libc makes a thread.
const THREAD: c_int = libc::CLONE_VM
    | libc::CLONE_FS
    | libc::CLONE_FILES
    | libc::CLONE_SIGHAND
    | libc::CLONE_THREAD
    | libc::CLONE_SYSVSEM;

/// A system call with some arguments.
fn call<const GIVEN: usize>(number: c_long, given: [c_long; GIVEN]) -> c_long {
    let mut all = [0; 6];
    all[..GIVEN].copy_from_slice(&given);
    let [a, b, c, d, e, f] = all;
    // SAFETY: none of these changes memory of this process that anybody uses. Most end it.
    unsafe { libc::syscall(number, a, b, c, d, e, f) }
}

fn open(path: &str, flags: c_int) -> c_long {
    at(libc::SYS_openat, path, [flags.into(), 0o600])
}

/// A system call on a path.
fn at(number: c_long, path: &str, [c, d]: [c_long; 2]) -> c_long {
    let path = CString::new(path).expect("a path");
    call(number, [libc::AT_FDCWD.into(), path.as_ptr() as c_long, c, d])
}

/// Makes another name of a file, which ends in `-too`.
fn link(path: &str, flags: c_long) -> c_long {
    let (from, to) = (CString::new(path).expect("a path"), CString::new(format!("{path}-too")).expect("a path"));
    let here = libc::AT_FDCWD.into();
    call(libc::SYS_linkat, [here, from.as_ptr() as c_long, here, to.as_ptr() as c_long, flags])
}

/// Makes a file with a set-user-ID and a set-group-ID bit by the call whose mode no filter sees, and gives it a content:
/// `HOW PATH`.
fn fill_set_id(order: &str) -> c_long {
    let (how, path) = order.split_once(' ').expect("how and where");
    let path = CString::new(path).expect("a path");
    // `struct open_how`: flags, mode, and nothing to resolve in a special way.
    let opened: [u64; 3] = [MAKE as u64, 0o6755, 0];
    let size = size_of_val(&opened) as c_long;
    let file =
        call(libc::SYS_openat2, [libc::AT_FDCWD.into(), path.as_ptr() as c_long, opened.as_ptr() as c_long, size]);
    match how {
        "write" => call(libc::SYS_pwrite64, [file, c"#!".as_ptr() as c_long, 2]),
        "write-parts" => {
            let part = [c"#!".as_ptr() as usize, 2];
            call(libc::SYS_writev, [file, part.as_ptr() as c_long, 1])
        }
        "cut" => call(libc::SYS_ftruncate, [file, 2]),
        "make-room" => call(libc::SYS_fallocate, [file, 0, 0, 2]),
        _ => file,
    }
}

/// The clock of the processor time of a process.
fn clock_of(pid: c_long) -> c_long {
    (!pid << 3) | 2
}

fn map(at: usize, length: usize, protection: c_int, flags: c_int) -> c_long {
    let (flags, no_file) = ((flags | libc::MAP_ANONYMOUS).into(), -1);
    call(libc::SYS_mmap, [at as c_long, length as c_long, protection.into(), flags, no_file, 0])
}

fn make_executable() -> c_long {
    let page = map(0, PAGE, libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE);
    call(libc::SYS_mprotect, [page, PAGE as c_long, (libc::PROT_READ | libc::PROT_EXEC).into()])
}

/// `_IOWR('f', 16, struct pm_scan_arg)`.
const PAGEMAP_SCAN: c_long = 0xc060_6610;

/// Looks up where in the machine's memory a page of this process is, in the engine's list of pages.
fn frame() -> String {
    // Of all descriptors, the list's alone knows this call, and finds no argument there.
    let is_list = |fd: &c_long| {
        let result = call(libc::SYS_ioctl, [*fd, PAGEMAP_SCAN, 0]);
        result < 0 && io::Error::last_os_error().raw_os_error() == Some(libc::EFAULT)
    };
    let Some(list) = (3..64).find(is_list) else { return "no list".into() };
    // So low that the list can be read up to there from its beginning.
    let at = 1 << 20;
    let flags = libc::MAP_PRIVATE | libc::MAP_FIXED_NOREPLACE;
    if map(at, PAGE, libc::PROT_READ | libc::PROT_WRITE, flags) != at as c_long {
        return "no page".into();
    }
    // SAFETY: the page is ours, and writable.
    unsafe { (at as *mut u8).write_volatile(1) };
    let mut entries = vec![0u64; at / rustix::param::page_size() + 1];
    let bytes = size_of_val(&*entries) as c_long;
    if call(libc::SYS_read, [list, entries.as_mut_ptr() as c_long, bytes]) != bytes {
        return "no entry".into();
    }
    let entry = entries.last().copied().unwrap_or_default();
    format!("present {}, frame {}", entry >> 63, entry & ((1 << 55) - 1))
}

/// Takes memory until there is none.
fn eat() -> c_long {
    let mut eaten = Vec::new();
    loop {
        eaten.push(std::hint::black_box(vec![1u8; 64 << 20]));
    }
}
