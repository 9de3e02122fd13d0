//! The time that is left, where an earlier run tells how long rows take.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use wpool::TaskId;

use crate::cli::records::kept::Positions;

/// The part of the work from which on real times correct the expected ones.
const ENOUGH: f64 = 0.05;

/// The expected times of the rows of a run.
#[derive(Debug)]
pub struct Expected {
    /// Seconds by position, 0 for a row that does not run.
    seconds: Vec<f32>,
    total: f64,
    positions: Positions,
    /// The expected time of the rows that are settled, in microseconds.
    settled: AtomicU64,
}

impl Expected {
    pub fn new(seconds: Vec<f32>, positions: Positions) -> Expected {
        let total = seconds.iter().map(|time| f64::from(*time)).sum();
        Expected { seconds, total, positions, settled: AtomicU64::new(0) }
    }

    pub fn settle(&self, task: TaskId) {
        let seconds = self.of(task).unwrap_or_default();
        self.settled.fetch_add((f64::from(seconds) * 1e6) as u64, Ordering::Relaxed);
    }

    fn of(&self, task: TaskId) -> Option<f32> {
        self.seconds.get(usize::try_from(self.positions.position(task)?).ok()?).copied()
    }

    /// The time that is left. `busy` is how long workers were at it so far, and `running` are the ages of running tasks
    /// with their positions.
    pub fn left(&self, busy: Duration, running: &[(u64, Duration)], workers: usize) -> Duration {
        let settled = self.settled.load(Ordering::Relaxed) as f64 / 1e6;
        // A machine that is twice as fast makes all times half as long.
        let pace = if settled > ENOUGH * self.total { busy.as_secs_f64() / settled } else { 1.0 };
        let begun = running.iter().map(|(position, age)| {
            let expected = self.seconds.get(*position as usize).copied().unwrap_or_default();
            age.as_secs_f64().min(f64::from(expected) * pace)
        });
        let work = (self.total - settled).max(0.0) * pace - begun.sum::<f64>();
        Duration::try_from_secs_f64(work.max(0.0) / workers as f64).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_row_that_is_left_counts_as_long() {
        let expected = Expected::new(vec![1.0, 1.0, 8.0, 0.0], Positions::default());
        let second = Duration::from_secs(1);
        assert_eq!(expected.left(Duration::ZERO, &[], 2), second * 5);
        (0..2).for_each(|task| expected.settle(TaskId(task)));
        assert_eq!(expected.left(second * 2, &[], 1), second * 8);
        assert_eq!(expected.left(second, &[], 1), second * 4, "twice as fast as expected");
        assert_eq!(expected.left(second * 2, &[(2, second * 3), (9, second)], 1), second * 5);
        expected.settle(TaskId(2));
        assert_eq!(expected.left(second * 10, &[], 1), Duration::ZERO);
    }
}
