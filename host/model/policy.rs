//! The effects of a policy on settings: changes, refusals, and its own mistakes.

use std::fmt;
use std::path::PathBuf;

use thiserror::Error;

use crate::model::settings::Setting;

/// The reason why a policy cannot be used, or what it refuses.
#[derive(Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The file cannot be read, or somebody else could have written it.
    #[error("cannot use the policy {path}: {why}", path = path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// The reason.
        why: String,
    },
    /// The text is not a policy.
    #[error("{path}:{line}: {why}", path = path.display())]
    Malformed {
        /// The file, or the name that the text was given.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The reason.
        why: String,
    },
    /// Settings that the policy does not allow: at least one.
    #[error("refused by the policy: {}", listed(.0))]
    Refused(Vec<Denial>),
}

/// The same as `Display`: a `main` that returns an error prints this form.
impl fmt::Debug for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A setting that a policy refuses, and the line of the policy that does.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Denial {
    /// The setting.
    pub setting: Setting,
    /// Its value, and what the policy allows, such as `4GiB is over 1GiB`.
    pub what: String,
    /// The file of the policy.
    pub file: PathBuf,
    /// The line, counted from 1.
    pub line: usize,
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Denial { setting, what, file, line } = self;
        write!(f, "{setting} {what} ({}:{line})", file.display())
    }
}

/// A change that a policy has made to the settings of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bound {
    /// The setting.
    pub setting: Setting,
    /// Its value before; `None` where it was left out.
    pub from: Option<String>,
    /// Its value now.
    pub to: String,
    /// The file of the policy.
    pub file: PathBuf,
    /// The line, counted from 1.
    pub line: usize,
}

fn listed(denials: &[Denial]) -> String {
    denials.iter().map(Denial::to_string).collect::<Vec<_>>().join("; ")
}
