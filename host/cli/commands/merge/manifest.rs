//! Whether files of records are shards of one run, and which of its shards are missing.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use crate::cli::commands::merge::found::Part;
use crate::cli::errors::usage;
use crate::cli::journal::Facts;
use crate::cli::plan::{SHARD, differences};
use crate::cli::shard::InputFacts;
use crate::cli::texts::short_hash;
use crate::cli::units::plural;

/// The run that all files are of.
#[derive(Debug)]
pub struct Together {
    /// The facts of the first complete file, or else of the first.
    pub facts: Facts,
    /// `None` where no shard is complete.
    pub input: Option<InputFacts>,
    /// The numbers of shards without a complete file, with the facts of the incomplete one if there is one.
    pub missing: BTreeMap<u32, Option<Facts>>,
}

impl Together {
    fn setting(&self, name: &str) -> Option<&str> {
        self.facts.settings.get(name).map(String::as_str)
    }

    pub fn is_unordered(&self) -> bool {
        self.setting("--unordered") == Some("true")
    }

    /// Whether the files have a record for every row.
    pub fn has_all_records(&self) -> bool {
        self.setting("--only").is_none_or(|only| only == "none")
    }
}

/// Refuses files that are not of one run, and finds out what is missing.
pub fn check(parts: &[Part]) -> Result<Together> {
    let first = parts.iter().find(|part| part.is_complete()).unwrap_or(&parts[0]);
    parts.iter().try_for_each(|part| check_pair(first, part))?;
    if first.facts.settings.get("--values").is_some_and(|values| values == "true") {
        return usage("lines of --values have no ids to merge them by; run the shards without it".into());
    }
    let complete: BTreeSet<_> =
        parts.iter().filter(|part| part.is_complete()).flat_map(|part| part.shard.numbers.iter().copied()).collect();
    let begun = |number: u32| {
        let part = parts.iter().find(|part| part.shard.numbers == [number]);
        part.map(|part| part.facts.clone())
    };
    let missing = (1..=first.shard.of).filter(|number| !complete.contains(number));
    Ok(Together {
        facts: first.facts.clone(),
        input: first.shard.input.clone(),
        missing: missing.map(|number| (number, begun(number))).collect(),
    })
}

/// Refuses a file that is of another run than the first.
fn check_pair(first: &Part, part: &Part) -> Result<()> {
    let (one, other) = (first.path.display(), part.path.display());
    let refuse = |why: String| usage(format!("{one} and {other} do not belong together: {why}"));
    let (a, b) = (&first.shard, &part.shard);
    if b.numbers.is_empty() || b.numbers.iter().any(|number| !(1..=b.of).contains(number)) {
        return usage(format!("{other}: its run.json names shards that are not among {}", b.of));
    }
    if (a.of, a.by) != (b.of, b.by) {
        let words = |of: u32, by: &str| format!("{of} shards by {by}");
        return refuse(format!("{} and {}", words(a.of, a.by.as_str()), words(b.of, b.by.as_str())));
    }
    let (old, new) = (&first.facts, &part.facts);
    if old.program.hash != new.program.hash {
        let words = |facts: &Facts| format!("{} ({})", facts.program.path, short_hash(&facts.program.hash));
        return refuse(format!("the programs {} and {}", words(old), words(new)));
    }
    if old.version != new.version {
        return refuse(format!("versions {} and {} of wpool, whose records may differ", old.version, new.version));
    }
    let without = |facts: &Facts| {
        let mut facts = facts.clone();
        facts.settings.remove(SHARD);
        facts
    };
    let differences = differences(&without(old), &without(new));
    if !differences.is_empty() {
        return refuse(format!("settings differ: {}", differences.join(", ")));
    }
    match a.input.as_ref().zip(b.input.as_ref()) {
        Some((a, b)) if a != b => {
            let words = |input: &InputFacts| {
                let (rows, bytes) = (plural(input.rows, "row"), plural(input.bytes, "byte"));
                format!("{rows}, {bytes}, blake3 {}", short_hash(&input.blake3))
            };
            refuse(format!("the shards read other inputs ({}; {})", words(a), words(b)))
        }
        _ => Ok(()),
    }
}
