//! wpool: a WebAssembly-sandboxed compute pool.
//!
//! It maps a program that nobody has to trust over a stream of inputs: one isolated worker process per core, each
//! embedding wasmtime, a fresh instance for each task.
//!
//! ```text
//!  inputs ─▶ Pool: queue ── lease ──▶ slot ═══ pipe ═══▶ worker ─▶ sandbox ─▶ guest
//!  results ◀─────── settle ◀─ answer ──┘ ◀══ pipe ═════════════ outcome ◀──────┘
//!
//!  program ─▶ compiler (its own short-lived process) ─▶ image, cached by content ─▶ mapped by each worker
//! ```
//!
//! # Invariants
//!
//! 1. Guest code is compiled and run only in child processes; without the feature `engine` this library has no engine.
//! 2. Every accepted task settles exactly once, whatever dies (`pool/queue`, a pure state machine).
//! 3. A worker runs one task at a time; a death has one suspect (`page.rs`).
//! 4. What happens to a task is an [`Outcome`], never an `Err`.
//! 5. Every queue, frame, restart and output is bounded by a named constant that says why.
//! 6. A worker's stdout is the wire and nothing else.
//! 7. The host trusts no byte from a worker: lengths are capped, indexes checked, outputs made JSON by the host.
//! 8. No worker outlives the pool: end of file, parent-death signal, and a kill on drop.
//! 9. `unsafe` is denied but for named places with a SAFETY note.
//! 10. Only the command line prints, and only it knows exit codes. It uses this library's public names.
//!
//! # Choices
//!
//! **The host makes outputs JSON.** Workers send a guest's bytes as they are, and [`output::push_as_json`] checks and
//! embeds them. A worker that classified its outputs would save the host nothing, since the host would have to check
//! the claim in the same pass; this way there is no claim, and library users get the exact bytes.
//!
//! **Three layers keep a deadline.** Epochs stop guest code, cheaply and within 10 ms. A program that imports WASI runs
//! on an asynchronous stack under a timer, which also stops it in a host call such as a sleep. What neither stops, one
//! giant `memory.fill`, meets the host's kill after the grace period. A program without WASI imports needs no timer and
//! runs without the asynchronous stack, which is 0.3 µs cheaper for each task. Without a deadline the program is
//! compiled without epoch checks, and so it is with [`Interrupt::Kill`], where the host alone keeps the deadline: it counts
//! from the first look at the claim word that sees the task, so none is killed too early, and another worker is started
//! shortly before a kill. A worker that knows no deadline has a clock that ticks only while answers wait behind a task.
//!
//! **Deadlines count active time.** A worker's clock thread makes time pass for its deadlines, 100 ms at most between two
//! looks. Where the host keeps deadlines, its looks do, with the same bound, and a pause of the pool does not count at
//! all: a host that is kept from its processor for longer kills later, never too early. A run that was stopped with Ctrl-Z, or on a machine that slept, goes on where it was.
//!
//! **Isolated tasks, unless asked otherwise.** What one task leaves behind, no other sees; [`Isolation::Reuse`] gives that
//! up for programs that set up much. One code path runs all: a fresh instance is one that is kept for a single task.
//!
//! **Put back rather than made anew.** Where all that a task can change in an instance is within reach, it is undone
//! instead: the same isolation for a fraction of the cost. [`isolation`] is the whole argument.
//!
//! **A claim word instead of messages.** Which task a worker runs, and which it may still take, is one atomic word in a
//! page it shares with the host: blame is exact at the price of one compare-and-swap for each task, and leases can be
//! long because what is unstarted can be taken back at any time.
//!
//! **One queue for all callers.** Runs and submitted tasks wait in one queue, oldest first, and each run has a window of its
//! own: results that one caller does not take hold up that caller's tasks and nobody else's. A task that is to be retried
//! sleeps beside the queue and comes back to its old place. Cancelling takes back what the worker has not begun before it
//! kills, so nothing but the cancelled task can be running when the kill arrives.
//!
//! **Rows travel together.** Plain rows that were read in one piece stay a [`Span`] of one block, from the file to the
//! record: one key, one time and one count of references for a thousand of them. What their worker answers in one frame
//! settles in one step, and stays the bytes that came over the pipe until the record is made from them. Whatever happens
//! to one task, such as a death, a retry or a cancellation, cuts it out of its span, and from there it goes alone. So the
//! code that knows all cases knows single tasks only.
//!
//! **News are told without the lock.** What observers and callbacks hear is queued under the pool's lock and told after it is
//! released, in order and by one teller at a time, so they may use the pool and cannot stop it.
//!
//! **Denied is not refused.** Programs import more of WASI than they use, because their language's library does. What
//! wpool does not provide of it is there and traps when it is called; imports of anything else are refused before
//! anything runs, with what to do about it. Compiler and worker link by the same function.
//!
//! **Deterministic guests sleep in virtual time.** The clock of a deterministic worker's runtime is paused: it passes only
//! while everything waits for a timer, and then at once. So WASI's own sleeping and polling are used as they are, nobody
//! waits, and a guest's clocks are that time and a step for each look. Its random numbers are keyed by seed, input and
//! occurrence, so they go with an input and not with its place ([`Determinism`]).
//!
//! **One module reads typed rows.** [`typed`] turns JSON into values by the types in the compiler's report, without an
//! engine: the host checks rows by the very code that workers call functions with. The report is drafted by the compiler
//! and finished by the host, which knows what is to be called, so one image serves every function of a program.
//!
//! **Shared state is the host's.** [`state`] is one map behind one lock, and a task's call of it a round trip over its
//! worker's own pipe: consistent for all workers, bounded, and counted, at the price of the trip. The worker waits in the
//! call, and the host answers before it leases more to that worker, so at most one reply is on its way.
//!
//! **A snapshot takes three processes.** What a program's `init` leaves in memories and globals becomes a part of the
//! program, from which every task starts. A compiler makes a form of the program that shows its state, a worker runs
//! `init` in it and sends the state (`state.rs`), and a fresh compiler makes the image that starts from it. So the
//! machine code that runs never comes from a process that has run a guest, and a captured worker can at most give its own
//! program another beginning.
//!
//! **A fence that is raised from inside.** Every child gives up its own rights before it sees a program or a row
//! (`worker/confine`), since most of it can be given up only by the process itself, and only in one order: what opens
//! files of `/proc` first, what binds a single thread while there is one, system calls last. The worker dies at the first
//! system call that is not listed rather than having it denied: nothing honest makes one, so it is news. A program that
//! needs no files has 26 calls. Threads that wait for files are started before the fence closes, so nobody can start one.
//!
//! **Text of others is inert.** What programs, rows, names of files and children say goes to people and into JSON through one
//! module, [`inert`]. Errors and outcomes keep it as it is: who prints them writes it out, and the command line does so where
//! a message or a line is made, whatever it is made of.
//!
//! **The journal is the command line's.** What is done and what is to be done again is a matter of rows, records and FILE,
//! which this library does not know: it is a part of the executable (`host/cli/journal`), which gives the pool only the rows
//! that have to run, and puts the others' records between those that come back.
//!
//! **Builds are not confined.** `wpool build` drives a language's own tools with the user's rights, as `make` would, and
//! what it does to their output happens in the same process. It is a part of the executable (`host/cli/projects`), which this
//! library does not have.

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
compile_error!("wpool runs on Linux on x86-64 and aarch64: its isolation is made of what that kernel offers");

