//! The system calls that a fenced child has, and why. Whatever is not listed ends it.
//!
//! A call belongs here when a run needs it after the fence stands: the test that runs all guests under `--sandbox strict`
//! fails without it.

use std::ffi::c_long;

/// A system call, and what is checked of its arguments.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub number: c_long,
    /// It is allowed in each of these cases; always, if there is none.
    pub only: &'static [Only],
}

/// A condition on one argument.
#[derive(Clone, Copy, Debug)]
pub(super) enum Only {
    Is {
        argument: u8,
        value: u64,
    },
    /// These bits of it are exactly that.
    Masked {
        argument: u8,
        mask: u64,
        value: u64,
    },
    /// It is the number of this process.
    OwnProcess {
        argument: u8,
    },
}

const fn call(number: c_long, _why: &'static str) -> Call {
    Call { number, only: &[] }
}

const fn only(number: c_long, only: &'static [Only], _why: &'static str) -> Call {
    Call { number, only }
}

/// Memory is never made executable: the third argument of mmap and of mprotect has no `PROT_EXEC`.
const NEVER_EXECUTABLE: &[Only] = &[Only::Masked { argument: 2, mask: libc::PROT_EXEC as u64, value: 0 }];

/// What every child does.
pub(super) const BASE: &[Call] = &[
    call(libc::SYS_read, "frames from the host"),
    call(libc::SYS_write, "frames to the host, and last words"),
    call(libc::SYS_close, "descriptors that are done with"),
    only(libc::SYS_mmap, NEVER_EXECUTABLE, "memory of the allocator; images of a guest's memory"),
    only(libc::SYS_mprotect, NEVER_EXECUTABLE, "a guest's memory grows; guard pages"),
    call(libc::SYS_munmap, "memory is given back"),
    call(libc::SYS_mremap, "large buffers grow"),
    call(libc::SYS_madvise, "a guest's memory is reset between tasks"),
    call(libc::SYS_brk, "the allocator"),
    call(libc::SYS_futex, "locks; the clock's thread sleeps while there is no work"),
    call(libc::SYS_rt_sigreturn, "the end of a signal handler: a guest has trapped"),
    call(libc::SYS_rt_sigprocmask, "the engine unblocks a signal when a guest has trapped"),
    call(libc::SYS_sigaltstack, "stacks of signal handlers, one for each thread"),
    call(libc::SYS_clock_gettime, "processor time of a task; any time where the kernel maps no clock"),
    call(libc::SYS_clock_getres, "a guest asks how exact a clock is"),
    call(libc::SYS_clock_nanosleep, "ticks"),
    call(libc::SYS_getrandom, "a guest's random numbers; keys of hash tables"),
    call(libc::SYS_sched_yield, "waiting for a lock for a moment"),
    call(libc::SYS_restart_syscall, "a sleep goes on after SIGSTOP and SIGCONT"),
    call(libc::SYS_exit, "a thread ends"),
    call(libc::SYS_exit_group, "the end"),
];

/// How a process ends itself. Without these, every abort would read as a violation.
pub(super) const ABORT: &[Call] = &[
    call(libc::SYS_getpid, "abort"),
    call(libc::SYS_gettid, "abort"),
    only(libc::SYS_tgkill, &[Only::OwnProcess { argument: 0 }], "abort sends itself a signal"),
    call(libc::SYS_rt_sigaction, "abort restores what its signal does; the engine's handlers, in the compiler"),
];

/// `_IOWR('f', 16, struct pm_scan_arg)`.
const PAGEMAP_SCAN: u64 = 0xc060_6610;

/// What a worker does that has resident memory to reset.
pub(super) const PAGEMAP: &[Call] = &[only(
    libc::SYS_ioctl,
    &[Only::Is { argument: 1, value: PAGEMAP_SCAN }],
    "which pages of its memory a guest has written",
)];

/// What makes a thread of this process, and nothing else: it shares everything and has no namespace of its own.
const THREAD: u64 =
    (libc::CLONE_VM | libc::CLONE_FS | libc::CLONE_FILES | libc::CLONE_SIGHAND | libc::CLONE_THREAD) as u64;
