//! What a page shows of when rows ran: all sums, in memory that does not grow with the number of rows.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use anyhow::Result;
use wpool::Status;

use crate::cli::journal::Timed;
use crate::cli::reports::account::Account;
use crate::cli::reports::axis::{Axis, Stay, ran};

/// Parts of the time on a page.
pub const COLUMNS: usize = 600;
/// Rows of lanes; more workers share them.
pub const MOST_LANES: usize = 64;
/// Tasks of a run that are drawn one by one.
const MOST_BARS: u64 = 1_500;
/// Parts of a doubling by which times are told apart: three percent.
const FINE: usize = 32;
/// Doublings of a nanosecond: 36 years.
const DOUBLINGS: usize = 60;
/// Tasks that ran longest.
const SLOWEST: usize = 20;

/// Counts of tasks that are ok, and of others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pair {
    pub ok: u64,
    pub not_ok: u64,
}

impl Pair {
    fn add(&mut self, ok: bool) {
        *(if ok { &mut self.ok } else { &mut self.not_ok }) += 1;
    }

    pub fn total(self) -> u64 {
        self.ok + self.not_ok
    }

    pub fn with(self, other: Pair) -> Pair {
        Pair { ok: self.ok + other.ok, not_ok: self.not_ok + other.not_ok }
    }
}

/// A row of lanes.
#[derive(Clone, Debug)]
pub struct LaneRow {
    /// Its first worker, and how many it has.
    pub first: usize,
    pub count: usize,
    /// Nanoseconds of tasks in each column.
    pub busy: Vec<u64>,
    /// Columns in which a task that is not ok ended.
    pub failed: Vec<bool>,
    pub tasks: Pair,
}

impl LaneRow {
    /// Adds a task to the columns in which it ran.
    fn fill(&mut self, stay: Stay, (from, to): (usize, usize), wide: f64) {
        if from == to {
            self.busy[from] += stay.end - stay.begin;
            return;
        }
        for (column, busy) in (from..).zip(&mut self.busy[from..=to]) {
            let (left, right) = ((column as f64 * wide) as u64, ((column + 1) as f64 * wide) as u64);
            *busy += stay.end.min(right).saturating_sub(stay.begin.max(left));
        }
    }
}

/// A task that is drawn by itself.
#[derive(Clone, Copy, Debug)]
pub struct Bar {
    pub id: Option<u64>,
    pub stay: Stay,
    pub status: Status,
}

/// A task that took long. The longest is the largest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slow {
    pub wall: Duration,
    pub id: Option<u64>,
    pub status: Status,
    /// Since the first task, as it is shown.
    pub begin: u64,
    pub lane: usize,
}

/// What was measured.
#[derive(Debug)]
pub struct Measured {
    pub lanes: Vec<LaneRow>,
    /// Of a nanosecond.
    columns: f64,
    /// Tasks that ended in a column.
    pub ended: Vec<Pair>,
    /// All tasks, if they are few.
    pub bars: Vec<Bar>,
    /// Tasks by time, [`FINE`] to a doubling.
    times: Vec<Pair>,
    sum: u128,
    pub longest: Duration,
    slowest: BinaryHeap<Reverse<Slow>>,
}

impl Measured {
    /// Measures what stands on the axis.
    pub fn of(account: &Account, axis: &Axis) -> Result<Measured> {
        let mut measured = Measured::new(axis);
        for timed in account.timings()?.filter(|timed| ran(&timed.timing)) {
            measured.add(&timed, axis.shown(&timed), axis);
        }
        Ok(measured)
    }

    fn new(axis: &Axis) -> Measured {
        let lanes = axis.lanes().len();
        let rows = lanes.min(MOST_LANES);
        let row = |at: usize| {
            let first = at * lanes / rows;
            let count = (at + 1) * lanes / rows - first;
            LaneRow { first, count, busy: vec![0; COLUMNS], failed: vec![false; COLUMNS], tasks: Pair::default() }
        };
        Measured {
            lanes: (0..rows).map(row).collect(),
            columns: COLUMNS as f64 / axis.length() as f64,
            ended: vec![Pair::default(); COLUMNS],
            bars: Vec::new(),
            times: vec![Pair::default(); FINE * DOUBLINGS],
            sum: 0,
            longest: Duration::ZERO,
            slowest: BinaryHeap::new(),
        }
    }

