//! Whether the process was started with standard output closed. Before `main`, Rust opens `/dev/null` in its place, where
//! records would be lost without a word.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::cli::errors::CannotWrite;

static CLOSED: AtomicBool = AtomicBool::new(false);

extern "C" fn look() {
    let is_open = rustix::io::fcntl_getfd(rustix::stdio::stdout()).is_ok();
    CLOSED.store(!is_open, Ordering::Relaxed);
}

// SAFETY: the section is a list of functions that are called one after the other before `main`, on the only thread. This
// one needs nothing that is not there yet: it makes a system call and sets an atomic.
#[allow(unsafe_code, reason = "nothing later can tell a closed descriptor from one that was opened on /dev/null")]
#[used]
#[unsafe(link_section = ".init_array")]
static LOOK: extern "C" fn() = look;

pub fn was_closed() -> bool {
    CLOSED.load(Ordering::Relaxed)
}

/// The error for what was to go there.
pub fn closed() -> CannotWrite {
    CannotWrite { path: "standard output".into(), source: io::Error::other("it is closed") }
}
