//! Options of `wpool reduce`.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueHint;

use crate::cli::args::Policies;
use crate::cli::units::{Jobs, jobs, memory, time};

pub(super) const REDUCE_HELP: &str = "\
PROGRAM gets the array [a, b] of two outputs as its row, in the order of their ids, and answers with
one value. A component's function with two parameters takes them as a and b.

Exit codes: 0 one value of all rows, 100 a row is not ok and was left out, or PROGRAM failed, 2 usage,
4 no output, 96 set-up failed, 101 program refused, 106 FILE is damaged, 110 cannot write standard
output.";

#[derive(Debug, clap::Args)]
pub struct Reduce {
    /// The program: a component, a core module, WebAssembly text, a script, or a folder to build first
    #[arg(value_hint = ValueHint::AnyPath)]
    pub task: PathBuf,
    /// A file of records in the order of their ids, as `wpool run -o` and `wpool merge` write them
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Call this function of a component
    #[arg(long, value_name = "FUNCTION")]
    pub call: Option<String>,
    /// Number of workers, or a percentage of the cores [default: auto]
    #[arg(short, long, value_name = "N|N%|auto", value_parser = jobs, allow_negative_numbers = true)]
    pub jobs: Option<Jobs>,
    /// Limit of the wall time of each call [default: none]
    #[arg(long, value_name = "TIME", value_parser = time, allow_negative_numbers = true)]
    pub timeout: Option<Duration>,
    /// Limit of the memory of each call
    #[arg(long, value_name = "SIZE", value_parser = memory, default_value = "512MiB")]
    pub memory: u64,
    #[command(flatten)]
    pub policies: Policies,
    /// Print nothing but the value and errors
    #[arg(short, long)]
    pub quiet: bool,
}
