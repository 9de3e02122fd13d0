//! The measures of a run.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use wpool::stats::Stats;

use crate::cli::plan::{Locator, Plan};
use crate::cli::report::{Ledger, Replay, Summary, Tally};
use crate::cli::rows::RowsEnd;

/// When a run started, by the wall and by the CPU time of this process.
pub struct Clock {
    start: Instant,
    cpu: Duration,
}

impl Clock {
    pub fn start() -> Clock {
        Clock { start: Instant::now(), cpu: cpu_time() }
    }
}

/// CPU time of this process.
pub fn cpu_time() -> Duration {
    clock_gettime(ClockId::ProcessCPUTime).try_into().unwrap_or_default()
}

/// The measures of a run that has ended.
pub struct Measured {
    stats: Stats,
    wall: Duration,
    host_cpu: Duration,
    result: Duration,
}

impl Measured {
    /// From the start of a clock until now. `result` is the time spent on making records.
    pub fn new(clock: &Clock, stats: Stats, result: Duration) -> Measured {
        Measured { stats, wall: clock.start.elapsed(), host_cpu: cpu_time().saturating_sub(clock.cpu), result }
    }

    pub fn summary(self, plan: &Plan, tally: Tally, ledger: &Ledger, why: Option<String>, end: &RowsEnd) -> Summary {
        let Measured { stats, wall, host_cpu, result } = self;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = ledger.workers();
        let unread = why.is_some() && !end.is_reached();
        let is_empty = tally.counts.total() == 0 && why.is_none() && end.failure().is_none();
        let empty = is_empty.then(|| Locator::new(&plan.source).files());
        Summary {
            tally,
            workers,
            stats,
            wall,
            host_cpu,
            result,
            jobs: plan.config.workers,
            cores,
            stopped: why,
            unread,
            empty,
            none_of: None,
            verified: None,
            failure: None,
            policy: plan.policy.clone(),
            replay: Replay::of(plan),
        }
    }
}
