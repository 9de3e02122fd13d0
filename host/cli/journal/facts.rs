//! The facts about a run before its first row and after its last: `run.json`.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::io::Read;
use std::time::{SystemTime, UNIX_EPOCH};

use humantime::format_rfc3339_seconds;
use serde::{Deserialize, Serialize};
use wpool::place::Dir;

use crate::cli::journal::disk::replace;
use crate::cli::journal::error::{Error, at};
use crate::cli::journal::text::Text;
use crate::cli::policy::PolicyFacts;
use crate::cli::shard::{By, InputFacts};

/// Name of the file of facts in a journal's folder.
pub const FACTS: &str = "run.json";
/// Version of everything in the folder. Other versions are not read.
pub const FORMAT: u32 = 1;
/// The beginning of the names of merged runs.
pub const MERGED: &str = "merged";
/// Longest file of facts: arguments and environments are at most 2 MiB for the kernel, and as much again in escapes.
const MAX_FACTS: u64 = 16 << 20;

/// The facts of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// [`FORMAT`] of the wpool that wrote this.
    pub format: u32,
    /// The name of the run: its start time, so that names sort by age, and a random part.
    pub run: String,
    /// The version of wpool.
    pub version: String,
    /// In UTC, as RFC 3339. The start of the first run when it was resumed.
    pub started: String,
    /// Working directory, to which every typed path is relative.
    pub cwd: Text,
    /// Everything typed after `wpool run`.
    pub arguments: Vec<Text>,
    /// The variables of `--env`, in its order, with values from the caller's environment filled in.
    pub env: Vec<(String, String)>,
    pub program: ProgramFacts,
    /// Other programs that made records, of which some may still stand in FILE; the latest comes last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<ProgramFacts>,
    /// Every setting on which outputs or records depend, under the name of its option, in a text that is equal when
    /// the setting is.
    pub settings: BTreeMap<String, String>,
    /// Files of rows as typed, `-` for standard input; with `--files` its patterns; empty with `--once`.
    pub inputs: Vec<Text>,
    /// The part of the input that the records are of, where it is not all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<ShardFacts>,
    /// The policies of the machine that it last ran on, and what they changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyFacts>,
    /// `None` while the run is active, and permanently when its host was killed.
    pub ended: Option<Ended>,
}

/// Which shards of an input a file of records has: one, or those that were merged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardFacts {
    /// Counted from 1, in their order.
    pub numbers: Vec<u32>,
    pub of: u32,
    pub by: By,
    /// Once all of it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<InputFacts>,
    /// The names of the files of `--failed` and `--summary-json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<Text>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<Text>,
}

/// The program of a run. Its bytes are beside the facts, in `program.wasm`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramFacts {
    pub name: String,
    /// As typed. For a folder, the program that was built in it.
    pub path: Text,
    /// BLAKE3 of the bytes, in hex.
    pub hash: String,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// In UTC, as RFC 3339.
    pub time: String,
    pub exit_code: i32,
    /// Records by status, including kept ones. Statuses that did not occur are left out.
    pub counts: BTreeMap<String, u64>,
    /// Whether every row of the input has a final record.
    pub complete: bool,
}

impl Facts {
    /// Reads the facts in a journal's folder.
    ///
    /// # Errors
    /// [`Error::Io`] when there are none, [`Error::Facts`] when they are malformed or of another format.
    pub fn load(folder: &Dir) -> Result<Facts, Error> {
        let place = folder.at(FACTS);
        let mut text = Vec::new();
        let file = place.read().map_err(at(&place))?;
        file.take(MAX_FACTS).read_to_end(&mut text).map_err(at(&place))?;
        let wrong = |why: String| Error::Facts { path: place.path(), why };
        #[derive(Deserialize)]
        struct Versioned {
            format: u32,
        }
        let Versioned { format } = serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
        if format != FORMAT {
            return Err(wrong(format!("its format is {format}, and this wpool reads {FORMAT}")));
        }
        serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))
    }

    /// The arguments that were typed after `wpool run`, without the values of `--env`, which may be secrets.
    pub fn typed(&self) -> String {
        self.typed_words().join(" ")
    }

    /// The same, word by word.
    pub fn typed_words(&self) -> Vec<String> {
        let shown = |argument: &Text| {
            let argument = argument.to_string();
            let secret = self.env.iter().find_map(|(name, value)| {
                let before = argument.strip_suffix(&format!("{name}={value}"))?;
                matches!(before, "" | "--env=").then(|| format!("{before}{name}=…"))
            });
            secret.unwrap_or(argument)
        };
        self.arguments.iter().map(shown).collect()
    }

    /// Whether the records were merged from those of shards. Then there is neither a program nor a journal beside them.
    pub fn is_merged(&self) -> bool {
        self.run.starts_with(MERGED)
    }

    /// Whether the records are those of the rows one by one: in their order, and of all of them.
    pub fn is_ordered(&self) -> bool {
        self.shard.is_none() && self.settings.get("--unordered").is_none_or(|unordered| unordered == "false")
    }

    /// Writes the facts into a journal's folder, as a whole or not at all; if `durable`, also in a power cut.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn store(&self, folder: &Dir, durable: bool) -> Result<(), Error> {
        let mut text = Vec::new();
        wpool::inert::push_pretty_json(self, &mut text).expect("plain data serializes");
        text.push(b'\n');
        replace(&folder.at(FACTS), &text, durable)
    }
}

/// A new name for a run that begins now, and the time.
pub fn run_id() -> (String, String) {
    let time = now();
    // The system seeds each `RandomState`.
    let random = RandomState::new().hash_one(&time) as u32;
    let sortable: String = time.chars().filter(|c| c.is_ascii_alphanumeric()).collect();
    (format!("{sortable}-{random:08x}"), time)
}

/// The time now, in UTC, as RFC 3339.
pub fn now() -> String {
    // The formatter rejects times before 1970.
    format_rfc3339_seconds(SystemTime::now().max(UNIX_EPOCH)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_runs_sort_by_age_and_differ() {
        let (a, b) = (run_id().0, run_id().0);
        assert_ne!(a, b);
        assert!(a.starts_with("20") && a.len() == b.len() && a[..16] <= b[..16], "{a} {b}");
    }
}
