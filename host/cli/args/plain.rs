//! A run as it is without options.

use anyhow::{Context, Result};
use clap::Parser;

use crate::cli::args::Run;

#[derive(Debug, Parser)]
struct Plain {
    #[command(flatten)]
    run: Run,
}

/// A run with no options but `--quiet`, for commands that take some of the options of a run.
pub fn plain() -> Result<Run> {
    let Plain { run } = Plain::try_parse_from(["run", "--quiet", "TASK"]).context("a run without options")?;
    Ok(run)
}
