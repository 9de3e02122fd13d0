//! The bounds of compiling a program: the settings, or less where this process or the machine has less.

use std::time::Duration;

use crate::model::limits::{CompileLimits, in_words};
use crate::model::settings::Setting;
use crate::spawn::{machine, memory};

/// Memory that a compiler is given although the machine seems to have less: small programs take no more, and what is free
/// changes all the time.
const LEAST_MEMORY: u64 = 256 << 20;

/// Addresses that a compiler takes beside its memory, at most.
const MORE_ADDRESSES: u64 = 1 << 30;

/// The owner of a bound.
#[derive(Debug)]
enum By {
    Setting,
    /// A limit of this process, as a shell names it.
    Process(String),
    /// The free part of the machine's memory.
    Machine(&'static str),
}

/// The bounds of a compiler.
#[derive(Debug)]
pub(super) struct Bounds {
    pub limits: CompileLimits,
    time: By,
    memory: By,
}

/// Why a compiler that has met a bound made no image.
pub(super) enum Met {
    /// A bound that these settings lift, or a larger machine.
    Limit(String, &'static [Setting]),
    /// This process was started with less than is set.
    Process(String),
}

impl Bounds {
    pub fn of(set: &CompileLimits) -> Bounds {
        let mut bounds = Bounds { limits: set.clone(), time: By::Setting, memory: By::Setting };
        if let Some(seconds) = machine::processor_seconds().filter(|seconds| *seconds < set.time.as_secs()) {
            bounds.limits.time = Duration::from_secs(seconds);
            bounds.time = By::Process(format!("ulimit -t {seconds}"));
        }
        let free = memory::free().map(|free| (free.bytes.max(LEAST_MEMORY), free.who));
        if let Some((bytes, who)) = free.filter(|(bytes, _)| *bytes < set.memory) {
            bounds.limits.memory = bytes >> 20 << 20;
            bounds.memory = By::Machine(who);
        }
        if let Some(bytes) = machine::data().filter(|bytes| *bytes < bounds.limits.memory) {
            bounds.limits.memory = bytes;
            bounds.memory = By::Process(format!("ulimit -d {}", bytes >> 10));
        }
        bounds
    }

    /// Whether the time was over for a compiler that died so. The kernel has two ways to end a process that has used it up.
    pub fn ended_by_time(&self, why: &str) -> bool {
        why.contains("SIGXCPU") || matches!(self.time, By::Process(_)) && why.contains("SIGKILL")
    }

    pub fn out_of_time(&self) -> Met {
        let time = self.limits.time;
        let takes = format!("compiling it takes more than {time:?} of CPU time");
        match &self.time {
            By::Process(limit) => Met::Process(format!("{takes}, which `{limit}` is: allow wpool more")),
            By::Setting | By::Machine(_) => Met::Limit(format!("{takes}; allow more"), &[Setting::CompileTime]),
        }
    }

    pub fn out_of_memory(&self) -> Met {
        let takes = format!("compiling it takes more than {}", in_words(self.limits.memory));
        let most = self.limits.memory.saturating_add(MORE_ADDRESSES);
        if let Some(bytes) = machine::addresses().filter(|bytes| *bytes < most) {
            let limit = bytes >> 10;
            return Met::Process(format!("compiling it takes more memory than `ulimit -v {limit}`: allow wpool more"));
        }
        match &self.memory {
            By::Process(limit) => Met::Process(format!("{takes} of memory, which `{limit}` is: allow wpool more")),
            By::Machine(who) => Met::Limit(format!("{takes}, which is all the memory that {who} has free"), &[]),
            By::Setting => Met::Limit(format!("{takes}; allow more"), &[Setting::CompileMemory]),
        }
    }
}
