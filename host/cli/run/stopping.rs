//! How a run comes to its end early: by what its tasks come to, and by its own deadline.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};
use wpool::{Event, Shutdown, Status, Stopper};

use crate::cli::args::halt::{Counts, Halt, When, Why};
use crate::cli::exit::Exit;
use crate::cli::run::signals::Pauses;
use crate::cli::say;

/// Stops a run when a condition is met. It hears of tasks as they settle: in an ordered run, the record of one may have
/// to wait long for those before it.
#[derive(Debug)]
pub struct Halting {
    halts: Vec<Halt>,
    /// Tasks that settle as ok count only when their outputs have been judged.
    judged: bool,
    state: Mutex<State>,
    /// Rows of the run, where a percentage needs them.
    total: OnceLock<u64>,
    stopper: OnceLock<Stopper>,
}

#[derive(Debug, Default)]
struct State {
    counts: Counts,
    met: Option<Halt>,
}

impl Halting {
    /// `judged` says that outputs are judged after their tasks have settled, and told of by [`Halting::judged`].
    pub fn new(halts: Vec<Halt>, judged: bool) -> Halting {
        Halting { halts, judged, state: Mutex::default(), total: OnceLock::new(), stopper: OnceLock::new() }
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

    /// What it stops; before the first task.
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

    /// What became of a task that had settled as ok.
    pub fn judged(&self, status: Status) {
        if self.judged {
            self.count(|counts| counts.add(status));
        }
    }

    fn count(&self, change: impl FnOnce(&mut Counts)) {
        if self.is_idle() {
            return;
        }
        let mut state = self.lock();
        change(&mut state.counts);
        if state.met.is_some() {
            return;
        }
        let total = self.total.get().copied();
        state.met = self.halts.iter().copied().find(|halt| halt.is_met(state.counts, total));
        let met = state.met;
        // What stops the pool makes it settle tasks, of which this hears.
        drop(state);
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

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
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

/// Woken when something from outside asks the run to end.
pub type Asked = Arc<Notify>;

/// The deadline of a whole run: running tasks then have a grace to finish, and are killed.
#[derive(Debug)]
pub struct RunDeadline(Arc<AtomicBool>);

impl RunDeadline {
    /// Counts from now on, but for the time that the run is stopped.
    pub fn start(time: Duration, grace: Duration, stopper: Stopper, pauses: Pauses, asked: Asked) -> RunDeadline {
        let passed = Arc::new(AtomicBool::new(false));
        let flag = passed.clone();
        let start = Instant::now();
        tokio::spawn(async move {
            while Instant::now() < start + time + pauses.total() {
                sleep_until(start + time + pauses.total()).await;
            }
            flag.store(true, Ordering::Release);
            asked.notify_one();
            say(format_args!("the deadline of the run has passed; running tasks have {grace:?} to finish"));
            stopper.stop(Shutdown::Cancel);
            sleep(grace).await;
            stopper.stop(Shutdown::Kill);
        });
        RunDeadline(passed)
    }

    pub fn exit(&self) -> Option<Exit> {
        self.0.load(Ordering::Acquire).then_some(Exit::Deadline)
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
