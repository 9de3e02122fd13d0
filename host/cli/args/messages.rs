//! Options of messages to people.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueHint;
use clap::builder::{OsStringValueParser, TypedValueParser};

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
    /// Write what happens as it happens, one JSON object a line, to FILE or to the open descriptor N
    #[arg(long, value_name = "FILE|fd:N", value_hint = ValueHint::FilePath,
        value_parser = OsStringValueParser::new().try_map(file_or_descriptor))]
    pub events: Option<PathBuf>,
    /// Have events of single tasks, too
    #[arg(long, requires = "events")]
    pub events_tasks: bool,
    /// Write metrics to FILE in the text format of Prometheus, every 15 s and at the end
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub metrics_file: Option<PathBuf>,
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

/// A path, or the one that names an open descriptor, for `fd:3`.
fn file_or_descriptor(typed: OsString) -> Result<PathBuf, String> {
    match typed.to_str().and_then(|text| text.strip_prefix("fd:")) {
        None => Ok(typed.into()),
        Some(number) if number.parse::<u16>().is_ok_and(|parsed| parsed.to_string() == number) => {
            Ok(format!("/dev/fd/{number}").into())
        }
        Some(_) => Err("behind fd: stands the number of a descriptor, such as fd:3 (./fd:… for a file)".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_are_named_by_their_numbers() {
        let path = |typed: &str| file_or_descriptor(typed.into());
        assert_eq!(path("fd:3"), Ok("/dev/fd/3".into()));
        assert_eq!((path("./fd:x"), path("fd")), (Ok("./fd:x".into()), Ok("fd".into())));
        assert!(
            ["fd:", "fd:x", "fd:-1", "fd:03", "fd:99999999999", "fd:../x"].iter().all(|typed| path(typed).is_err())
        );
    }
}
