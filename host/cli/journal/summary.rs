//! The summary of a run, kept for reports that are made of it later.

use std::io::{self, Read};

use serde_json::Value;
use wpool::place::{Dir, PRIVATE};

/// Name of the file in a journal's folder: the document of `--summary-json`.
pub const SUMMARY: &str = "summary.json";
/// Longest summary that is read.
const MAX_SUMMARY: u64 = 1 << 20;

/// Keeps the summary of a run for later reports.
pub fn keep_summary(dir: &Dir, summary: &Value) -> io::Result<()> {
    let mut text = Vec::new();
    wpool::inert::push_json(summary, &mut text)?;
    dir.at(SUMMARY).replace(&text, PRIVATE, true)
}

/// The summary that was kept, if it can be read.
pub fn read_summary(dir: &Dir) -> Option<Value> {
    let mut text = Vec::new();
    dir.at(SUMMARY).read().ok()?.take(MAX_SUMMARY).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}
