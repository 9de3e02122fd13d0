//! Options of the order in which rows are started.

use std::path::PathBuf;

use clap::ValueHint;

use crate::cli::args::choices::choices;

/// The order in which rows are started. Records are in the order of the input in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Order {
    /// As they stand in the input
    Input,
    /// First those that took long in the run of --history
    LongestFirst,
    /// First those that were not ok in the run of --history
    FailedFirst,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Order")]
pub struct Starting {
    #[arg(long, value_name = "HOW", default_value = "input", hide_default_value = true, hide_possible_values = true,
        conflicts_with_all = ["once", "out_dir"],
        help = choices::<Order>("Order in which rows are started; records keep the input's [default: input]"))]
    pub order: Order,
    /// Know from this kept run how long rows take, by their content: for --order, and for the time that is left
    #[arg(long, value_name = "RUN", value_hint = ValueHint::FilePath, conflicts_with = "once")]
    pub history: Option<PathBuf>,
}
