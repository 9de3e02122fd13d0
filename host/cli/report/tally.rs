//! Counts results as they come, in memory that does not grow with their number.

use std::time::Duration;

use serde::Serialize;
use serde::ser::SerializeMap;
use wpool::bulk::OkSpan;
use wpool::{Status, TaskResult};

use crate::cli::records::journal::Counted;
use crate::cli::records::places::Stretch;
use crate::cli::report::firsts::Firsts;
use crate::cli::report::marks::Marks;
use crate::cli::report::times::Times;

/// The most tasks that a summary lists by name.
const NAMED: usize = 5;

/// The totals of a run's records.
#[derive(Debug, Default)]
pub struct Tally {
    pub counts: Counts,
    /// The part of `counts` that an earlier run did.
    pub kept: u64,
    /// From instantiation to answer, of tasks that met a worker.
    pub run: Times,
    /// From the reading of the row to the start of its task.
    pub wait: Times,
    pub slowest: Slowest,
    /// Attempts that were retried.
    pub retries: u64,
    /// Tasks that were ok after a retry: their number, and the first of them.
    pub flaky: Named,
    pub firsts: Firsts,
    /// The verdicts on the tests of a program, where programs are judged.
    pub marks: Option<Marks>,
}

impl Tally {
    /// Counts rows that an earlier run did.
    pub fn keep(&mut self, status: Status, count: u64) {
        self.counts.0[status as usize] += count;
        self.kept += count;
    }

    /// The counts, for the journal.
    pub fn counted(&self) -> Counted {
        Counted(self.counts.present().map(|(status, count)| (status.to_string(), count)).collect())
    }

    /// Adds each task, like [`Tally::add`]. `places` are the positions of their rows.
    pub fn add_span(&mut self, span: &OkSpan, places: &[Stretch]) {
        self.counts.0[Status::Ok as usize] += span.len() as u64;
        let ids = places.iter().flat_map(|place| place.first..place.first + place.count);
        for (task, id) in span.iter().zip(ids) {
            self.run.add_nanos(task.wall);
            self.wait.add_nanos(task.wait);
            self.slowest.add(id, task.wall);
        }
    }

    pub fn add(&mut self, result: &TaskResult) {
        let status = result.outcome.status();
        self.counts.add(status);
        self.marks.iter_mut().for_each(|marks| marks.add(result));
        let receipt = &result.receipt;
        if receipt.attempts == 0 {
            return;
        }
        self.run.add(receipt.wall);
        self.wait.add(receipt.wait);
        self.slowest.add(result.id.0, receipt.wall.as_nanos().try_into().unwrap_or(u64::MAX));
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
    /// Writes a member for every status, so that a program need not check whether it exists.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(Status::ALL.len() + 1))?;
        map.serialize_entry("total", &self.total())?;
        for status in Status::ALL {
            map.serialize_entry(status.as_str(), &self.of(status))?;
        }
        map.end()
    }
}

/// The tasks that ran longest, longest first.
#[derive(Debug, Default)]
pub struct Slowest {
    tasks: Vec<(u64, Duration)>,
    /// The nanoseconds that a task must exceed to enter a full list.
    least: u64,
}

impl Slowest {
    fn add(&mut self, id: u64, nanos: u64) {
        if self.tasks.len() == NAMED && nanos <= self.least {
            return;
        }
        let time = Duration::from_nanos(nanos);
        let at = self.tasks.partition_point(|(_, other)| *other >= time);
        self.tasks.insert(at, (id, time));
        self.tasks.truncate(NAMED);
        self.least = self.tasks.last().map_or(0, |(_, shortest)| shortest.as_nanos() as u64);
    }

    pub fn tasks(&self) -> &[(u64, Duration)] {
        &self.tasks
    }
}

/// Tasks of a kind: their number, and the first of them.
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
        [3, 9, 1, 7, 7, 2, 8, 5].into_iter().zip(0..).for_each(|(ms, id)| slowest.add(id, ms * 1_000_000));
        let ids: Vec<_> = slowest.tasks().iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, [1, 6, 3, 4, 7], "of equals, the first comes first");
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
