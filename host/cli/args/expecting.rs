//! Options about what outputs are expected to be.

use crate::cli::compare::{Compare, compare};

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Output")]
pub struct Expecting {
    /// Compare each output with this text, made from the row, as in '{.expected}'; a task with another output fails
    #[arg(long, value_name = "TEMPLATE")]
    pub expect: Option<String>,
    /// How an output is compared [default: trimmed]
    ///   exact         Byte by byte
    ///   trimmed       By lines, without white space at their ends
    ///   number[=TOL]  By words; numbers may differ by TOL [1e-6]
    #[arg(long, value_name = "HOW", value_parser = compare, default_value = "trimmed", requires = "expect",
        hide_default_value = true, verbatim_doc_comment)]
    pub expect_by: Compare,
}
