//! Options about failing tasks, and about the end of a run.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use wpool::RetryOn;

use crate::cli::args::halt;
use crate::cli::units::{Delays, at_least_one, delays, failures, retry_on, time};

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Errors, retries, stopping")]
pub struct Stopping {
    /// Run a task that is not ok again, at most N times
    #[arg(long, value_name = "N", default_value = "0", allow_negative_numbers = true)]
    pub retries: u32,
    /// Reasons to run a task again: statuses, and exit codes such as exit=75
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = retry_on, requires = "retries",
        default_value = "failed,trap,timeout,out-of-memory")]
    pub retry_on: Vec<RetryOn>,
    /// Pause before a retry; doubles from the first TIME to the longest, with jitter
    #[arg(long, value_name = "TIME[..TIME]", value_parser = delays, requires = "retries", default_value = "100ms..30s")]
    pub retry_delay: Delays,
    /// Number of workers that may die under a task before its record is a crash
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u32).range(1..))]
    pub crash_limit: u32,
    /// Replace a worker after N tasks
    #[arg(long, value_name = "N", value_parser = at_least_one::<NonZeroU32>, allow_negative_numbers = true)]
    pub max_tasks_per_worker: Option<NonZeroU32>,
    /// Stop after X tasks, or X% of all rows, such as now,fail=1
    /// [default: never]
    ///   WHEN  now: kill running tasks; soon: let them finish
    ///   WHY   Which tasks count: fail, success or done (both)
    #[arg(
        long,
        value_name = "WHEN,WHY=X[%]",
        default_value = "never",
        hide_default_value = true,
        verbatim_doc_comment
    )]
    pub halt: halt::Typed,
    /// Stop when N tasks are not ok; short for --halt soon,fail=N
    #[arg(long, value_name = "N", value_parser = failures, allow_negative_numbers = true)]
    pub max_fail: Option<NonZeroU64>,
    /// Time limit of the run; then running tasks have 2 s to finish
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub deadline: Option<Duration>,
    /// Time for running tasks to finish after the first SIGINT, SIGTERM or SIGHUP; then they are killed
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "10s")]
    pub grace: Duration,
}
