//! wpool maps a WebAssembly program that nobody has to trust over a stream of inputs, on every core. Each core has a
//! worker process of its own, and by default no task sees anything of another.
//!
//! ```no_run
//! use wpool::{Outcome, Pool, Program};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let program = Program::read("largest-prime-factor.wasm")?;
//!     let pool = Pool::builder(program).build_blocking()?;
//!     for result in pool.map(["600851475143", "100913100913", "zero"]) {
//!         let result = result?;
//!         match result.outcome {
//!             Outcome::Ok(output) => println!("{}: {}", result.id.0, String::from_utf8_lossy(&output)),
//!             Outcome::NotOk(failure) => println!("{}: {}: {}", result.id.0, failure.status, failure.error.message),
//!         }
//!     }
//!     Ok(())
//! }
//! ```
//!
//! ```toml
//! [dependencies]
//! wpool = { path = "../wpool", default-features = false }
//! ```
//!
//! Without its default features the library has no engine. An installed `wpool` executable, beside the program or in
//! `PATH`, then provides the workers. With the feature `engine` a program can be its own worker (`wpool::worker`).
//!
//! # Where to read on
//!
//! - [`guide`]: the guide for Rust programs, with pools in asynchronous programs, errors, and single tasks.
//! - [`Builder`] and [`PoolConfig`]: the settings of a pool. [`Outcome`] and [`Receipt`]: the end of a task.
//! - [`design`]: the choices behind wpool, each with its reasons. [`isolation`]: why instances can be put back.
//! - `docs/` in the repository: the guide for the command line, the architecture (`docs/design/architecture.md`) with
//!   its invariants, and the paths and hostile cases that the tests cover.
//!
//! # Parts and guarantees
//!
//! ```text
//!  inputs ─▶ Pool: queue ── lease ──▶ slot ═══ pipe ═══▶ worker ─▶ sandbox ─▶ guest
//!  results ◀─────── settle ◀─ answer ──┘ ◀══ pipe ═════════════ outcome ◀──────┘
//!
//!  program ─▶ compiler (its own short-lived process) ─▶ image, cached by content ─▶ mapped by each worker
//! ```
//!
//! - Guest code is compiled and run only in child processes, behind a fence ([`fence::SandboxLayer`]).
//! - Every accepted task settles exactly once, whatever dies. Its end is an [`Outcome`], never an `Err`.
//! - A worker runs one task at a time, so a death has one suspect.
//! - Every queue, frame, restart and output is bounded, and the host trusts no byte from a worker.
//! - No worker outlives its pool.
//!
//! `docs/design/architecture.md` lists all invariants, each with the type, lint or test that holds it.

#![warn(clippy::disallowed_methods)]

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
compile_error!("wpool runs on Linux on x86-64 and aarch64: its isolation is made of what that kernel offers");

#[cfg(test)]
mod cases;
#[cfg(feature = "engine")]
mod child;
mod config;
mod image;
#[doc = include_str!("../docs/design/decisions.md")]
pub mod design {}
// Its examples use the feature.
#[cfg(any(not(doctest), feature = "engine"))]
#[doc = include_str!("../docs/guide/rust.md")]
pub mod guide {}
#[doc = include_str!("isolation.md")]
pub mod isolation {}
mod model;
#[doc(hidden)]
pub mod place;
mod policy;
mod pool;
mod protocol;
mod spawn;
pub mod state;

pub use config::{Init, PoolConfig};
pub use image::{inspect, inspect_each};
pub use model::error::{Error, Refusal, RefusalCode};
pub use model::event::{Event, Observer};
pub use model::fence::SandboxMode;
pub use model::grants::{DirGrant, Grants, Scratch, Stdin};
#[doc(hidden)]
pub use model::inert;
pub use model::isolation::{Determinism, Interrupt, Isolation};
pub use model::limits::Limits;
pub use model::outcome::{Failure, Outcome, Receipt, Status};
pub use model::policy::{Bound, Denial, PolicyError};
pub use model::program::Program;
pub use model::retry::{Retry, RetryOn};
pub use model::settings::{Setting, SettingError, TaskSettings};
pub use model::task::{Input, Rejected, TaskId, TaskResult};
pub use model::{output, typed};
pub use policy::Policy;
pub use pool::{
    Builder, Completed, Pool, Results, Shutdown, Stopper, TaskHandle, TaskState, Until, Waited, as_completed, blocking,
    wait,
};
pub use protocol::roles::BUILD;
#[doc(hidden)]
pub use protocol::{state_calls, wire};
#[cfg(not(feature = "engine"))]
#[doc(hidden)]
pub use spawn::command::NeedsFeatureEngine;
pub use spawn::command::WorkerCommand;

/// Rows and results in blocks, for callers with more rows than it pays to handle one by one.
pub mod bulk {
    pub use crate::model::span::{Cuts, Span, Supply};
    pub use crate::pool::{OkSpan, OkTask, Settled};
}

/// The fence around child processes, and the layers of it that a machine offers.
pub mod fence {
    pub use crate::model::fence::{Fence, LayerState, SandboxLayer};
}

/// Limits of tasks and of the compiler, and the largest values that wpool takes.
pub mod limits {
    pub use crate::config::MAX_WORKERS;
    pub use crate::model::grants::DEFAULT_SCRATCH;
    pub use crate::model::limits::{
        CompileLimits, DETERMINISTIC_FUEL, Limits, MAX_CORE_DUMP, MAX_INPUT, MAX_MEMORY, MAX_OUTPUT, MAX_TABLE_ELEMENTS,
    };
    pub use crate::model::program::MAX_PROGRAM;
}

/// The details of an outcome and of a receipt.
pub mod outcome {
    pub use crate::model::outcome::{ErrorDetail, Layer, Measured};
    pub use crate::model::profile::{Call, Profile, Sample};
    pub use crate::model::touched::{Access, Denial, Touched, TouchedDir};
}

/// The compiler's report on a program.
pub mod report {
    pub use crate::model::convention::Convention;
    pub use crate::model::entries::{CoreFunction, Shape};
    pub use crate::model::report::{Function, Kind, Report, Resources, RowCheck, described, names};
}

/// The work that a pool has done, and the work that it is doing.
pub mod stats {
    pub use crate::pool::{Running, Stats};
}

/// Texts that are made from rows: arguments, standard input and names of files.
pub mod template {
    pub use crate::model::template::{Row, Template, member};
}

/// The parts of a program that is its own worker: an entrance, and an allocator.
#[cfg(feature = "engine")]
pub mod worker {
    pub use crate::child::{Allocator, enter, enter_as_intruder};
    #[doc(hidden)]
    pub use crate::child::{ENGINE_VERSION, SystemCall, system_calls};
}
