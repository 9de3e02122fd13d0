//! What one file of a policy says.

use std::path::{Path, PathBuf};

use super::amount::Unit;
use super::pattern::{NamePattern, PathPattern};
use crate::model::fence::SandboxMode;
use crate::model::isolation::Isolation;
use crate::model::policy::Denial;
use crate::model::settings::Setting;

/// A value, and the line that has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ruled<T> {
    pub value: T,
    pub line: usize,
}

/// The keys of `[max]`, with the settings that they bound.
pub(crate) const CEILINGS: [(&str, Setting, Unit); 13] = [
    ("timeout", Setting::Deadline, Unit::Time),
    ("cpu-time", Setting::CpuTime, Unit::Time),
    ("deadline", Setting::Lifetime, Unit::Time),
    ("fuel", Setting::Fuel, Unit::Count(1)),
    ("memory", Setting::Memory, Unit::Size),
    ("max-output", Setting::Output, Unit::Size),
    ("scratch", Setting::Scratch, Unit::Size),
    ("workers", Setting::Workers, Unit::Count(1)),
    ("retries", Setting::Retries, Unit::Count(0)),
    ("crash-limit", Setting::CrashLimit, Unit::Count(1)),
    ("init-timeout", Setting::InitTimeout, Unit::Time),
    ("compile-timeout", Setting::CompileTime, Unit::Time),
    ("compile-memory", Setting::CompileMemory, Unit::Size),
];

/// The most that a setting may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ceiling {
    pub setting: Setting,
    pub unit: Unit,
    pub most: u64,
    pub line: usize,
}

/// A directory that may be granted, with everything in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DirRule {
    /// Without links: a link on the way would lead wherever whoever made it likes.
    pub path: PathBuf,
    pub writable: bool,
}

/// A program that may run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ProgramRule {
    Content(blake3::Hash),
    Place(PathPattern),
}

/// What one file of a policy says. What it does not name, it does not bind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rules {
    /// The file, or the name of the text.
    pub path: PathBuf,
    /// BLAKE3 of the text, in hex.
    pub hash: String,
    pub max: Vec<Ceiling>,
    pub dirs: Option<Ruled<Vec<DirRule>>>,
    pub env: Option<Ruled<Vec<NamePattern>>>,
    pub state: Option<Ruled<bool>>,
    pub scratch: Option<Ruled<bool>>,
    pub programs: Option<Ruled<Vec<ProgramRule>>>,
    pub sandbox: Option<Ruled<SandboxMode>>,
    /// Fresh, reset, or both.
    pub isolation: Option<Ruled<Vec<Isolation>>>,
    pub deterministic: Option<Ruled<bool>>,
    /// Whether what is over a ceiling is cut, and not refused.
    pub cuts: bool,
}

impl Rules {
    pub fn denial(&self, setting: Setting, line: usize, what: impl Into<String>) -> Denial {
        Denial { setting, what: what.into(), file: self.path.clone(), line }
    }

    pub fn ceiling(&self, setting: Setting) -> Option<Ceiling> {
        self.max.iter().find(|ceiling| ceiling.setting == setting).copied()
    }

    /// Whether a program of this content, which consists of files at these places, may run.
    pub fn allows(&self, hash: &blake3::Hash, places: &[PathBuf]) -> bool {
        let Some(programs) = &self.programs else { return true };
        let is_at = |place: &Path| {
            programs.value.iter().any(|rule| matches!(rule, ProgramRule::Place(pattern) if pattern.fits(place)))
        };
        let is_known = programs.value.iter().any(|rule| matches!(rule, ProgramRule::Content(known) if known == hash));
        is_known || !places.is_empty() && places.iter().all(|place| is_at(place))
    }
}
