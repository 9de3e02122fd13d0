//! The settings of tasks, and what is wrong with settings.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::model::grants::Grants;
use crate::model::isolation::{Determinism, Isolation};
use crate::model::limits::Limits;

/// How tasks are run. It travels whole: from [`crate::PoolConfig::task`] over the wire to the worker, where each task
/// looks up what it needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskSettings {
    /// Time, work, memory and output of a task.
    pub limits: Limits,
    /// Directories, environment variables and arguments that a task has.
    pub grants: Grants,
    /// How much tasks see of each other. An instance that a command has left cannot be called again.
    pub isolation: Isolation,
    /// Compare each instance that was put back with a fresh one, byte for byte. After the first difference, which is
    /// reported as a warning, tasks get fresh instances. The comparison takes longer than most tasks.
    pub verify_isolation: bool,
    /// Make outputs depend on program and input alone. Default: no.
    pub deterministic: Option<Determinism>,
    /// Treat inputs that are not a JSON value as `invalid-input`.
    pub json_rows: bool,
    /// Read the members of a row by the types of a function where they are texts, as those of a table are: numbers and booleans
    /// as they are written in JSON or with zeros in front, nothing for the `none` of an option, and JSON for lists, records and
    /// the like.
    pub text_values: bool,
    /// Return a function's result of type string or `list<u8>` as its bytes instead of JSON, for outputs that become
    /// files, for example.
    pub bare_outputs: bool,
    /// Exit codes of a command that count as ok.
    pub success_codes: Vec<i32>,
    /// Measure wall time and peak memory of each task, and note what it touches and is denied.
    pub receipts: bool,
    /// An empty directory, which tasks find at `/`, read-only. Without any directory, the library of most languages fails
    /// to open a file before anybody is asked; with this one it asks, and what is looked up here counts as denied
    /// ([`crate::outcome::Touched::denied`]). Implies `receipts`.
    pub learn: Option<PathBuf>,
    /// Keep everything about a task that is stopped: the whole backtrace, up to 10 000 frames, and after a trap the core dump
    /// ([`crate::outcome::Measured::core_dump`]). It is meant for looking at one task: a dump holds the guest's memory. Implies
    /// `receipts`.
    pub post_mortem: bool,
    /// Sample the stack of a task about once in this time, while it runs guest code ([`crate::outcome::Measured::profile`]).
    /// It is meant for looking at one task. Implies `post_mortem`.
    pub profile: Option<Duration>,
}

impl Default for TaskSettings {
    fn default() -> Self {
        TaskSettings {
            limits: Limits::default(),
            grants: Grants::default(),
            isolation: Isolation::default(),
            verify_isolation: false,
            deterministic: None,
            json_rows: false,
            text_values: false,
            bare_outputs: false,
            success_codes: vec![0],
            receipts: false,
            learn: None,
            post_mortem: false,
            profile: None,
        }
    }
}

