//! Options of the commands on kept runs.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Subcommand, ValueHint};
use wpool::SandboxMode;

use crate::cli::args::Policies;
use crate::cli::args::run::sandbox;
use crate::cli::units::time;

#[derive(Debug, Subcommand)]
pub enum Runs {
    /// List the runs, the newest first
    List {
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Print the program and the settings of a run, and how it went
    Info {
        /// Name of the run, the beginning of its name, or its output file
        run: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Forget runs whose FILE.wpool is gone; with an option, remove FILE.wpool of finished runs, never FILE
    Prune {
        /// Remove FILE.wpool of finished runs
        #[arg(long)]
        finished: bool,
        /// Remove FILE.wpool of runs that finished this long ago or earlier
        #[arg(long, value_name = "TIME", value_parser = time)]
        older_than: Option<Duration>,
        /// Print what would be done, and do nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Print the journal of a run as lines of JSON: the facts, then one line for each record
    Export {
        /// Name of the run, the beginning of its name, or its output file
        run: PathBuf,
    },
}

#[derive(Debug, clap::Args)]
pub struct Rerun {
    /// Name of the run, the beginning of its name, or its output file
    pub run: PathBuf,
    /// Files of the rows, if they have moved or came from standard input
    #[arg(value_hint = ValueHint::FilePath)]
    pub inputs: Vec<PathBuf>,
    /// Run the rows again whose records are not ok
    #[arg(long, required = true)]
    pub failed: bool,
    /// Run them with this program instead of the copy of the run's, and keep it for the run
    #[arg(long, value_name = "PROGRAM", value_hint = ValueHint::AnyPath)]
    pub with: Option<PathBuf>,
    /// Rerun although wpool has changed since; new records may differ
    #[arg(long)]
    pub resume_across_programs: bool,
    /// Rerun although the output file or its journal is damaged, as for wpool run
    #[arg(long)]
    pub resume_damaged: bool,
    /// Fence around workers and the compiler, as for wpool run [default: strict if the run's was, else auto]
    #[arg(long, value_name = "HOW", value_parser = sandbox)]
    pub sandbox: Option<SandboxMode>,
    #[command(flatten)]
    pub policies: Policies,
    /// Print no summary and no progress
    #[arg(short, long)]
    pub quiet: bool,
}

#[derive(Debug, clap::Args)]
pub struct Replay {
    /// Name of the run, the beginning of its name, or its output file
    pub run: PathBuf,
    /// Position of the task's row, counted from 0
    pub id: u64,
    /// Files of the rows, if they have moved or came from standard input
    #[arg(value_hint = ValueHint::FilePath)]
    pub inputs: Vec<PathBuf>,
    /// Fence around workers and the compiler, as for wpool run [default: strict if the run's was, else auto]
    #[arg(long, value_name = "HOW", value_parser = sandbox)]
    pub sandbox: Option<SandboxMode>,
    #[command(flatten)]
    pub policies: Policies,
    /// Print the record, with its receipt, as JSON
    #[arg(long)]
    pub json: bool,
    /// Write where the task spends its time to FILE, for profiler.firefox.com, and as folded stacks to FILE.folded
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub profile: Option<PathBuf>,
    /// Write the WebAssembly core dump of a trap, or of running out of fuel, to FILE, which must not exist
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub coredump: Option<PathBuf>,
}
