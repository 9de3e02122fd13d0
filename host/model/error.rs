//! What can go wrong with a pool. What can go wrong with a task is an [`crate::Outcome`].

use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a pool could not be made, or cannot go on.
#[derive(Debug, Error)]
pub enum Error {
    /// The program file cannot be read.
    #[error("cannot read the program {path}", path = path.display())]
    ReadProgram { path: PathBuf, source: io::Error },
    /// The program is not one that wpool runs.
    #[error("{name}: {refusal}")]
    ProgramRefused { name: String, refusal: Refusal },
    /// A limit, a grant or another setting that cannot be had.
    #[error("{0}")]
    Config(String),
    /// The worker executable cannot be found.
    #[error("no `wpool` executable beside this program or in PATH; install it, or name it with WorkerCommand::at")]
    NoWorkerCommand,
    /// A child process could not be started or set up.
    #[error("cannot start a {role}")]
    Spawn { role: &'static str, source: io::Error },
    /// A child process was started and did not come up.
    #[error("the {role} did not start: {why}")]
    ChildFailed { role: &'static str, why: String },
    /// Limits that this process was started with leave a child too little.
    #[error("the {role} has too little: {why}")]
    TooLittle { role: &'static str, why: String },
    /// Host and worker are of different builds.
    #[error("this program is build `{host}` and its worker executable is build `{child}`; use the same wpool for both")]
    BuildMismatch { host: String, child: String },
    /// The machine does not offer the whole fence around children, which [`crate::SandboxMode::Strict`] asks for.
    #[error("layers of the sandbox are missing here: {missing}; {advice}, or run with less of it (--sandbox auto)")]
    Sandbox { missing: String, advice: String },
    /// Workers keep failing before they have done anything.
    #[error("{failures} workers in a row failed before they did anything; the last one {why}")]
    TooManyFailures { failures: u32, why: String },
    /// The pool was stopped, or gave up, before this run.
    #[error("the pool has ended; start another one")]
    Ended,
}

/// Why a program is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
#[error("{message}")]
pub struct Refusal {
    /// A word for programs: `bad-module`, `precompiled`, `unknown-import`, `no-convention`, `memory-limit`…
    pub code: String,
    /// What was looked for and what was found.
    pub message: String,
}

impl Refusal {
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        Refusal { code: code.to_owned(), message: message.into() }
    }
}