/// A setting that an error or a refusal is about: a field of [`crate::PoolConfig`] or of what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Setting {
    /// [`crate::PoolConfig::alloc`]
    Alloc,
    /// [`Grants::args`]
    Args,
    /// [`crate::PoolConfig::call`]
    Call,
    /// [`crate::limits::CompileLimits::memory`]
    CompileMemory,
    /// [`crate::limits::CompileLimits::time`]
    CompileTime,
    /// [`Limits::cpu`]
    CpuTime,
    /// [`crate::PoolConfig::crash_limit`]
    CrashLimit,
    /// [`Limits::deadline`]
    Deadline,
    /// [`TaskSettings::deterministic`]
    Deterministic,
    /// [`crate::DirGrant::host`]
    Directory,
    /// [`Grants::dirs`]
    Dirs,
    /// [`Grants::env`]
    Env,
    /// [`Limits::fuel`]
    Fuel,
    /// [`crate::PoolConfig::init`]
    Init,
    /// [`crate::Init::each`]
    InitEach,
    /// [`crate::Init::timeout`]
    InitTimeout,
    /// [`crate::PoolConfig::interrupt`]
    Interrupt,
    /// [`TaskSettings::isolation`]
    Isolation,
    /// [`TaskSettings::json_rows`]
    JsonRows,
    /// [`crate::PoolConfig::lifetime`]
    Lifetime,
    /// [`Limits::memory`]
    Memory,
    /// [`Limits::output`]
    Output,
    /// [`crate::Program`]
    Program,
    /// [`crate::Retry::times`]
    Retries,
    /// [`crate::PoolConfig::sandbox`]
    Sandbox,
    /// [`Grants::scratch`]
    Scratch,
    /// [`crate::PoolConfig::state`]
    State,
    /// [`Grants::stdin`]
    Stdin,
    /// [`TaskSettings::success_codes`]
    SuccessCodes,
    /// [`TaskSettings::verify_isolation`]
    VerifyIsolation,
    /// [`crate::PoolConfig::workers`]
    Workers,
}

impl Setting {
    /// The setting in words, as a noun with its article.
    pub fn as_str(self) -> &'static str {
        match self {
            Setting::Alloc => "an allocator to call",
            Setting::Args => "arguments",
            Setting::Call => "a function to call",
            Setting::CompileMemory => "a memory limit of the compiler",
            Setting::CompileTime => "a time limit of the compiler",
            Setting::CpuTime => "a limit of processor time",
            Setting::CrashLimit => "the crash limit",
            Setting::Deadline => "a deadline",
            Setting::Deterministic => "a deterministic pool",
            Setting::Directory => "a directory",
            Setting::Dirs => "a writable directory",
            Setting::Env => "an environment variable",
            Setting::Fuel => "a fuel limit",
            Setting::Init => "an argument for `init`",
            Setting::InitEach => "`init` in each instance",
            Setting::InitTimeout => "a deadline of `init`",
            Setting::Interrupt => "deadlines that are kept by kills",
            Setting::Isolation => "instances that are used again",
            Setting::JsonRows => "rows of text",
            Setting::Lifetime => "the time limit of a run",
            Setting::Memory => "the memory limit",
            Setting::Output => "the output limit",
            Setting::Program => "the program",
            Setting::Retries => "the number of retries",
            Setting::Sandbox => "the whole fence",
            Setting::Scratch => "a scratch directory",
            Setting::State => "shared state",
            Setting::Stdin => "standard input",
            Setting::SuccessCodes => "exit codes",
            Setting::VerifyIsolation => "verified isolation",
            Setting::Workers => "the number of workers",
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Settings that a pool cannot have.
#[derive(Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SettingError {
    /// The value lies outside the setting's range.
    #[error("{setting} must be {range}, not {value}")]
    Range {
        /// The setting.
        setting: Setting,
        /// The values that it may have, such as `at least 1`.
        range: String,
        /// The value that it has.
        value: String,
    },
    /// Two settings contradict each other.
    #[error("{setting} cannot be combined with {other}: {why}")]
    Conflict {
        /// The setting that excludes the other.
        setting: Setting,
        /// The setting that is excluded.
        other: Setting,
        /// The reason.
        why: String,
    },
    /// The program cannot be run with the setting.
    #[error("{program} {why}")]
    Program {
        /// The setting.
        setting: Setting,
        /// The program's name.
        program: String,
        /// The rest of a sentence that begins with the program's name.
        why: String,
    },
}

/// The same as `Display`: a `main` that returns an error prints this form.
impl fmt::Debug for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl SettingError {
    /// The settings that the error is about.
    pub fn settings(&self) -> Vec<Setting> {
        match self {
            SettingError::Range { setting, .. } | SettingError::Program { setting, .. } => vec![*setting],
            SettingError::Conflict { setting, other, .. } => vec![*setting, *other],
        }
    }
}