const NO_THREAD: u64 = (libc::CLONE_VFORK
    | libc::CLONE_PTRACE
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP) as u64;
const ONLY_THREADS: &[Only] = &[Only::Masked { argument: 0, mask: THREAD | NO_THREAD, value: THREAD }];

/// Commands of fcntl that concern a descriptor alone: none sends signals, locks or leases anything.
const ONLY_FLAGS: &[Only] = &[
    Only::Is { argument: 1, value: libc::F_GETFD as u64 },
    Only::Is { argument: 1, value: libc::F_GETFL as u64 },
    Only::Is { argument: 1, value: libc::F_SETFL as u64 },
    Only::Is { argument: 1, value: libc::F_DUPFD_CLOEXEC as u64 },
];

/// What directories take: files, and the threads that wait for them. Landlock says which files are opened; what a file is,
/// and where a link leads, it leaves to be seen. Writing is here as well: a guest that tries it with a file that it has
/// open for reading is told so by the kernel, and no other file can be open.
pub(super) const DIRS: &[Call] = &[
    call(libc::SYS_openat, "granted directories are opened for each task"),
    call(libc::SYS_openat2, "files below them, in one step that cannot lead out"),
    call(libc::SYS_statx, "what a file is"),
    call(libc::SYS_newfstatat, "what a file is"),
    call(libc::SYS_fstat, "what a file is"),
    call(libc::SYS_fstatfs, "whether /proc is what it says, before links are read by it"),
    call(libc::SYS_lseek, "reading and writing at a place"),
    call(libc::SYS_pread64, "reading at a place"),
    call(libc::SYS_pwrite64, "writing at a place"),
    call(libc::SYS_readv, "reading into several buffers"),
    call(libc::SYS_preadv, "reading into several buffers at a place"),
    call(libc::SYS_pwritev2, "writing at a place of a file that is appended to"),
    call(libc::SYS_getdents64, "listing a directory"),
    call(libc::SYS_readlinkat, "reading a link"),
    call(libc::SYS_fsync, "a guest asks for it"),
    call(libc::SYS_fdatasync, "a guest asks for it"),
    call(libc::SYS_fadvise64, "how a guest will read a file"),
    call(libc::SYS_faccessat, "whether a file can be used"),
    only(libc::SYS_fcntl, ONLY_FLAGS, "flags of a descriptor, and another one for the same file"),
    only(libc::SYS_clone, ONLY_THREADS, "a thread that waits for a file"),
    call(libc::SYS_set_robust_list, "such a thread starts"),
    call(libc::SYS_rseq, "such a thread starts"),
    call(libc::SYS_sched_getaffinity, "such a thread starts, and asks where its stack is"),
    only(libc::SYS_prctl, &[Only::Is { argument: 0, value: libc::PR_SET_NAME as u64 }], "such a thread gets its name"),
];

/// What directories take in which a guest may write. Without one the engine refuses a guest all of this by itself, and
/// Landlock knows nothing of times: they would be those of any file that its user owns.
pub(super) const WRITABLE_DIRS: &[Call] = &[
    call(libc::SYS_writev, "writing from several buffers"),
    call(libc::SYS_pwritev, "writing from several buffers at a place"),
    call(libc::SYS_mkdirat, "making a directory"),
    call(libc::SYS_unlinkat, "removing a file or a directory"),
    call(libc::SYS_renameat, "renaming"),
    call(libc::SYS_renameat2, "renaming"),
    call(libc::SYS_linkat, "making a hard link"),
    call(libc::SYS_symlinkat, "making a symbolic link"),
    call(libc::SYS_utimensat, "setting times"),
    call(libc::SYS_ftruncate, "setting a length"),
    call(libc::SYS_fallocate, "setting aside room for a file"),
];

/// What is answered as if the kernel did not have it.
pub(super) const REFUSED: &[Call] = &[call(libc::SYS_clone3, "what kind of process it makes cannot be seen")];
