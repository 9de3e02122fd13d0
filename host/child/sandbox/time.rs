//! The time for which a worker has been at work, as the deadlines of its tasks count it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Processor time of this process: of the thread that runs guests, and of the few that work for it.
pub(super) fn processor_time() -> Duration {
    since_start(ClockId::ProcessCPUTime)
}

/// Processor time of this thread, on which guests run.
pub(super) fn thread_time() -> Duration {
    since_start(ClockId::ThreadCPUTime)
}

fn since_start(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

/// Length of an epoch, and so the precision of a deadline. A hundred wake-ups a second cost a thousandth of a core.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// The most time that counts between two ticks. A worker that did not run for longer was stopped, with its host or its
/// whole machine, or got no processor. No task is to blame for that.
const MOST_BETWEEN_TICKS: Duration = Duration::from_millis(100);

/// The time for which this process has been at work, as deadlines count it. Only the clock's thread makes it pass, so
/// that a reader after a pause never sees the pause.
#[derive(Clone, Debug)]
pub(crate) struct ActiveTime(Arc<Passed>);

#[derive(Debug)]
struct Passed {
    nanos: AtomicU64,
    /// When the current tick began, in nanoseconds since `base`.
    tick: AtomicU64,
    base: Instant,
}

impl Default for ActiveTime {
    fn default() -> Self {
        ActiveTime(Arc::new(Passed { nanos: AtomicU64::new(0), tick: AtomicU64::new(0), base: Instant::now() }))
    }
}

impl ActiveTime {
    pub fn now(&self) -> Duration {
        Duration::from_nanos(self.0.nanos.load(Ordering::Acquire))
    }

    /// A moment that is at least this long from now. The elapsed part of the current tick counts only when the tick
    /// ends, however late the clock's thread is then, and is not a part of this time.
    pub fn after(&self, time: Duration) -> Duration {
        // In this order: if the tick ends meanwhile, its elapsed part counts twice instead of never.
        let gone = self.in_tick().min(MOST_BETWEEN_TICKS);
        self.now().saturating_add(time).saturating_add(gone)
    }

    /// The elapsed part of the current tick.
    fn in_tick(&self) -> Duration {
        let tick = Duration::from_nanos(self.0.tick.load(Ordering::Acquire));
        self.0.base.elapsed().saturating_sub(tick)
    }

    /// Adds time that the clock saw pass.
    pub fn pass(&self, elapsed: Duration) {
        self.0.nanos.fetch_add(elapsed.min(MOST_BETWEEN_TICKS).as_nanos() as u64, Ordering::AcqRel);
    }

    /// Ends a tick and begins the next.
    pub fn tick(&self) {
        self.pass(self.in_tick());
        self.begin_tick();
    }

    pub fn begin_tick(&self) {
        self.0.tick.store(self.0.base.elapsed().as_nanos() as u64, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_gone_of_a_late_tick_is_no_part_of_a_time_that_begins_now() {
        let (time, second) = (ActiveTime::default(), Duration::from_secs(1));
        time.begin_tick();
        std::thread::sleep(3 * TICK);
        let moment = time.after(second);
        assert!(moment >= second + 3 * TICK, "{moment:?}");
        time.tick();
        assert!(time.now() >= 3 * TICK && time.now() + second >= moment);
        assert!(time.after(second) <= time.now() + second + MOST_BETWEEN_TICKS);
    }
}
