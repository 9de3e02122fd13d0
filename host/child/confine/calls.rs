//! The system calls of a fenced child, each with its reason. Any other call ends the child.
//!
//! A call belongs here if a run needs it after the fence is raised: without it, the test that runs all guests under
//! `--sandbox strict` fails. An argument is checked if one of its values would reach beyond the child.

use std::ffi::c_long;

/// A system call, and the checks of its arguments.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub name: &'static str,
    pub number: c_long,
    /// Alternatives: the call is allowed if all conditions of one of them hold, and always if there are no
    /// alternatives.
    pub cases: &'static [&'static [Only]],
    /// A child's need for it.
    pub why: &'static str,
}

/// A condition on one argument.
#[derive(Clone, Copy, Debug)]
pub(super) enum Only {
    Is {
        argument: u8,
        value: u64,
    },
    /// The bits of the mask have this value.
    Masked {
        argument: u8,
        mask: u64,
        value: u64,
    },
    /// The argument is the process id of this process.
    OwnProcess {
        argument: u8,
    },
}

const fn call(name: &'static str, number: c_long, why: &'static str) -> Call {
    Call { name, number, cases: &[], why }
}

const fn only(name: &'static str, number: c_long, cases: &'static [&'static [Only]], why: &'static str) -> Call {
    Call { name, number, cases, why }
}

/// Memory is never made executable: the third argument of mmap and of mprotect has no `PROT_EXEC`.
const NEVER_EXECUTABLE: Only = Only::Masked { argument: 2, mask: libc::PROT_EXEC as u64, value: 0 };

/// Bits of a mapping's flags for its visibility in other processes (`MAP_TYPE`).
const SHARING: u64 = 0x0f;

/// A mapping is private: the kernel does not take the set-user-ID bit from a file that is written through a shared one.
/// Its pages are of the common size: an administrator sets huge pages aside for a purpose.
const PRIVATE: Only =
    Only::Masked { argument: 3, mask: SHARING | libc::MAP_HUGETLB as u64, value: libc::MAP_PRIVATE as u64 };

/// Waiting and waking, with any flags. No library here uses locks that lend priority, and most holes of this call were
/// in them.
const WAIT_OR_WAKE: &[&[Only]] = &[
    &[Only::Masked { argument: 1, mask: FUTEX_OPERATION & !1, value: libc::FUTEX_WAIT as u64 }],
    &[Only::Masked { argument: 1, mask: FUTEX_OPERATION, value: libc::FUTEX_WAIT_BITSET as u64 }],
];
const FUTEX_OPERATION: u64 = !(libc::FUTEX_PRIVATE_FLAG | libc::FUTEX_CLOCK_REALTIME) as u32 as u64;

/// Clocks of the machine and of this process. A negative number names the clock of any process, which shows that the
/// process exists and how long it has run.
const OWN_CLOCK: &[&[Only]] = &[&[Only::Masked { argument: 0, mask: 0xffff_fff0, value: 0 }]];

/// The calls of every child.
pub(super) const BASE: &[Call] = &[
    call("read", libc::SYS_read, "frames from the host"),
    call("write", libc::SYS_write, "frames to the host, and last words"),
    call("close", libc::SYS_close, "descriptors that are done with"),
    only(
        "mmap",
        libc::SYS_mmap,
        &[&[NEVER_EXECUTABLE, PRIVATE]],
        "memory of the allocator; images of a guest's memory",
    ),
    only("mprotect", libc::SYS_mprotect, &[&[NEVER_EXECUTABLE]], "a guest's memory grows; guard pages"),
    call("munmap", libc::SYS_munmap, "memory is given back"),
    call("mremap", libc::SYS_mremap, "large buffers grow"),
    call("madvise", libc::SYS_madvise, "a guest's memory is reset between tasks"),
    call("brk", libc::SYS_brk, "the allocator"),
    only("futex", libc::SYS_futex, WAIT_OR_WAKE, "locks; the clock's thread sleeps while there is no work"),
    call("rt_sigreturn", libc::SYS_rt_sigreturn, "the end of a signal handler: a guest has trapped"),
    call("rt_sigprocmask", libc::SYS_rt_sigprocmask, "the engine unblocks a signal when a guest has trapped"),
    call("sigaltstack", libc::SYS_sigaltstack, "stacks of signal handlers, one for each thread"),
    only(
        "clock_gettime",
        libc::SYS_clock_gettime,
        OWN_CLOCK,
        "processor time of a task; any time where the kernel maps no clock",
    ),
    only("clock_getres", libc::SYS_clock_getres, OWN_CLOCK, "a guest asks how exact a clock is"),
    only("clock_nanosleep", libc::SYS_clock_nanosleep, OWN_CLOCK, "ticks"),
    call("getrandom", libc::SYS_getrandom, "a guest's random numbers; keys of hash tables"),
    call("sched_yield", libc::SYS_sched_yield, "waiting for a lock for a moment"),
    call("restart_syscall", libc::SYS_restart_syscall, "a sleep continues after SIGSTOP and SIGCONT"),
    call("exit", libc::SYS_exit, "a thread ends"),
    call("exit_group", libc::SYS_exit_group, "the end"),
];

/// Signals to itself that end a process: the one of an abort, and those that the engine's handlers hand on when somebody
/// else has sent them. A worker that could stop itself would look like a worker that somebody has stopped, and its task
/// would run again without end.
const FATAL: &[&[Only]] = &[
    &own(libc::SIGABRT),
    &own(libc::SIGSEGV),
    &own(libc::SIGBUS),
    &own(libc::SIGILL),
    &own(libc::SIGFPE),
    &own(libc::SIGTRAP),
];

const fn own(signal: i32) -> [Only; 2] {
    [Only::OwnProcess { argument: 0 }, Only::Is { argument: 2, value: signal as u64 }]
}

/// The calls with which a process ends itself. Without them, every abort would look like a violation.
pub(super) const ABORT: &[Call] = &[
    call("getpid", libc::SYS_getpid, "abort"),
    call("gettid", libc::SYS_gettid, "abort"),
    only("tgkill", libc::SYS_tgkill, FATAL, "abort and the engine's handlers end the process by a signal"),
    call(
        "rt_sigaction",
        libc::SYS_rt_sigaction,
        "abort restores what its signal does; the engine's handlers, in the compiler",
    ),
];

/// `_IOWR('f', 16, struct pm_scan_arg)`.
const PAGEMAP_SCAN: u64 = 0xc060_6610;

/// The calls of a worker with resident memory to reset.
pub(super) const PAGEMAP: &[Call] = &[only(
    "ioctl",
    libc::SYS_ioctl,
    &[&[Only::Is { argument: 1, value: PAGEMAP_SCAN }]],
    "which pages of its memory a guest has written",
)];

/// Commands of fcntl that concern only a descriptor: they send no signals, and lock or lease nothing.
const ONLY_FLAGS: &[&[Only]] = &[
    &[Only::Is { argument: 1, value: libc::F_GETFD as u64 }],
    &[Only::Is { argument: 1, value: libc::F_GETFL as u64 }],
    &[Only::Is { argument: 1, value: libc::F_SETFL as u64 }],
    &[Only::Is { argument: 1, value: libc::F_DUPFD_CLOEXEC as u64 }],
];

/// A mode without set-user-ID, set-group-ID and sticky bit: a program that the guest makes runs with the rights of the
/// user who runs it.
const fn plain_mode(argument: u8) -> Only {
    Only::Masked { argument, mask: (libc::S_ISUID | libc::S_ISGID | libc::S_ISVTX) as u64, value: 0 }
}

/// The calls for directories: files. Landlock decides which files are opened. It does not hide the facts about a file
/// and the target of a link. Writing is in this list as well: the kernel refuses it to a guest that has a file open for
/// reading, and no other file can be open. The threads that wait for files have started before.
///
/// openat2 takes its mode from memory, where no filter sees it. Answering ENOSYS would make the engine resolve paths
/// step by step, and guests would notice: the path of a link to a directory, with a slash behind it, would then fail.
/// So in a `:rw` directory a guest that has broken out can make a file with a set-user-ID bit. The file is empty: the
/// kernel takes the bit away when a process without `CAP_FSETID` writes to the file, cuts it, or sets aside room for
/// it.
pub(super) const DIRS: &[Call] = &[
    only("openat", libc::SYS_openat, &[&[plain_mode(3)]], "granted directories are opened for each task"),
    call("openat2", libc::SYS_openat2, "files below them, in one step that cannot lead out"),
    call("statx", libc::SYS_statx, "what a file is"),
    call("newfstatat", libc::SYS_newfstatat, "what a file is"),
    call("fstat", libc::SYS_fstat, "what a file is"),
    call("fstatfs", libc::SYS_fstatfs, "whether /proc is what it says, before links are read by it"),
    call("lseek", libc::SYS_lseek, "reading and writing at a place"),
    call("pread64", libc::SYS_pread64, "reading at a place"),
    call("pwrite64", libc::SYS_pwrite64, "writing at a place"),
    call("readv", libc::SYS_readv, "reading into several buffers"),
    call("preadv", libc::SYS_preadv, "reading into several buffers at a place"),
    call("pwritev2", libc::SYS_pwritev2, "writing at a place of a file that is appended to"),
    call("getdents64", libc::SYS_getdents64, "listing a directory"),
    call("readlinkat", libc::SYS_readlinkat, "reading a link"),
    call("fsync", libc::SYS_fsync, "a guest asks for it"),
    call("fdatasync", libc::SYS_fdatasync, "a guest asks for it"),
    call("fadvise64", libc::SYS_fadvise64, "how a guest will read a file"),
    call(
        "faccessat2",
        libc::SYS_faccessat2,
        "`..` in a path that openat2 could not resolve: it is missing, or something was renamed meanwhile",
    ),
    only("fcntl", libc::SYS_fcntl, ONLY_FLAGS, "flags of a descriptor, and another one for the same file"),
];

/// The calls for directories in which a guest may write. Without such a directory, the engine itself refuses a guest
/// all of them. Landlock does not protect times: the calls could set those of any file that its user owns. renameat2 is
/// left out, because one of its flags makes a device.
pub(super) const WRITABLE_DIRS: &[Call] = &[
    call("writev", libc::SYS_writev, "writing from several buffers"),
    call("pwritev", libc::SYS_pwritev, "writing from several buffers at a place"),
    only("mkdirat", libc::SYS_mkdirat, &[&[plain_mode(2)]], "making a directory"),
    call("unlinkat", libc::SYS_unlinkat, "removing a file or a directory"),
    call("renameat", libc::SYS_renameat, "renaming"),
    only(
        "linkat",
        libc::SYS_linkat,
        &[&[Only::Is { argument: 4, value: 0 }]],
        "making a hard link, to a file that has a name",
    ),
    call("symlinkat", libc::SYS_symlinkat, "making a symbolic link"),
    call("utimensat", libc::SYS_utimensat, "setting times"),
    call("ftruncate", libc::SYS_ftruncate, "setting a length"),
    call("fallocate", libc::SYS_fallocate, "setting aside room for a file"),
];
