//! Errors of a pool. A task has no errors of this kind: its end is an [`crate::Outcome`].

use std::path::PathBuf;
use std::{fmt, io};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::model::policy::PolicyError;
use crate::model::settings::{Setting, SettingError};

/// The reason why a pool could not be made, or cannot continue. The form for debugging says the same as `Display`, with the
/// causes behind it: it is the form that a `main` prints which returns an error.
#[derive(Error)]
#[non_exhaustive]
pub enum Error {
    /// The program file cannot be read.
    #[error("cannot read the program {path}", path = path.display())]
    ReadProgram {
        /// The file.
        path: PathBuf,
        /// The reason of the operating system.
        source: io::Error,
    },
    /// wpool does not run this program.
    #[error("{name}: {refusal}")]
    ProgramRefused {
        /// The program's name.
        name: String,
        /// The reason, and what helps.
        refusal: Refusal,
    },
    /// A limit, a grant or another setting that the pool, or the program, cannot have.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// A policy that cannot be used, or that refuses a setting or the program.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The worker executable cannot be found.
    #[error("no `wpool` executable beside this program or in PATH; install it, or name it with WorkerCommand::at")]
    NoWorkerCommand,
    /// A child process could not be started or set up.
    #[error("cannot start a {role}")]
    Spawn {
        /// The kind of child, such as `worker` or `compiler`.
        role: &'static str,
        /// The reason of the operating system.
        source: io::Error,
    },
    /// A child process was started and did not become ready.
    #[error("the {role} did not start: {why}")]
    ChildFailed {
        /// The kind of child, such as `worker` or `compiler`.
        role: &'static str,
        /// How it ended, or what it said.
        why: String,
    },
    /// Limits that this process was started with leave a child too little.
    #[error("the {role} has too little: {why}")]
    TooLittle {
        /// The kind of child, such as `worker` or `compiler`.
        role: &'static str,
        /// Its need, and the limit.
        why: String,
    },
    /// Host and worker are of different builds.
    #[error("this program is build `{host}` and its worker executable is build `{child}`; use the same wpool for both")]
    BuildMismatch {
        /// The build of this program.
        host: String,
        /// The build of the worker's executable.
        child: String,
    },
    /// The machine does not offer the whole fence around children, which [`crate::SandboxMode::Strict`] asks for.
    #[error("layers of the sandbox are missing here: {missing}; {advice}, or run with less of it")]
    Sandbox {
        /// The names of the layers.
        missing: String,
        /// The remedy.
        advice: String,
    },
    /// The machine gives workers no scratch directory: see [`crate::Grants::scratch`].
    #[error(
        "no scratch directory can be made here: {why}; it takes root, or user namespaces, which some containers and \
         settings of the system deny (user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns)"
    )]
    NoScratch {
        /// The reason of the operating system.
        why: String,
    },
    /// Workers keep failing before they have done anything.
    #[error("{failures} workers in a row failed before they did anything; the last one {why}")]
    TooManyFailures {
        /// How many.
        failures: u32,
        /// How the last one ended.
        why: String,
    },
    /// The pool was stopped, or gave up, before this run.
    #[error("the pool has ended; start another one")]
    Ended,
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut cause = std::error::Error::source(self);
        while let Some(next) = cause {
            write!(f, ": {next}")?;
            cause = next.source();
        }
        Ok(())
    }
}

impl Error {
    /// The settings that the error is about, if any: a command line can name its options for them.
    pub fn settings(&self) -> Vec<Setting> {
        match self {
            Error::Setting(error) => error.settings(),
            Error::Policy(PolicyError::Refused(denials)) => denials.iter().map(|denial| denial.setting).collect(),
            Error::ProgramRefused { refusal, .. } => refusal.settings.clone(),
            Error::Sandbox { .. } => vec![Setting::Sandbox],
            Error::NoScratch { .. } => vec![Setting::Scratch],
            _ => Vec::new(),
        }
    }
}

/// The reason why a program is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
#[error("{message}")]
pub struct Refusal {
    /// A word for machines.
    pub code: RefusalCode,
    /// A sentence for people: the expectation, and the finding.
    pub message: String,
    /// Settings that decide about the refusal: another value may do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settings: Vec<Setting>,
}

/// Why a program is refused, as a word for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RefusalCode {
    /// It is not valid WebAssembly.
    BadModule,
    /// It is machine code, which nobody can check.
    Precompiled,
    /// It needs a part of WebAssembly that wpool does not have.
    UnsupportedFeature,
    /// It imports something that wpool does not provide.
    UnknownImport,
    /// It has nothing that could be called.
    NoConvention,
    /// It has no function of the name that was asked for, or several.
    NoFunction,
    /// A row cannot be made into a call of the function.
    NoData,
    /// It begins with more memory than tasks may have.
    MemoryLimit,
    /// It begins with a larger table than tasks may have.
    TableLimit,
    /// It has more imports, exports and functions than can be listed.
    ReportLimit,
    /// Compiling it takes more time or memory than is allowed.
    CompileLimit,
    /// The compiler, or its `init`, did something that the fence forbids.
    SandboxViolation,
    /// Its `init` failed.
    Init,
    /// No snapshot can be made after its `init`.
    Snapshot,
}

impl RefusalCode {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            RefusalCode::BadModule => "bad-module",
            RefusalCode::Precompiled => "precompiled",
            RefusalCode::UnsupportedFeature => "unsupported-feature",
            RefusalCode::UnknownImport => "unknown-import",
            RefusalCode::NoConvention => "no-convention",
            RefusalCode::NoFunction => "no-function",
            RefusalCode::NoData => "no-data",
            RefusalCode::MemoryLimit => "memory-limit",
            RefusalCode::TableLimit => "table-limit",
            RefusalCode::ReportLimit => "report-limit",
            RefusalCode::CompileLimit => "compile-limit",
            RefusalCode::SandboxViolation => "sandbox-violation",
            RefusalCode::Init => "init",
            RefusalCode::Snapshot => "snapshot",
        }
    }
}

impl Refusal {
    pub(crate) fn new(code: RefusalCode, message: impl Into<String>) -> Self {
        Refusal { code, message: message.into(), settings: Vec::new() }
    }

    /// The refusal of a program whose state after `init` no snapshot can hold.
    #[cfg(feature = "engine")]
    pub(crate) fn no_snapshot(why: &str) -> Self {
        let message = format!("no snapshot can be made after its `init`: {why}; run it in each instance instead");
        Refusal::new(RefusalCode::Snapshot, message).about(&[Setting::InitEach])
    }

    /// Names the settings that decide about the refusal.
    pub(crate) fn about(self, settings: &[Setting]) -> Self {
        Refusal { settings: settings.to_vec(), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_written_with_its_word() {
        for code in [RefusalCode::BadModule, RefusalCode::UnsupportedFeature, RefusalCode::Init] {
            let json = serde_json::to_string(&Refusal::new(code, "why")).unwrap();
            assert_eq!(json, format!(r#"{{"code":"{}","message":"why"}}"#, code.as_str()));
        }
    }
}
