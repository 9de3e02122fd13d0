//! Options of messages to people.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueHint;

use crate::cli::args::choices::choices;
use crate::cli::units::time;

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Progress {
    /// bar on a terminal without records, counter in CI, else none
    Auto,
    /// A bar and the task of each worker; counter off a terminal
    Bar,
    /// A line every few seconds
    Counter,
    /// Nothing
    None,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Messages")]
pub struct Messages {
    #[arg(long, value_name = "HOW", default_value = "auto", hide_default_value = true, hide_possible_values = true,
        help = choices::<Progress>("How progress is shown, on standard error [default: auto]"))]
    pub progress: Progress,
    /// Report each task that runs as long as this
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "60s")]
    pub slow: Duration,
    /// Print what tasks print, as they end, each line behind the place of its row
    #[arg(long)]
    pub show_output: bool,
    /// Write the summary to FILE, as JSON
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub summary_json: Option<PathBuf>,
    /// Print what would run and where its output would go; run and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print no warnings, no summary, no progress and no hints
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Report workers as well, and print the summary in detail
    #[arg(short, long)]
    pub verbose: bool,
}
