//! Options of `wpool bench`.

use std::num::NonZeroUsize;

use anyhow::Result;

use crate::cli::args::{Initializer, Policies, Pool, Rows, Run, TaskOptions, plain};
use crate::cli::units::at_least_one;

pub(super) const BENCH_HELP: &str = "\
Measures the rows with 1, 2, 4 ... workers, up to twice the number of -j. With -j workers, it also
measures each kind of instances, and tasks with and without a timeout. All settings are measured in
turn, --rounds times. Outputs are dropped.

The time of a row has four parts. Workers measure `start`, the making of its instance, and `guest`,
the program's own work. `host` is the CPU time of this process, which neither reads rows nor writes
records meanwhile. `waiting` is the rest of the workers' time.

Exit codes: 0 all ok, 2 usage, 4 no inputs, 96 set-up failed, 100 some task not ok, 101 program
refused, 110 cannot write output.";

#[derive(Debug, clap::Args)]
pub struct Bench {
    #[command(flatten)]
    pub source: Rows,

    /// Number of rows in each measurement, from the first on; fewer rows are repeated
    /// [default: as many as take about a second]
    #[arg(long, value_name = "N", value_parser = at_least_one::<NonZeroUsize>, allow_negative_numbers = true)]
    pub rows: Option<NonZeroUsize>,
    /// Number of measurements of each setting
    #[arg(long, value_name = "N", value_parser = at_least_one::<NonZeroUsize>, default_value = "3",
        allow_negative_numbers = true)]
    pub rounds: NonZeroUsize,
    /// Print the findings as JSON
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub initializer: Initializer,
    #[command(flatten)]
    pub tasks: TaskOptions,
    #[command(flatten)]
    pub policies: Policies,
    #[command(flatten)]
    pub pool: Pool,
}

impl Bench {
    /// The run to measure, which writes nothing.
    pub fn run(self) -> Result<Run> {
        let run = plain()?;
        Ok(Run {
            source: self.source,
            initializer: self.initializer,
            tasks: self.tasks.without_files(),
            policies: self.policies,
            pool: self.pool,
            ..run
        })
    }
}
