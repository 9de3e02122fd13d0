//! What a run amounted to.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use wpool::{Stats, Status};

use super::say;

/// Counts as results come.
#[derive(Debug)]
pub struct Summary {
    started: Instant,
    counts: [u64; Status::ALL.len()],
}

impl Summary {
    pub fn new() -> Self {
        Summary { started: Instant::now(), counts: [0; Status::ALL.len()] }
    }

    pub fn count(&mut self, status: Status) {
        self.counts[status as usize] += 1;
    }

    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    pub fn not_ok(&self) -> u64 {
        self.total() - self.counts[Status::Ok as usize]
    }

    /// Prints the summary. `stopped` says that there may have been rows that were never read.
    pub fn print(&self, stats: Stats, workers: usize, stopped: bool) {
        let wall = self.started.elapsed();
        let mut text = format!("{} tasks in {} ({}/s)", self.total(), seconds(wall), rate(self.total(), wall));
        let counted = Status::ALL.into_iter().map(|status| (status, self.counts[status as usize]));
        for (at, (status, count)) in counted.filter(|(_, count)| *count > 0).enumerate() {
            let _ = write!(text, "{} {count} {status}", if at == 0 { ":" } else { "," });
        }
        let efficiency = 100.0 * stats.busy.as_secs_f64() / (wall.as_secs_f64() * workers as f64).max(f64::EPSILON);
        let _ = write!(text, "; {workers} workers, {:.0} % busy", efficiency.min(100.0));
        if stats.deaths > 0 {
            let _ = write!(text, ", {} died", stats.deaths);
        }
        if let Some(state) = stats.state {
            let _ = write!(text, "; shared state: {} calls, {}", state.calls, seconds(state.time));
        }
        if stopped {
            text.push_str("; stopped early, rows after the last record were not read");
        }
        say(format_args!("{text}"));
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.3}s", time.as_secs_f64())
}

fn rate(count: u64, time: Duration) -> u64 {
    (count as f64 / time.as_secs_f64().max(1e-9)) as u64
}
