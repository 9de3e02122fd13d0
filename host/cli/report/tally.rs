//! Counting results as they come, in memory that does not grow with their number.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;
use serde::ser::SerializeMap;
use wpool::{Status, TaskResult};

/// Tasks that are named in lists of a summary.
const NAMED: usize = 5;
/// Longest time that percentiles tell apart; what is longer counts as this.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);
/// Digits of percentiles: within one percent, for 40 kB each.
const DIGITS: u8 = 2;

/// What a run's records say together.
#[derive(Debug)]
pub struct Tally {
    pub counts: Counts,
    /// How many of them were done by an earlier run.
    pub kept: u64,
    /// Of tasks that met a worker: from instantiation to answer.
    pub run: Times,
    /// From the reading of the row to the start of its task.
    pub wait: Times,
    pub slowest: Slowest,
    /// Attempts after which a task was tried again.
    pub retries: u64,
    /// Tasks that were ok after a retry: how many, and the first of them.
    pub flaky: Named,
}

impl Default for Tally {
    fn default() -> Self {
        Tally {
            counts: Counts::default(),
            kept: 0,
            run: Times::new(),
            wait: Times::new(),
            slowest: Slowest::default(),
            retries: 0,
            flaky: Named::default(),
        }
    }
}

impl Tally {
    /// Counts rows that were done by an earlier run.
    pub fn keep(&mut self, status: Status, count: u64) {
        self.counts.0[status as usize] += count;
        self.kept += count;
    }

    pub fn add(&mut self, result: &TaskResult) {
        let status = result.outcome.status();
        self.counts.add(status);
        let receipt = &result.receipt;
        if receipt.attempts == 0 {
            return;
        }
        self.run.add(receipt.wall);
        self.wait.add(receipt.wait);
        self.slowest.add(result.id.0, receipt.wall);
        self.retries += receipt.retried().len() as u64;
        if status == Status::Ok && !receipt.retried().is_empty() {
            self.flaky.add(result.id.0);
        }
    }
}

/// Tasks by status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts([u64; Status::ALL.len()]);

impl Counts {
    pub fn add(&mut self, status: Status) {
        self.0[status as usize] += 1;
    }

    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    pub fn not_ok(&self) -> u64 {
        self.total() - self.of(Status::Ok)
    }

    pub fn of(&self, status: Status) -> u64 {
        self.0[status as usize]
    }

    /// Statuses that occurred, in the order of their list.
    pub fn present(&self) -> impl Iterator<Item = (Status, u64)> {
        Status::ALL.into_iter().map(|status| (status, self.of(status))).filter(|(_, count)| *count > 0)
    }
}

impl Serialize for Counts {
    /// A member for every status, so that a program need not look whether it is there.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(Status::ALL.len() + 1))?;
        map.serialize_entry("total", &self.total())?;
        for status in Status::ALL {
            map.serialize_entry(status.as_str(), &self.of(status))?;
        }
        map.end()
    }
}

/// The distribution of a time.
#[derive(Debug)]
pub struct Times(Histogram<u64>);

impl Times {
    fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, LONGEST.as_nanos() as u64, DIGITS);
        Times(histogram.expect("the bounds are constants that fit"))
    }

    fn add(&mut self, time: Duration) {
        self.0.saturating_record(time.as_nanos().try_into().unwrap_or(u64::MAX));
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// `None` when nothing was measured.
    pub fn percentiles(&self) -> Option<Percentiles> {
        let at = |quantile| Duration::from_nanos(self.0.value_at_quantile(quantile));
        (!self.0.is_empty()).then(|| Percentiles {
            mean: Duration::from_nanos(self.0.mean() as u64),
            p50: at(0.5),
            p95: at(0.95),
            p99: at(0.99),
            max: at(1.0),
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Percentiles {
    pub mean: Duration,
    pub p50: Duration,
    pub p95: Duration,
    pub p99: Duration,
    pub max: Duration,
}

/// The tasks that ran longest, longest first.
#[derive(Debug, Default)]
pub struct Slowest(Vec<(u64, Duration)>);

impl Slowest {
    fn add(&mut self, id: u64, time: Duration) {
        if self.0.len() == NAMED && self.0.last().is_some_and(|(_, shortest)| time <= *shortest) {
            return;
        }
        let at = self.0.partition_point(|(_, other)| *other >= time);
        self.0.insert(at, (id, time));
        self.0.truncate(NAMED);
    }

    pub fn tasks(&self) -> &[(u64, Duration)] {
        &self.0
    }
}

/// Tasks of a kind: how many, and the first that came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Named {
    pub count: u64,
    pub ids: Vec<u64>,
}

impl Named {
    fn add(&mut self, id: u64) {
        self.count += 1;
        if self.ids.len() < NAMED {
            self.ids.push(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_are_kept_in_their_order() {
        let mut slowest = Slowest::default();
        [3, 9, 1, 7, 7, 2, 8, 5].into_iter().zip(0..).for_each(|(ms, id)| slowest.add(id, Duration::from_millis(ms)));
        let ids: Vec<_> = slowest.tasks().iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, [1, 6, 3, 4, 7], "of equals, the first comes first");
    }

    #[test]
    fn percentiles_are_within_a_percent_and_time_has_an_end() {
        let mut times = Times::new();
        assert_eq!(times.percentiles(), None);
        (1..=1000).for_each(|ms| times.add(Duration::from_millis(ms)));
        let found = times.percentiles().expect("there are some");
        for (found, ms) in [(found.p50, 500), (found.p95, 950), (found.p99, 990), (found.max, 1000), (found.mean, 500)]
        {
            let ratio = found.as_secs_f64() / Duration::from_millis(ms).as_secs_f64();
            assert!((0.99..1.011).contains(&ratio), "{found:?}");
        }
        times.add(Duration::MAX);
        times.add(Duration::ZERO);
        assert!(times.percentiles().is_some_and(|found| found.max >= LONGEST));
    }

    #[test]
    fn every_status_has_a_member() {
        let mut counts = Counts::default();
        counts.add(Status::Trap);
        let json = serde_json::to_value(&counts).expect("plain data");
        assert_eq!((&json["total"], &json["trap"], &json["ok"]), (&1.into(), &1.into(), &0.into()));
        assert!(Status::ALL.iter().all(|status| json[status.as_str()].is_u64()));
    }
}
