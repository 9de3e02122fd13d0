//! The policies that bind this command: the machine's, the environment's, and those that were typed. Each one applies.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use wpool::{Bound, Error, Policy, PolicyError};

use crate::cli::options::of_policy;
use crate::cli::terminal::say;

/// The policy of the machine's owner.
const MACHINE: &str = "/etc/wpool/policy.toml";
/// The variable that names a policy.
const VARIABLE: &str = "WPOOL_POLICY";

/// Read once, when the command begins: later, its files, its variables and its folder may be others.
static POLICY: OnceLock<Result<Policy, PolicyError>> = OnceLock::new();

/// Reads the policies that bind the command, `typed` among them.
pub fn begin(typed: &[PathBuf]) {
    POLICY.get_or_init(|| read(typed));
}

/// The policies that bind the command.
pub fn current() -> Result<Policy, Error> {
    Ok(POLICY.get_or_init(|| read(&[])).clone()?)
}

fn read(typed: &[PathBuf]) -> Result<Policy, PolicyError> {
    let of_variable = std::env::var_os(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
    let policy = Policy::read_if_there(MACHINE)?;
    of_variable.iter().chain(typed).try_fold(policy, |policy, path| Ok(policy.and(&Policy::read(path)?)))
}

/// A policy with that of a file.
pub fn with(policy: Policy, path: &Path) -> Result<Policy, Error> {
    Ok(policy.and(&Policy::read(path)?))
}

/// The policies of a run, and what they have changed: public format, described in docs/guide/policy.md.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyFacts {
    pub files: Vec<PolicyFile>,
    /// Settings that were typed and are less now.
    pub cut: Vec<Change>,
    /// Settings that were left out and have a value now.
    pub set: Vec<Change>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyFile {
    pub path: String,
    pub blake3: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The option that chooses it.
    pub option: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    pub to: String,
    /// The file and the line.
    pub by: String,
}

impl PolicyFacts {
    /// `None` without a policy.
    pub fn of(policy: &Policy, bounds: Vec<Bound>) -> Option<PolicyFacts> {
        if policy.is_empty() {
            return None;
        }
        let file =
            |(path, hash): (&Path, &str)| PolicyFile { path: path.display().to_string(), blake3: hash.to_owned() };
        let change = |Bound { setting, from, to, file, line, .. }: Bound| {
            let by = format!("{}:{line}", file.display());
            Change { option: of_policy(setting).to_owned(), from, to, by }
        };
        let (cut, set) = bounds.into_iter().map(change).partition(|change: &Change| change.from.is_some());
        Some(PolicyFacts { files: policy.sources().map(file).collect(), cut, set })
    }

    /// Reports what was cut, and if asked for all that it has changed.
    pub fn say(&self, quiet: bool, verbose: bool) {
        if verbose {
            return self.lines().iter().for_each(|line| say(format_args!("policy: {line}")));
        }
        let cut = |Change { option, from, to, by }: &Change| {
            format!("{option} is {to}, not {} ({by})", from.as_deref().unwrap_or_default())
        };
        if !quiet && !self.cut.is_empty() {
            say(format_args!("policy: {}", self.cut.iter().map(cut).collect::<Vec<_>>().join("; ")));
        }
    }

    /// Makes settings equal to earlier ones where a policy has changed them.
    pub fn overlook(&self, earlier: &BTreeMap<String, String>, settings: &mut BTreeMap<String, String>) {
        let options = self.changes().map(|change| change.option.as_str());
        let seed = options.clone().find(|option| *option == "--deterministic").map(|_| "--seed");
        for option in options.chain(seed) {
            match earlier.get(option) {
                Some(value) => drop(settings.insert(option.to_owned(), value.clone())),
                None => drop(settings.remove(option)),
            }
        }
    }

    /// The changes that policies have made.
    pub fn changes(&self) -> impl Iterator<Item = &Change> + Clone {
        self.cut.iter().chain(&self.set)
    }

    /// Each change, for people.
    pub fn lines(&self) -> Vec<String> {
        let files = self.files.iter().map(|file| format!("{} (blake3 {})", file.path, file.blake3));
        let change = |Change { option, to, by, .. }: &Change| format!("{option} is {to}, by {by}");
        files.chain(self.changes().map(change)).collect()
    }
}
