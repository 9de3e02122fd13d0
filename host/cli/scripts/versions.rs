//! The versions of tools, which are part of the names of runtimes.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use wpool::inert;
use wpool::place::{Dir, PRIVATE};

use crate::cli::projects;

/// The versions of tools by what their files look like: asking a tool takes longer than a run.
const VERSIONS: &str = "versions.json";
/// Most tools whose versions are remembered.
const MOST: usize = 64;

/// The version of a tool. It is asked once for each state of its file, and again if it did not say: such as the stub of a
/// version manager, or a tool whose Python is gone.
pub fn version(kept: Option<&Dir>, found: &projects::Found, dir: &Path) -> Option<String> {
    let (Some(stamp), Some(kept)) = (found.stamp(), kept) else { return found.version(dir) };
    let place = kept.at(VERSIONS);
    let mut text = String::new();
    let read = place.read().and_then(|file| file.take(1 << 20).read_to_string(&mut text));
    let mut versions: BTreeMap<String, String> =
        read.ok().and_then(|_| serde_json::from_str(&text).ok()).unwrap_or_default();
    if let Some(version) = versions.get(&stamp) {
        return Some(version.clone());
    }
    let version = found.version(dir)?;
    if versions.len() >= MOST {
        versions.clear();
    }
    versions.insert(stamp, version.clone());
    let mut text = Vec::new();
    inert::push_json(&versions, &mut text).expect("texts serialize, and a Vec takes every byte");
    // It is asked again next time.
    let _ = place.replace(&text, PRIVATE, true);
    Some(version)
}

/// Which of two versions is newer: 0.10.0 is newer than 0.9.1.
pub fn compare(a: &str, b: &str) -> Ordering {
    let parts = |version: &str| -> Vec<u64> {
        version.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().unwrap_or_default()).collect()
    };
    parts(a).cmp(&parts(b)).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        let mut versions = ["0.9.1", "unknown", "0.25.1", "0.10.0", "1.0", "0.25.1+a"];
        versions.sort_by(|a, b| compare(a, b));
        assert_eq!(versions, ["unknown", "0.9.1", "0.10.0", "0.25.1", "0.25.1+a", "1.0"]);
    }
}
