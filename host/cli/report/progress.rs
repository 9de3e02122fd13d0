//! How far a run is: what is counted while it goes on, and how it is told.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use wpool::stats::Running;
use wpool::{Event, Status, Stopper};

use crate::cli::plan::Shown;
use crate::cli::records::kept::Positions;
use crate::cli::report::bar::Bars;
use crate::cli::report::counter::Counts;
use crate::cli::report::expected::Expected;
use crate::cli::report::standing::Standing;
use crate::cli::report::telemetry::EventLog;
use crate::cli::units::show_time;
use crate::cli::{say, terminal};

/// Time between two looks when a bar is drawn, and else.
const FRAME: Duration = Duration::from_millis(100);
const LOOK: Duration = Duration::from_secs(1);
/// Looking more often would cost more than it tells.
const SHORTEST_LOOK: Duration = Duration::from_millis(20);
/// A rate is of this time: long enough to be steady, short enough to follow.
const RECENT: Duration = Duration::from_secs(10);

/// Counts settled tasks as they are heard of, which may be long before their records' turn.
#[derive(Debug)]
pub struct Meter {
    settled: AtomicU64,
    not_ok: AtomicU64,
    /// Rows that an earlier run has done.
    kept: AtomicU64,
    /// Rows of the run, once that is known.
    total: AtomicU64,
    /// How long they take, where an earlier run tells.
    expected: OnceLock<Expected>,
}

const UNKNOWN: u64 = u64::MAX;

impl Default for Meter {
    fn default() -> Self {
        let zero = || AtomicU64::new(0);
        Meter {
            settled: zero(),
            not_ok: zero(),
            kept: zero(),
            total: AtomicU64::new(UNKNOWN),
            expected: OnceLock::new(),
        }
    }
}

impl Meter {
    pub fn hear(&self, event: &Event) {
        if let Event::TaskSettled { task, status } = event {
            self.expected.get().iter().for_each(|expected| expected.settle(*task));
            self.settled.fetch_add(1, Ordering::Relaxed);
            self.not_ok.fetch_add(u64::from(*status != Status::Ok), Ordering::Relaxed);
        }
    }

    /// Counts records of this run, and all that are not ok, where nobody has heard of their tasks.
    pub fn record(&self, records: u64, not_ok: u64) {
        self.settled.fetch_max(records, Ordering::Relaxed);
        self.not_ok.fetch_max(not_ok, Ordering::Relaxed);
    }

    /// Counts rows that an earlier run has done.
    pub fn keep(&self, count: u64, not_ok: u64) {
        self.kept.fetch_add(count, Ordering::Relaxed);
        self.not_ok.fetch_add(not_ok, Ordering::Relaxed);
    }

    /// Says how long rows are expected to take; before the first task.
    pub fn expect(&self, expected: Expected) {
        self.expected.get_or_init(|| expected);
    }

    pub fn set_total(&self, total: u64) {
        self.total.store(total, Ordering::Relaxed);
    }

    pub fn total(&self) -> Option<u64> {
        Some(self.total.load(Ordering::Relaxed)).filter(|total| *total != UNKNOWN)
    }
}

/// Time that is left for so many tasks, if they take as long as those before them did. What running tasks have done of
/// theirs is taken off.
pub fn time_left(tasks: u64, mean: Duration, running: &[Duration], workers: usize) -> Duration {
    let begun: Duration = running.iter().map(|age| (*age).min(mean)).sum();
    let work = mean.as_secs_f64() * tasks as f64 - begun.as_secs_f64();
    Duration::try_from_secs_f64(work.max(0.0) / workers as f64).unwrap_or(Duration::MAX)
}

/// The progress that is shown, and its source.
#[derive(Debug)]
pub struct Monitor {
    pub shown: Shown,
    pub meter: Arc<Meter>,
    pub stopper: Stopper,
    pub positions: Positions,
    pub workers: usize,
    /// Tasks that run as long as this are reported; `None` for never.
    pub slow: Option<Duration>,
    /// Other programs are told as well, every second.
    pub events: Option<EventLog>,
}

