//! Options of reports about a run.

use std::path::PathBuf;

use clap::ValueHint;

use crate::cli::args::choices::choices;

/// The reports that are made of a run.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Reports")]
pub struct Reports {
    /// Write a JUnit report to FILE, for CI systems
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub junit: Option<PathBuf>,
    /// Write a page about the run to FILE, for browsers
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub html: Option<PathBuf>,
    /// Write when each task ran to FILE, for Perfetto and other viewers of traces
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub trace: Option<PathBuf>,
    /// Write a summary in Markdown to FILE
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub markdown: Option<PathBuf>,
    #[arg(long, value_name = "SYSTEM", hide_possible_values = true,
        help = choices::<Ci>("What a CI system is told beside files [default: auto; of wpool report: none]"))]
    pub ci: Option<Ci>,
}

/// A CI system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Ci {
    /// The system that runs the job, by its variables
    Auto,
    /// Annotations in the log and a job summary
    Github,
    /// Nothing: it reads the file of --junit
    Gitlab,
    /// Nothing
    None,
}

/// A kind of report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportKind {
    Junit,
    Html,
    Trace,
    Markdown,
}

impl ReportKind {
    pub fn option(self) -> &'static str {
        match self {
            ReportKind::Junit => "--junit",
            ReportKind::Html => "--html",
            ReportKind::Trace => "--trace",
            ReportKind::Markdown => "--markdown",
        }
    }
}

impl Reports {
    /// The files that were asked for.
    pub fn files(&self) -> impl Iterator<Item = (ReportKind, &PathBuf)> {
        let all = [
            (ReportKind::Junit, &self.junit),
            (ReportKind::Html, &self.html),
            (ReportKind::Trace, &self.trace),
            (ReportKind::Markdown, &self.markdown),
        ];
        all.into_iter().filter_map(|(kind, file)| Some((kind, file.as_ref()?)))
    }
}

/// `wpool report`.
#[derive(Debug, clap::Args)]
pub struct Report {
    /// Name of the run, the beginning of its name, or its output file
    pub run: PathBuf,
    #[command(flatten)]
    pub reports: Reports,
    /// Write over files that exist
    #[arg(long)]
    pub overwrite: bool,
}
