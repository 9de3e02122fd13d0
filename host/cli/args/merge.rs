//! Options of `wpool merge`.

use std::path::PathBuf;

use clap::ValueHint;

use crate::cli::args::RecordFormat;
use crate::cli::args::choices::choices;

pub(super) const MERGE_HELP: &str = "\
Exit codes: 0 all rows are ok, 100 some row is not ok, 4 there are no rows, 2 usage, or files that do
not belong together, 106 a file is damaged, 107 shards or records are missing: nothing is written
without --partial, and the commands that run them are printed, 110 cannot write output.";

/// The record of a row that stays where two files have another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Prefer {
    /// The record of the file that is named first
    First,
    /// The first record that is ok, else the first
    Ok,
}

#[derive(Debug, clap::Args)]
pub struct Merge {
    /// Files of records of `wpool run --shard` beside their FILE.wpool, folders of such files, or a name with
    /// {shard} in place of the number
    #[arg(required = true, value_name = "FILE|DIR", value_hint = ValueHint::AnyPath)]
    pub files: Vec<PathBuf>,
    /// Write the merged records to OUT
    #[arg(short, long, value_name = "OUT", value_hint = ValueHint::FilePath)]
    pub output: PathBuf,
    #[arg(long, value_name = "FORMAT", default_value = "jsonl", hide_default_value = true, hide_possible_values = true,
        help = choices::<RecordFormat>("Format of OUT; a table cannot be merged again [default: jsonl]"))]
    pub output_format: RecordFormat,
    /// Replace OUT where its records are others
    #[arg(long)]
    pub overwrite: bool,
    /// Merge the files of --failed, which stand beside the files of records, into FILE
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub failed: Option<PathBuf>,
    /// Merge the files of --summary-json, which stand beside the files of records, into FILE
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub summary_json: Option<PathBuf>,
    #[arg(long, value_name = "WHICH", hide_possible_values = true,
        help = choices::<Prefer>("The record of a row of which two files have different records [default: refuse them]"))]
    pub prefer: Option<Prefer>,
    /// Write OUT although shards are missing; the exit code is 107 all the same
    #[arg(long)]
    pub partial: bool,
    /// Print no summary
    #[arg(short, long)]
    pub quiet: bool,
}
