//! Halting: a run ends early by what becomes of its tasks (`--halt`, `--max-fail`).

use std::sync::{Mutex, MutexGuard, OnceLock};

use wpool::{Event, Shutdown, Status, Stopper};

use crate::cli::args::halt::{Counts, Halt, When, Why};
use crate::cli::exit::Exit;

/// Stops a run when a condition is met. It hears of tasks as they settle: in an ordered run, the record of one may have
/// to wait long for those before it.
#[derive(Debug)]
pub struct Halting {
    halts: Vec<Halt>,
    /// Tasks that settle as ok count only when their outputs have been judged.
    judged: bool,
    heard: Mutex<Heard>,
    /// Rows of the run, where a percentage needs them.
    total: OnceLock<u64>,
    stopper: OnceLock<Stopper>,
}

/// The ends of tasks so far.
#[derive(Debug, Default)]
struct Heard {
    counts: Counts,
    met: Option<Halt>,
}

impl Halting {
    /// `judged` says that outputs are judged after their tasks have settled, which [`Halting::judged`] reports.
    pub fn new(halts: Vec<Halt>, judged: bool) -> Halting {
        Halting { halts, judged, heard: Mutex::default(), total: OnceLock::new(), stopper: OnceLock::new() }
    }

    /// Whether nothing is to be heard.
    pub fn is_idle(&self) -> bool {
        self.halts.is_empty()
    }

    pub fn needs_total(&self) -> bool {
        self.halts.iter().any(Halt::needs_total)
    }

    pub fn set_total(&self, total: u64) {
        self.total.get_or_init(|| total);
    }

    /// Gives it the pool that it stops, before the first task.
    pub fn arm(&self, stopper: Stopper) {
        self.stopper.get_or_init(|| stopper);
    }

    pub fn hear(&self, event: &Event) {
        if let Event::TaskSettled { status, .. } = event
            && !(self.judged && *status == Status::Ok)
        {
            self.count(|counts| counts.add(*status));
        }
    }

    /// Hears the verdict on a task that had settled as ok.
    pub fn judged(&self, status: Status) {
        if self.judged {
            self.count(|counts| counts.add(status));
        }
    }

    fn count(&self, change: impl FnOnce(&mut Counts)) {
        if self.is_idle() {
            return;
        }
        let mut heard = self.lock();
        change(&mut heard.counts);
        if heard.met.is_some() {
            return;
        }
        let total = self.total.get().copied();
        heard.met = self.halts.iter().copied().find(|halt| halt.is_met(heard.counts, total));
        let met = heard.met;
        // The stop of the pool makes it settle tasks, of which this hears.
        drop(heard);
        if let (Some(halt), Some(stopper)) = (met, self.stopper.get()) {
            match halt.when {
                When::Now => stopper.stop(Shutdown::Kill),
                When::Soon => stopper.stop(Shutdown::Cancel),
            }
        }
    }

    /// The condition that stopped the run.
    pub fn met(&self) -> Option<Halt> {
        self.lock().met
    }

    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// The exit of a run by what became of its tasks. What was waited for and came is a success, whatever else failed.
pub fn exit_of_tasks(total: u64, not_ok: u64, met: Option<Halt>) -> Exit {
    match met {
        Some(Halt { why: Why::Success, .. }) => Exit::Ok,
        Some(_) => Exit::Stopped,
        None if total == 0 => Exit::NoInputs,
        None if not_ok == 0 => Exit::Ok,
        None => Exit::NotOk,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_follows_from_what_became_of_the_tasks() {
        let halt = |why| Halt { why, ..Halt::after_failures(std::num::NonZeroU64::MIN) };
        for (total, not_ok, met, exit) in [
            (0, 0, None, Exit::NoInputs),
            (2, 0, None, Exit::Ok),
            (2, 1, None, Exit::NotOk),
            (2, 1, Some(halt(Why::Fail)), Exit::Stopped),
            (2, 0, Some(halt(Why::Done)), Exit::Stopped),
            (2, 1, Some(halt(Why::Success)), Exit::Ok),
        ] {
            assert_eq!(exit_of_tasks(total, not_ok, met), exit, "{total} {not_ok} {met:?}");
        }
    }
}
