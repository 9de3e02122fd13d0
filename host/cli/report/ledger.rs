//! Counts events of workers, for the summary.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use serde::Serialize;
use wpool::Event;

/// The most different reasons. A guest can make its worker die in many ways.
const REASONS: usize = 16;

/// A reason, and its count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    pub reason: String,
    pub count: u64,
}

/// Reasons in the order of their first occurrence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reasons {
    pub count: u64,
    pub reasons: Vec<Reason>,
}

impl Reasons {
    fn add(&mut self, reason: &str) {
        self.count += 1;
        let full = self.reasons.len() >= REASONS;
        match self.reasons.iter_mut().find(|known| known.reason == reason) {
            Some(known) => known.count += 1,
            None if full => self.reasons[REASONS - 1].count += 1,
            None => {
                let reason = if self.reasons.len() + 1 == REASONS { "something else" } else { reason };
                self.reasons.push(Reason { reason: reason.to_owned(), count: 1 });
            }
        }
    }

    /// A list such as `2 × was killed by SIGKILL, 1 × exited with code 3`.
    pub fn list(&self) -> String {
        let each = self.reasons.iter().map(|known| format!("{} × {}", known.count, known.reason));
        each.collect::<Vec<_>>().join(", ")
    }
}

/// The work that the pool has reported: the time of compilers, workers that died and workers that were replaced.
#[derive(Clone, Debug, Default)]
pub struct Workers {
    pub compiling: Duration,
    pub deaths: Reasons,
    pub retirements: Reasons,
}

/// Counts events of workers.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Workers>);

impl Ledger {
    pub fn hear(&self, event: &Event) {
        match event {
            Event::Compiling { elapsed, ended: true, .. } => self.lock().compiling += *elapsed,
            Event::WorkerDied { why, .. } => self.lock().deaths.add(why),
            Event::WorkerRetired { why, .. } => self.lock().retirements.add(why),
            _ => {}
        }
    }

    pub fn workers(&self) -> Workers {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Workers> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_counted_and_bounded() {
        let mut reasons = Reasons::default();
        ["a", "b", "a"].into_iter().for_each(|reason| reasons.add(reason));
        assert_eq!(reasons.list(), "2 × a, 1 × b");
        (0..100).for_each(|n| reasons.add(&format!("reason {n}")));
        reasons.add("a");
        assert_eq!((reasons.count, reasons.reasons.len()), (104, REASONS));
        assert_eq!(reasons.reasons.iter().map(|known| known.count).sum::<u64>(), 104);
        assert_eq!(reasons.reasons[0].count, 3);
    }
}
