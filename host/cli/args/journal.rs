//! What can be typed about the journal of a run.

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Journal")]
pub struct Journal {
    /// Go on with the run that wrote -o FILE: only rows that are new, changed or not done are run
    #[arg(long, conflicts_with_all = ["overwrite", "no_journal"])]
    pub resume: bool,
    /// Resume although the program, or wpool itself, is another now
    #[arg(long, requires = "resume")]
    pub resume_across_programs: bool,
    /// Resume although FILE or its journal is damaged: right records stay, other rows run again, and copies of the damaged
    /// files are kept in FILE.wpool/damaged-N
    #[arg(long, requires = "resume")]
    pub resume_damaged: bool,
    /// Have records reach the disk within about 100 ms, so that a power cut loses no older ones
    #[arg(long, conflicts_with = "no_journal")]
    pub durable: bool,
    /// Keep no journal in FILE.wpool; the run cannot be resumed then
    #[arg(long)]
    pub no_journal: bool,
}