#[cfg(test)]
mod cases;
#[cfg(feature = "engine")]
mod child;
mod config;
mod image;
#[doc = include_str!("isolation.md")]
pub mod isolation {}
#[cfg(all(doctest, feature = "engine"))]
#[doc = include_str!("../docs/guide/rust.md")]
mod guide {}
mod model;
#[doc(hidden)]
pub mod place;
mod pool;
mod protocol;
mod spawn;
pub mod state;

pub use config::{Init, MAX_WORKERS, PoolConfig};
pub use image::inspect;
pub use model::error::{Error, Refusal};
pub use model::event::{Event, Observer};
pub use model::fence::{Fence, LayerState, SandboxLayer, SandboxMode};
pub use model::grants::{DirGrant, Grants, Stdin};
#[doc(hidden)]
pub use model::inert;
pub use model::isolation::{Determinism, Interrupt, Isolation};
pub use model::limits::{CompileLimits, Limits};
pub use model::outcome::{ErrorDetail, Failure, Layer, Measured, Outcome, Receipt, Status};
pub use model::program::{MAX_PROGRAM, Program};
pub use model::report::{Convention, Function, Kind, Report, Resources, RowCheck};
pub use model::retry::{Retry, RetryOn};
pub use model::span::{Cuts, Span, Supply};
pub use model::task::{Input, Rejected, TaskId, TaskResult};
pub use model::template::{Row, Template};
pub use model::{limits, output, typed};
pub use pool::settled::{OkSpan, OkTask, Settled};
pub use pool::{
    Builder, Completed, Pool, Results, Running, Shutdown, Stats, Stopper, TaskHandle, TaskState, Until, Waited,
    as_completed, blocking, wait,
};
pub use protocol::roles::BUILD;
#[doc(hidden)]
pub use protocol::{state_calls, wire};
pub use spawn::command::WorkerCommand;

/// What a program does that is a worker of pools: its entrance, and its allocator.
#[cfg(feature = "engine")]
pub mod worker {
    pub use crate::child::{Allocator, enter, enter_as_intruder};
    #[doc(hidden)]
    pub use crate::child::{ENGINE_VERSION, SystemCall, system_calls};
}
