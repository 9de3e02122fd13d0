//! The summary of a run, kept for reports that are made of it later.

use std::io::{self, Read};

use serde_json::Value;
use wpool::place::{Dir, PRIVATE};

use crate::cli::journal::facts::Ended;

/// Name of the file in a journal's folder: the document of `--summary-json`.
pub const SUMMARY: &str = "summary.json";
/// Longest summary that is read.
const MAX_SUMMARY: u64 = 1 << 20;

/// The member that says of which end of the run the summary is.
const ENDED: &str = "ended";

/// Keeps the summary of a run, which ended so, for later reports.
pub fn keep_summary(dir: &Dir, mut summary: Value, ended: &Ended) -> io::Result<()> {
    summary[ENDED] = ended.time.as_str().into();
    let mut text = Vec::new();
    wpool::inert::push_json(&summary, &mut text)?;
    dir.at(SUMMARY).replace(&text, PRIVATE, true)
}

/// The summary that was kept when the run ended so, if it can be read. Where the host was killed before it was kept, that of
/// an earlier session stands there.
pub fn read_summary(dir: &Dir, ended: &Ended) -> Option<Value> {
    let mut text = Vec::new();
    dir.at(SUMMARY).read().ok()?.take(MAX_SUMMARY).read_to_end(&mut text).ok()?;
    let summary: Value = serde_json::from_slice(&text).ok()?;
    (summary[ENDED] == ended.time.as_str()).then_some(summary)
}
