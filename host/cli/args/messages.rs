//! What can be typed about what people see.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueHint;

use crate::cli::units::time;

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Progress {
    /// A bar on a terminal that takes no records, a counter where CI is set, and else nothing
    Auto,
    /// A bar, and what each worker does; a counter where there is no terminal
    Bar,
    /// A line every few seconds
    Counter,
    /// Nothing
    None,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Messages")]
pub struct Messages {
    /// How progress is shown, on standard error
    #[arg(long, value_name = "HOW", default_value = "auto")]
    pub progress: Progress,
    /// Tell about a task that runs as long as this
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "60s")]
    pub slow: Duration,
    /// Write the summary to FILE, as JSON
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub summary_json: Option<PathBuf>,
    /// No summary, no progress
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Tell about workers, too, and sum up in detail
    #[arg(short, long)]
    pub verbose: bool,
}
