//! Options of `wpool diff`.

use std::path::PathBuf;

use clap::ValueHint;

use crate::cli::args::choices::choices;
use crate::cli::units::{factor, share};

pub(super) const DIFF_HELP: &str = "\
A and B are files of records, or kept runs: the name of a run, the beginning of its name, or its
output file. Two outputs are equal if they are the same JSON value, however it is written.

Exit codes: 0 no difference, 100 some row differs, 2 usage, 106 a file is damaged, 110 cannot write
standard output.";

/// The part that two records of the same row share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum RowsBy {
    /// The content of the row, of which kept runs have a hash
    Content,
    /// The member `key` of the record
    Key,
    /// The path of the file that the row is
    File,
    /// The place of the row in the input
    Id,
}

#[derive(Debug, clap::Args)]
pub struct Diff {
    /// The earlier records: a file of records, or a kept run
    #[arg(value_hint = ValueHint::FilePath)]
    pub a: PathBuf,
    /// The later records
    #[arg(value_hint = ValueHint::FilePath)]
    pub b: PathBuf,
    #[arg(long, value_name = "WHAT", hide_possible_values = true,
        help = choices::<RowsBy>("What tells that two records are of one row [default: the first that both have]"))]
    pub by: Option<RowsBy>,
    /// Take numbers as equal that differ by at most T, or by at most T times the larger one
    #[arg(long, value_name = "T", value_parser = share, allow_negative_numbers = true)]
    pub tolerance: Option<f64>,
    /// Leave out a member of the outputs, such as .time or .stats.seconds (repeatable)
    #[arg(long, value_name = ".MEMBER")]
    pub ignore: Vec<String>,
    /// Report rows that took X times as long in B, and 10 ms longer
    #[arg(long, value_name = "X", value_parser = factor, allow_negative_numbers = true)]
    pub slower: Option<f64>,
    /// Number of differences that are printed
    #[arg(long, value_name = "N", default_value = "10", conflicts_with = "json")]
    pub show: u64,
    /// Print each difference as a line of JSON with both records, then a line with the counts
    #[arg(long)]
    pub json: bool,
}
