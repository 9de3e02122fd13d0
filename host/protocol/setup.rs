//! What a host tells its children before anything else.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::fence::{Fence, SandboxMode};
use crate::model::limits::{CompileLimits, Limits};
use crate::model::outcome::ErrorDetail;
use crate::model::report::Report;
use crate::model::settings::TaskSettings;

/// A worker's setup.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct WorkerSetup {
    pub program_name: String,
    pub report: Report,
    /// How tasks are run, of what this program and its grants allow: see [`crate::PoolConfig::worker_settings`].
    pub task: TaskSettings,
    /// Send each answer before the next task starts, because a task that ran twice could be noticed.
    pub flush_each: bool,
    /// There is shared state.
    pub state: bool,
    /// Call `init` in each instance; its argument is the next frame.
    pub init: bool,
    /// How much of the fence there must be.
    pub sandbox: SandboxMode,
}

/// A compiler's setup.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct CompileSetup {
    pub settings: ImageSettings,
    pub limits: CompileLimits,
    pub goal: Goal,
    pub sandbox: SandboxMode,
}

/// What an image is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Goal {
    /// To run the program as it is.
    Run,
    /// To run `init` in one instance whose state can be read after it. For a program without `init`, as
    /// [`Goal::Run`]: the report says which.
    Init,
    /// To run the program from the state that follows it.
    Snapshot,
}

/// Largest state that `init` may leave: it becomes data of a program, which is bounded like every other.
pub(crate) const MAX_SNAPSHOT: usize = crate::model::program::MAX_PROGRAM as usize;

/// What besides the program decides the content of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ImageSettings {
    /// Compiled with the checks that epoch interruption needs.
    pub epochs: bool,
    /// Compiled to count fuel.
    pub fuel: bool,
    /// Compiled so that no result depends on the processor: the bits of a NaN, what relaxed SIMD leaves open.
    pub deterministic: bool,
    /// If instances of the program can be put back after each task, compiled for memories that wpool maps: what stands in
    /// them at the beginning is copied there, not mapped.
    pub reset: bool,
}

impl ImageSettings {
    /// Of the image in which tasks with these limits run, each in an instance of its own.
    pub fn of(limits: &Limits, deterministic: bool) -> ImageSettings {
        ImageSettings { epochs: limits.deadline.is_some(), fuel: limits.fuel.is_some(), deterministic, reset: false }
    }

    /// Of the image in which their `init` runs once: it has a deadline and no fuel, whatever tasks have.
    #[cfg(feature = "engine")]
    pub fn init(self) -> ImageSettings {
        ImageSettings { epochs: true, fuel: false, reset: false, ..self }
    }
}

/// The first frame a child gets.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Hello<T> {
    /// [`crate::protocol::roles::BUILD`] of the host.
    pub build: String,
    pub setup: T,
}

/// The last frame of a child that does not go on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum ChildError {
    /// The child's build, when it is another.
    Build(String),
    /// The program is refused.
    Program(crate::model::error::Refusal),
    /// The image does not fit this engine; compile again.
    Image(String),
    /// Layers of the fence are missing that must be there.
    Sandbox(Fence),
    /// Anything else, as a sentence.
    Other(String),
}

/// How long a child may take from its start to its first frame. Workers need a millisecond; a machine that swaps, or
/// that starts hundreds at once, needs more.
pub(crate) const START_DEADLINE: Duration = Duration::from_secs(30);

/// What a worker says of an answer beyond its fixed part; absent from the wire when there is nothing to say.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct AnswerDetail {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorDetail>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_memory: Option<u64>,
    /// Fuel that was used, where it is counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
    /// Of the time that the answer's head tells, what making the instance took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_us: Option<u64>,
    /// Processor time of the worker's thread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_us: Option<u64>,
    /// Of a task that is ok; otherwise it stands in the error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stderr: Option<String>,
}

/// Characters that are repeated of what a worker says.
const MOST_QUOTED: usize = 200;

/// What a worker tells its host beside answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Notice {
    /// A task gave something else in a kept instance than in a fresh one; from here on every task has a fresh one.
    Impure,
    /// An instance that was put back is not what a fresh one is; from here on every task has a fresh one.
    NotPutBack(String),
}

impl Notice {
    /// What people are told, in words of the host's own.
    pub fn warning(&self) -> String {
        match self {
            Notice::Impure => {
                "the program gives different outputs in a kept instance than in a fresh one; tasks get fresh instances \
                 from here on (fresh isolation from the start is quicker)"
                    .to_owned()
            }
            // A worker's words are quoted, and cut, as a guest's are.
            Notice::NotPutBack(what) => {
                let what: String = what.chars().take(MOST_QUOTED).collect();
                format!(
                    "an instance that was put back differs from a fresh one ({what:?}); tasks get fresh instances from \
                     here on; please report this, with the program"
                )
            }
        }
    }
}

/// The error of a task over its deadline, the same whichever layer noticed.
pub(crate) fn timeout_detail(deadline: Duration) -> ErrorDetail {
    ErrorDetail::new("timeout", format!("ran longer than {deadline:?}"))
}
