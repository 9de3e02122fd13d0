//! Child processes: their entrance, the compiler, the worker, and the parts of both.
//!
//! Nothing here knows the host's side. The compiler and the worker do not know each other.

mod allocator;
mod compiler;
mod confine;
mod demangle;
mod engine;
mod faults;
mod granted;
mod names;
mod pipes;
mod sandbox;
mod worker;

use std::ffi::{CString, OsString};
use std::process::exit;

pub use self::allocator::Allocator;
pub use self::confine::{SystemCall, system_calls};
pub use self::engine::VERSION as ENGINE_VERSION;
use self::worker::Intrusion;
use crate::protocol::roles::{CHILD_ARGUMENT, Role, short_name};

/// Makes this process a worker or a compiler when a pool started it as one, and returns otherwise. It must be the
/// first line of `main` in a program that uses [`crate::WorkerCommand::this_program`].
pub fn enter() {
    enter_with(None);
}

/// [`enter`], with a function that every worker calls at the beginning of each task, in place of the guest if it
/// returns an output. It is for tests of the fence: a guest that has broken out of the engine could do the same.
#[doc(hidden)]
pub fn enter_as_intruder(act: fn(&[u8]) -> Option<Vec<u8>>) {
    enter_with(Some(act));
}

fn enter_with(intrusion: Option<Intrusion>) {
    let args: Vec<OsString> = std::env::args_os().collect();
    // The whole command line must match, because a user may pass these words on to a guest.
    let [label, mark, role, host] = args.as_slice() else { return };
    if mark != CHILD_ARGUMENT {
        return;
    }
    let role = [Role::Worker, Role::Initializer, Role::Compiler].into_iter().find(|known| role == known.as_str());
    let (Some(role), Some(host)) = (role, host.to_str().and_then(|pid| pid.parse().ok())) else { return };
    let Ok(pipes) = confine::begin(role, host) else { exit(pipes::BROKEN) };
    if let Some(name) = label.to_str().and_then(short_name).and_then(|name| CString::new(name).ok()) {
        // Inside its fence a child cannot change its name. Without this name, lists of processes read worse, no more.
        let _ = rustix::thread::set_name(&name);
    }
    exit(match role {
        Role::Worker => worker::work(pipes, intrusion),
        Role::Initializer => worker::initialize(pipes),
        Role::Compiler => compiler::compile(pipes),
    })
}
