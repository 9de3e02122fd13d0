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
/// Parts of a doubling by which times are told apart: two percent.
const FINE: usize = 32;
/// Doublings of a nanosecond: 18 minutes are 40 of them.
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
        let wide = axis.length() as f64 / COLUMNS as f64;
        let column = |at: u64| ((at as f64 / wide) as usize).min(COLUMNS - 1);
        self.ended[column(stay.end)].add(ok);
        self.times[bucket(timing.wall)].add(ok);
        self.sum += timing.wall.as_nanos();
        self.longest = self.longest.max(timing.wall);
        let rows = self.lanes.len();
        // The inverse of how lanes are dealt to rows.
        let row = ((stay.lane + 1) * rows - 1) / axis.lanes().len();
        let row = &mut self.lanes[row];
        row.tasks.add(ok);
        row.failed[column(stay.end)] |= !ok;
        let (from, to) = (column(stay.begin), column(stay.end));
        if from == to {
            row.busy[from] += stay.end - stay.begin;
        } else {
            for at in from..=to {
                let (left, right) = ((at as f64 * wide) as u64, ((at + 1) as f64 * wide) as u64);
                row.busy[at] += stay.end.min(right).saturating_sub(stay.begin.max(left));
            }
        }
        if axis.tasks <= MOST_BARS {
            self.bars.push(Bar { id: timing.id, stay, status: timing.status });
        }
        let is_slow = self.slowest.peek().is_none_or(|Reverse(least)| timing.wall > least.wall);
        if is_slow || self.slowest.len() < SLOWEST {
            let slow =
                Slow { wall: timing.wall, id: timing.id, status: timing.status, begin: stay.begin, lane: stay.lane };
            self.slowest.push(Reverse(slow));
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

    /// The time within which this share of the tasks ended, from 0 to 1, to two percent.
    pub fn quantile(&self, share: f64) -> Duration {
        let wanted = (self.tasks() as f64 * share).ceil() as u64;
        let mut seen = 0;
        let at = self.times.iter().position(|pair| {
            seen += pair.total();
            seen >= wanted
        });
        let end = Duration::from_nanos(edge(at.unwrap_or_default() + 1, FINE) as u64);
        end.min(self.longest)
    }

    /// Tasks by time: so many parts to a doubling that there are at most this many, and the time at which the first begins.
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
        Histogram { first: from, parts: FINE as f64 / each as f64, pairs: (from..=to).map(sum).collect() }
    }
}

/// A histogram with a logarithmic axis.
#[derive(Debug)]
pub struct Histogram {
    first: usize,
    /// Of a doubling.
    parts: f64,
    pub pairs: Vec<Pair>,
}

impl Histogram {
    /// Where a part begins.
    pub fn begin(&self, at: usize) -> Duration {
        Duration::from_nanos(((self.first + at) as f64 / self.parts).exp2() as u64)
    }
}

/// The bucket of a time.
fn bucket(wall: Duration) -> usize {
    let nanos = wall.as_nanos().max(1) as f64;
    ((nanos.log2() * FINE as f64) as usize).min(FINE * DOUBLINGS - 1)
}

/// Where a bucket begins, in nanoseconds.
fn edge(bucket: usize, parts: usize) -> f64 {
    (bucket as f64 / parts as f64).exp2()
}
