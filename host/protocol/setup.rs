//! The first messages from a host to its children.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::fence::{Fence, SandboxMode};
use crate::model::limits::{CompileLimits, Limits};
use crate::model::outcome::ErrorDetail;
use crate::model::report::{Draft, Report};
use crate::model::settings::{Setting, TaskSettings};
use crate::model::spot::Spot;
use crate::protocol::contents::Span;
use crate::protocol::footprint::Footprint;

/// A worker's setup.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct WorkerSetup {
    pub program_name: String,
    pub report: Report,
    /// How tasks are run, of what this program and its grants allow: see [`crate::PoolConfig::worker_settings`].
    pub task: TaskSettings,
    /// Whether to send each answer before the next task starts, because a second run of a task could be noticed.
    pub flush_each: bool,
    /// Whether the pool has shared state.
    pub state: bool,
    /// Whether to call `init` in each instance. Its argument is the next frame.
    pub init: bool,
    pub image: ImageSetup,
    /// The required part of the fence.
    pub sandbox: SandboxMode,
}

/// The part of a worker's setup that is about its image.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct ImageSetup {
    pub settings: ImageSettings,
    /// As in [`Compiled`].
    pub proposals: Proposals,
    /// As in [`Compiled`].
    pub start: Option<Span>,
    /// The state that `init` left, as a part of the last descriptor.
    pub prepared: Option<Span>,
    /// Whether the places of frames are wanted, because the program knows their lines.
    pub spots: bool,
}

/// A compiler's setup.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct CompileSetup {
    pub settings: ImageSettings,
    pub limits: CompileLimits,
    pub goal: Goal,
    pub sandbox: SandboxMode,
    /// Threads that compile.
    pub threads: usize,
}

/// The compiler's report on an image. It is kept with the image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Compiled {
    pub draft: Draft,
    pub proposals: Proposals,
    /// The first contents of memories, as a part of the image: set for an image whose memories wpool maps itself.
    pub start: Option<Span>,
    /// Where the code of each core module begins in the file that was compiled, in order. Set if a module has a table of
    /// lines.
    pub code: Option<Vec<u32>>,
}

/// Parts of the engine that a program's proposals need. They are on for such programs alone, because they cost time in
/// every instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Proposals {
    /// The collector and its heap: for exceptions, structures and references to things of the host.
    pub heap: bool,
    /// Tasks inside a component: for asynchronous functions.
    pub tasks: bool,
}

/// The purpose of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Goal {
    /// None: the report alone, without any machine code of the program.
    Look,
    /// Runs the program as it is.
    Run,
    /// Runs the program from the state that its `init` leaves. If a state can be laid over its instances, the image is for
    /// that, and for the run of `init`. Otherwise the image is for the run of `init` alone. For a program without `init`
    /// this is [`Goal::Run`], as the report says.
    Init,
    /// Runs the program from the state in the next frame.
    Snapshot,
    /// None: lines of source code, for the places in the next frame.
    Lines,
}

/// The settings, besides the program, that decide the content of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ImageSettings {
    /// Compiled with the checks for epoch interruption.
    pub epochs: bool,
    /// Compiled to count fuel.
    pub fuel: bool,
    /// Compiled so that no result depends on the processor: the bits of a NaN, the open results of relaxed SIMD.
    pub deterministic: bool,
    /// Compiled for memories that wpool maps, if instances of the program can be put back after each task.
    pub reset: bool,
}

impl ImageSettings {
    /// The settings of an image for tasks with these limits, each in an instance of its own. `looks` asks for the checks
    /// that interrupt a task, whatever they are for.
    pub fn of(limits: &Limits, deterministic: bool, looks: bool) -> ImageSettings {
        let epochs = limits.deadline.is_some() || limits.cpu.is_some() || looks;
        ImageSettings { epochs, fuel: limits.fuel.is_some(), deterministic, reset: false }
    }

    /// The settings of a pool in which two images differ. A program that no deadline, no counted work and no determinism
    /// tells apart is compiled for another isolation.
    pub fn differences(self, other: ImageSettings) -> Vec<Setting> {
        let all = [
            (self.epochs != other.epochs, Setting::Deadline),
            (self.fuel != other.fuel, Setting::Fuel),
            (self.deterministic != other.deterministic, Setting::Deterministic),
        ];
        let differ: Vec<_> = all.into_iter().filter_map(|(differs, setting)| differs.then_some(setting)).collect();
        if differ.is_empty() { vec![Setting::Isolation] } else { differ }
    }

    /// The settings of an image in which `init` runs once and no task: it has a deadline and no fuel, whatever tasks have.
    pub fn init(self) -> ImageSettings {
        ImageSettings { epochs: true, fuel: false, reset: false, ..self }
    }
}

/// The first frame to a child.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Hello<T> {
    /// [`crate::protocol::roles::BUILD`] of the host.
    pub build: String,
    pub setup: T,
}

/// The last frame of a child that gives up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum ChildError {
    /// The child's build, if it differs.
    Build(String),
    /// The program is refused.
    Program(crate::model::error::Refusal),
    /// The image does not fit this engine; compile again.
    Image(String),
    /// Required layers of the fence are missing.
    Sandbox(Fence),
    /// No scratch directory can be made, for this reason of the system.
    Scratch(String),
    /// Anything else, as a sentence.
    Other(String),
}

/// Longest time from a child's start to its first frame. Workers need a millisecond. A machine that swaps, or starts
/// hundreds at once, needs more.
pub(crate) const START_DEADLINE: Duration = Duration::from_secs(30);

/// The variable part of an answer. The wire leaves it out if it is empty.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct AnswerDetail {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorDetail>,
    /// The places of the frames of the error's backtrace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spots: Vec<Spot>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_memory: Option<u64>,
    /// Fuel used, if it is counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
    /// The part of the head's time that making the instance took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_us: Option<u64>,
    /// Processor time of the worker's thread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_us: Option<u64>,
    /// The stderr of a task that is ok. A failed task has it in its error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stderr: Option<String>,
    /// The things that the task has touched beside its row, if they are asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub footprint: Option<Footprint>,
    /// Parts of the output are missing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}

/// Most characters of a worker's text that a message repeats.
const MOST_QUOTED: usize = 200;

/// A message of a worker besides its answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Notice {
    /// A task had another result in a kept instance than in a fresh one. From here on every task has a fresh one.
    Impure,
    /// An instance that was put back differs from a fresh one. From here on every task has a fresh one.
    NotPutBack(String),
}

impl Notice {
    /// The warning for people, in words of the host's own.
    pub fn warning(&self) -> String {
        match self {
            Notice::Impure => {
                "the program gives different outputs in a kept instance than in a fresh one; tasks get fresh instances \
                 from here on (fresh isolation from the start is quicker)"
                    .to_owned()
            }
            // A worker's words are quoted and cut like a guest's.
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

/// The error of a task over its deadline, the same from every layer.
pub(crate) fn timeout_detail(deadline: Duration) -> ErrorDetail {
    ErrorDetail::new("timeout", format!("ran longer than {deadline:?}"))
}
