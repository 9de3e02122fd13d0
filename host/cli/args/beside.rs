//! The files that a run writes beside its records.

use std::path::PathBuf;

use crate::cli::args::{ReportKind, Run};

/// The name of the content of `--events`, for people.
pub const EVENTS: &str = "the events";

/// A file that is written beside the records, and replaced without being asked.
#[derive(Clone, Copy, Debug)]
pub struct Beside<'a> {
    pub option: &'static str,
    pub path: &'a PathBuf,
    /// What it takes, for people.
    pub what: &'static str,
}

impl Run {
    /// The files that were asked for.
    pub fn beside(&self) -> impl Iterator<Item = Beside<'_>> {
        let files = [
            ("--failed", &self.output.failed, "failed rows"),
            ("--summary-json", &self.messages.summary_json, "the summary"),
            ("--events", &self.messages.events, EVENTS),
            ("--metrics-file", &self.messages.metrics_file, "the metrics"),
        ];
        let files = files.into_iter().filter_map(|(option, path, what)| Some((option, path.as_ref()?, what)));
        let reports = self.reports.files().map(|(kind, path)| (kind.option(), path, what(kind)));
        files.chain(reports).map(|(option, path, what)| Beside { option, path, what })
    }
}

fn what(kind: ReportKind) -> &'static str {
    match kind {
        ReportKind::Junit => "the JUnit report",
        ReportKind::Html => "the page",
        ReportKind::Trace => "the trace",
        ReportKind::Markdown => "the summary in Markdown",
    }
}
