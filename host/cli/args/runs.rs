//! What can be typed about runs that were kept.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Subcommand, ValueHint};
use wpool::SandboxMode;

use crate::cli::args::run::sandbox;
use crate::cli::units::time;

#[derive(Debug, Subcommand)]
pub enum Runs {
    /// List them, the newest first
    List {
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Say what a run was of and how it went
    Info {
        /// Its name, the beginning of it, or its output file
        run: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Forget runs whose FILE.wpool is gone, and remove that of finished ones; FILE itself always stays
    Prune {
        /// Remove FILE.wpool of finished runs
        #[arg(long)]
        finished: bool,
        /// Remove FILE.wpool of runs that finished as long ago
        #[arg(long, value_name = "TIME", value_parser = time)]
        older_than: Option<Duration>,
        /// Say what would be done, and do nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Print the journal of a run, as lines of JSON: the facts, then one line for each record
    Export {
        /// Its name, the beginning of it, or its output file
        run: PathBuf,
    },
}

#[derive(Debug, clap::Args)]
pub struct Rerun {
    /// The run: its name, the beginning of it, or its output file
    pub run: PathBuf,
    /// The rows, where they are not where they were
    #[arg(value_hint = ValueHint::FilePath)]
    pub inputs: Vec<PathBuf>,
    /// Run what is not ok
    #[arg(long, required = true)]
    pub failed: bool,
    /// Also when the run was of another version of wpool, whose records may be others
    #[arg(long)]
    pub resume_across_programs: bool,
    /// Also when the output file or its journal is damaged, as for `wpool run`
    #[arg(long)]
    pub resume_damaged: bool,
    /// The fence around workers and the compiler, as for `wpool run` [default: strict if the run's was, else auto]
    #[arg(long, value_name = "HOW", value_parser = sandbox)]
    pub sandbox: Option<SandboxMode>,
    /// No summary, no progress
    #[arg(short, long)]
    pub quiet: bool,
}

#[derive(Debug, clap::Args)]
pub struct Replay {
    /// The run: its name, the beginning of it, or its output file
    pub run: PathBuf,
    /// The task: the position of its row
    pub id: u64,
    /// The rows, where they are not where they were
    #[arg(value_hint = ValueHint::FilePath)]
    pub inputs: Vec<PathBuf>,
    /// The fence around workers and the compiler, as for `wpool run` [default: strict if the run's was, else auto]
    #[arg(long, value_name = "HOW", value_parser = sandbox)]
    pub sandbox: Option<SandboxMode>,
    /// Print the record, with its receipt, as JSON
    #[arg(long)]
    pub json: bool,
    /// Write the WebAssembly core dump of a trap, or of running out of fuel, to FILE, which must not exist
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub coredump: Option<PathBuf>,
}