/// Shows progress until it is dropped.
#[derive(Debug)]
pub struct Showing(JoinHandle<()>);

impl Drop for Showing {
    fn drop(&mut self) {
        self.0.abort();
        terminal::draw(None);
    }
}

impl Monitor {
    /// Must be called within the runtime.
    pub fn start(self) -> Showing {
        let bars = (self.shown == Shown::Bar).then(|| Bars::new(self.workers));
        if let Some(bars) = &bars {
            terminal::draw(Some(bars.all()));
        }
        Showing(tokio::spawn(self.watch(bars)))
    }

    async fn watch(self, bars: Option<Bars>) {
        let look = if bars.is_some() { FRAME } else { LOOK };
        // A task that is slow for half as long again is not missed.
        let slow = self.slow.map_or(look, |slow| (slow / 2).max(SHORTEST_LOOK));
        let every = look.min(slow);
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut told = HashSet::new();
        let mut history = VecDeque::from([(Instant::now(), 0)]);
        let (begun, mut counts, mut next) = (Instant::now(), Counts::default(), LOOK);
        loop {
            ticks.tick().await;
            let running = self.positions.running(self.stopper.running());
            self.tell_slow(&running, &mut told);
            if self.shown == Shown::Nothing && self.events.is_none() {
                continue;
            }
            let standing = self.standing(&running, &mut history);
            let elapsed = begun.elapsed() + every / 2;
            if let Some(events) = self.events.as_ref().filter(|_| elapsed >= next) {
                next = elapsed + LOOK - every / 2;
                events.progress(&standing, running.len());
            }
            if let Some(bars) = &bars {
                let bars = bars.clone();
                terminal::frame(move || bars.show(&standing, &running));
            } else if self.shown == Shown::Counter && counts.are_due(elapsed) {
                say(format_args!("{}", standing.line()));
            }
        }
    }

    /// Tells once of each task that takes long.
    fn tell_slow(&self, running: &[Running], told: &mut HashSet<u64>) {
        told.retain(|id| running.iter().any(|task| task.task.0 == *id));
        let Some(slow) = self.slow else { return };
        for Running { slot, task, age, .. } in running.iter().filter(|task| task.age >= slow) {
            if told.insert(task.0) {
                say(format_args!("slow: task {} has been running for {} (worker {slot})", task.0, show_time(*age)));
            }
        }
    }

    fn standing(&self, running: &[Running], history: &mut VecDeque<(Instant, u64)>) -> Standing {
        let done = self.meter.settled.load(Ordering::Relaxed);
        let kept = self.meter.kept.load(Ordering::Relaxed);
        let total = self.meter.total();
        let now = Instant::now();
        while history.len() > 1 && now.duration_since(history[1].0) > RECENT {
            history.pop_front();
        }
        let (then, before) = history[0];
        let rate = (done - before) as f64 / now.duration_since(then).as_secs_f64().max(1e-3);
        history.push_back((now, done));
        let left = total.filter(|_| done > 0).map(|total| {
            let busy = self.stopper.stats().busy;
            if let Some(expected) = self.meter.expected.get().filter(|_| kept == 0) {
                let running: Vec<_> = running.iter().map(|task| (task.task.0, task.age)).collect();
                return expected.left(busy, &running, self.workers);
            }
            let mean = busy.div_f64(done as f64);
            let ages: Vec<_> = running.iter().map(|task| task.age).collect();
            time_left(total.saturating_sub(done + kept), mean, &ages, self.workers)
        });
        Standing { done: done + kept, total, not_ok: self.meter.not_ok.load(Ordering::Relaxed), rate, left }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_left_is_what_tasks_took_shared_among_workers() {
        let second = Duration::from_secs(1);
        assert_eq!(time_left(10, second, &[], 2), second * 5);
        assert_eq!(time_left(10, second, &[second / 2, second * 90], 2), Duration::from_millis(4_250));
        assert_eq!(time_left(0, second, &[second], 1), Duration::ZERO);
        assert_eq!(time_left(u64::MAX, Duration::MAX, &[], 1), Duration::MAX);
    }
}
