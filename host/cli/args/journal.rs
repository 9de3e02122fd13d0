//! Options of the journal of a run.

use wpool::Status;

use crate::cli::units::not_ok;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Journal")]
pub struct Journal {
    /// Resume the run that wrote -o FILE: only rows that are new, changed or not done run
    #[arg(long, conflicts_with_all = ["overwrite", "no_journal"])]
    pub resume: bool,
    /// Resume although the program or the version of wpool has changed
    #[arg(long, requires = "resume")]
    pub resume_across_programs: bool,
    /// With --resume, run the rows again whose records have one of these statuses, such as failed,trap
    #[arg(long, value_name = "STATUS,...", value_delimiter = ',', value_parser = not_ok, requires = "resume")]
    pub redo: Vec<Status>,
    /// Resume although FILE or its journal is damaged: right records stay, other rows run again; copies of both go
    /// to FILE.wpool/damaged-N
    #[arg(long, requires = "resume")]
    pub resume_damaged: bool,
    /// Drop records of rows that are gone from the input; without this they go to FILE.wpool/gone-N.jsonl
    #[arg(long, requires = "resume")]
    pub resume_drop_gone: bool,
    /// Bring records to the disk within about 100 ms, so that a power cut loses no older records
    #[arg(long, conflicts_with = "no_journal")]
    pub durable: bool,
    /// Keep no journal in FILE.wpool; the run cannot be resumed
    #[arg(long)]
    pub no_journal: bool,
}
