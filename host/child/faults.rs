//! Faults: signals that somebody has sent, faults of a watched page, and all others, which are the engine's.
//!
//! At an instruction that may trap, the engine treats a SIGSEGV or a similar signal as the guest's trap. A signal from
//! `kill` would then give the task a wrong outcome, and between such instructions it would be lost. So a signal from
//! `kill` ends the worker here, as every other signal does, and the task runs again.
#![allow(unsafe_code, reason = "handlers of signals have no safe interface")]

use std::ffi::{c_int, c_void};
use std::io;
use std::mem;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::engine::watch::{self, Admitted};

/// The signals that the processor raises for a guest that traps.
const SIGNALS: [c_int; 4] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE];

/// The earlier handlers, in the order of `SIGNALS`: the engine's or, for a signal that the engine leaves alone (SIGBUS,
/// on Linux), the one of Rust's library, which reports stacks that overflow.
static ENGINES: [AtomicUsize; SIGNALS.len()] = [const { AtomicUsize::new(0) }; SIGNALS.len()];

type Handler = extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);

/// The kernel's code for an access that a page's rights do not allow (`asm-generic/siginfo.h`).
const SEGV_ACCERR: c_int = 2;

/// Takes over these handlers. To be called once, when the engine exists.
pub(super) fn tell_sent_from_raised() -> io::Result<()> {
    for (signal, engine) in SIGNALS.into_iter().zip(&ENGINES) {
        // SAFETY: zeros are a valid sigaction, which is only written to.
        let mut action: libc::sigaction = unsafe { mem::zeroed() };
        // SAFETY: asks for the action of a signal that there is, into a place of ours.
        if unsafe { libc::sigaction(signal, ptr::null(), &mut action) } != 0 {
            return Err(io::Error::last_os_error());
        }
        if action.sa_flags & libc::SA_SIGINFO == 0 {
            // Without a handler, the signal ends the process.
            continue;
        }
        engine.store(action.sa_sigaction, Ordering::Release);
        action.sa_sigaction = handle as Handler as usize;
        // SAFETY: the action is the one before, flags and all, but for a handler of the same type.
        if unsafe { libc::sigaction(signal, &action, ptr::null_mut()) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

extern "C" fn handle(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: with SA_SIGINFO the kernel passes a siginfo_t; a value in it that is not an address is not used as one.
    let (code, address) = unsafe { ((*info).si_code, (*info).si_addr() as usize) };
    let is_of_rights = signal == libc::SIGSEGV && code == SEGV_ACCERR;
    let admitted = if is_of_rights { watch::admit_write(address) } else { Admitted::NotWatched };
    if admitted == Admitted::Again {
        return;
    }
    let was_sent = code <= 0;
    // A write that cannot be allowed is not a guest's fault either.
    if was_sent || admitted == Admitted::Never {
        // SAFETY: both may be called in a handler. Where the signal is not blocked meanwhile (the engine's handlers),
        // the second does not return; where it is (that of Rust's library), the process ends when this handler returns.
        unsafe {
            libc::signal(signal, libc::SIG_DFL);
            libc::raise(signal);
        }
        return;
    }
    let at = SIGNALS.iter().position(|one| *one == signal).unwrap_or_default();
    let engine = ENGINES[at].load(Ordering::Acquire);
    // SAFETY: it was the handler of this signal, with SA_SIGINFO, before this function took its place.
    let engine: Handler = unsafe { mem::transmute(engine) };
    engine(signal, info, context);
}