    fn add(&mut self, timed: &Timed, stay: Stay, axis: &Axis) {
        let (timing, ok) = (timed.timing, timed.timing.status == Status::Ok);
        let column = |at: u64| ((at as f64 * self.columns) as usize).min(COLUMNS - 1);
        let (from, to) = (column(stay.begin), column(stay.end));
        self.ended[to].add(ok);
        self.times[bucket(timing.wall)].add(ok);
        self.sum += timing.wall.as_nanos();
        self.longest = self.longest.max(timing.wall);
        let rows = self.lanes.len();
        // The inverse of how lanes are dealt to rows.
        let row = ((stay.lane + 1) * rows - 1) / axis.lanes().len();
        let row = &mut self.lanes[row];
        row.tasks.add(ok);
        row.failed[to] |= !ok;
        row.fill(stay, (from, to), axis.length() as f64 / COLUMNS as f64);
        if axis.tasks <= MOST_BARS {
            self.bars.push(Bar { id: timing.id, stay, status: timing.status });
        }
        let is_slow = self.slowest.peek().is_none_or(|Reverse(least)| timing.wall > least.wall);
        if is_slow || self.slowest.len() < SLOWEST {
            let (wall, id, status) = (timing.wall, timing.id, timing.status);
            self.slowest.push(Reverse(Slow { wall, id, status, begin: stay.begin, lane: stay.lane }));
            if self.slowest.len() > SLOWEST {
                self.slowest.pop();
            }
        }
    }

    /// The tasks that ran longest, the longest first.
    pub fn slowest(&self) -> Vec<Slow> {
        let mut slowest: Vec<_> = self.slowest.iter().map(|Reverse(slow)| *slow).collect();
        slowest.sort_by_key(|slow| (Reverse(slow.wall), slow.id));
        slowest
    }

    pub fn tasks(&self) -> u64 {
        self.lanes.iter().map(|row| row.tasks.total()).sum()
    }

    /// Time of all tasks together, in nanoseconds.
    pub fn sum(&self) -> u128 {
        self.sum
    }

    /// The time within which this share of the tasks ended, from 0 to 1, to three percent.
    pub fn quantile(&self, share: f64) -> Duration {
        let wanted = (self.tasks() as f64 * share).ceil() as u64;
        let mut seen = 0;
        let at = self.times.iter().position(|pair| {
            seen += pair.total();
            seen >= wanted
        });
        edge(at.unwrap_or_default() + 1).min(self.longest)
    }

    /// Tasks by time, in at most so many parts.
    pub fn histogram(&self, most: usize) -> Histogram {
        let used = |pair: &Pair| pair.total() > 0;
        let first = self.times.iter().position(used).unwrap_or_default();
        let last = self.times.iter().rposition(used).unwrap_or_default();
        let each = [4, 8, 16, 32, 64].into_iter().find(|each| last / each - first / each < most).unwrap_or(128);
        let (from, to) = (first / each, last / each);
        let sum = |at: usize| {
            let fine = self.times.iter().skip(at * each).take(each);
            fine.fold(Pair::default(), |sum, pair| sum.with(*pair))
        };
        Histogram { first: from, each, pairs: (from..=to).map(sum).collect() }
    }
}

/// A histogram with a logarithmic axis.
#[derive(Debug)]
pub struct Histogram {
    first: usize,
    /// Buckets of a part.
    each: usize,
    pub pairs: Vec<Pair>,
}

impl Histogram {
    /// Where a part begins.
    pub fn begin(&self, at: usize) -> Duration {
        edge((self.first + at) * self.each)
    }
}

/// The bucket of a time.
fn bucket(wall: Duration) -> usize {
    let nanos = wall.as_nanos().max(1) as f64;
    ((nanos.log2() * FINE as f64) as usize).min(FINE * DOUBLINGS - 1)
}

/// Where a bucket begins.
fn edge(bucket: usize) -> Duration {
    Duration::from_nanos((bucket as f64 / FINE as f64).exp2() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_in_a_bucket_that_begins_at_most_three_percent_before_it() {
        for nanos in [1, 31, 32, 250, 999, 1_000_000, 123_456_789, 3_600_000_000_000, 1 << 59] {
            let bucket = bucket(Duration::from_nanos(nanos));
            let [begin, end] = [edge(bucket), edge(bucket + 1)].map(|edge| edge.as_nanos() as f64);
            assert!(begin <= nanos as f64 && nanos as f64 <= end + 1.0, "{nanos}: {begin} to {end}");
            assert!(begin >= nanos as f64 * 0.96 - 1.0, "{nanos}: {begin}");
        }
        assert_eq!(bucket(Duration::MAX), FINE * DOUBLINGS - 1);
        assert_eq!(bucket(Duration::ZERO), 0);
    }
}
