//! Options of `wpool check`.

use std::num::NonZeroUsize;

use anyhow::Result;
use clap::Arg;

use crate::cli::args::plain::plain;
use crate::cli::args::{Determinism, Grants, Initializer, Limits, Rows, Run, SharedState};
use crate::cli::units::at_least_one;

pub(super) const CHECK_HELP: &str = "\
Without --learn nothing is run. With it, rows run with the grants that are given, and with no
others. A program that is denied a file often ends there, so repeat the command with the options
that it printed until it prints the same again.

Exit codes: 0 all rows fit, or the rows of --learn ran, 2 usage, 4 no rows, 96 set-up failed, 101
program refused, 102 some row does not fit.";

/// What checks rows alone, without running any. Everything else is for `--learn`.
const OF_CHECKS: [&str; 12] =
    ["task", "inputs", "call", "alloc", "csv", "tsv", "json_array", "input_format", "header", "learn", "json", "help"];

/// Makes an option that only running rows needs ask for `--learn`.
pub(super) fn only_with_learn(arg: Arg) -> Arg {
    if OF_CHECKS.contains(&arg.get_id().as_str()) { arg } else { arg.requires("learn") }
}

#[derive(Debug, clap::Args)]
pub struct Check {
    #[command(flatten)]
    pub source: Rows,
    /// Run the program once, without input
    #[arg(short = 'n', long, conflicts_with_all = ["inputs", "lines", "files", "files_order", "files_from", "files0_from"],
        help_heading = "Input")]
    pub once: bool,

    /// Run the first N rows, and print the smallest grants for what they touched and what they were denied
    #[arg(long, value_name = "N", value_parser = at_least_one::<NonZeroUsize>, allow_negative_numbers = true)]
    pub learn: Option<NonZeroUsize>,
    /// Print what was learned as JSON
    #[arg(long, requires = "learn")]
    pub json: bool,

    #[command(flatten)]
    pub initializer: Initializer,
    #[command(flatten)]
    pub limits: Limits,
    #[command(flatten)]
    pub determinism: Determinism,
    #[command(flatten)]
    pub grants: Grants,
    #[command(flatten)]
    pub state: SharedState,
}

impl Check {
    /// The run that is learned from, which writes nothing.
    pub fn run(self) -> Result<Run> {
        let run = plain()?;
        Ok(Run {
            source: self.source,
            once: self.once,
            initializer: self.initializer,
            limits: self.limits,
            determinism: self.determinism,
            grants: self.grants,
            state: SharedState { state_out: None, ..self.state },
            ..run
        })
    }
}
