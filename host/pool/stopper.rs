//! Stops, pauses and looks at a pool from elsewhere.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::shared::{Shared, Stop};
use super::stats::{Running, Stats};
use crate::state::SharedState;

/// How a pool ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shutdown {
    /// Every accepted task runs to its end.
    Drain,
    /// Running tasks finish. Tasks that have not begun are `skipped`.
    Cancel,
    /// Running tasks are killed as well: they are `cancelled`.
    Kill,
}

/// Stops a pool from elsewhere, and reports on it. A further call can only stop the pool harder. A stopped pool does
/// not start again.
#[derive(Clone, Debug)]
pub struct Stopper {
    pub(super) shared: Arc<Shared>,
}

impl Stopper {
    /// Makes the pool reject further inputs and end. Does not wait.
    pub fn stop(&self, how: Shutdown) {
        {
            let mut state = self.shared.lock();
            state.closed = true;
            if how >= Shutdown::Cancel {
                state.queue.stop();
                (0..self.shared.config.workers).for_each(|slot| state.recall(slot));
            }
            state.queue.wake_callers();
        }
        match how {
            Shutdown::Drain => {}
            Shutdown::Cancel => self.shared.raise_stop(Stop::Halt),
            Shutdown::Kill => self.shared.raise_stop(Stop::Kill),
        }
    }

    /// Ends the pool when its time is over, unless it ends before.
    pub(super) async fn stop_after(&self, lifetime: Duration) {
        for (time, how) in [(lifetime, Shutdown::Cancel), (self.shared.config.grace, Shutdown::Kill)] {
            tokio::select! {
                () = tokio::time::sleep(time) => self.stop(how),
                () = self.shared.closing() => return,
            }
        }
    }

    /// Stops the workers' processes where they are, until [`Stopper::resume`]. The deadlines of tasks do not come
    /// nearer.
    pub fn pause(&self) {
        // First, so that nobody takes a stopped worker for a broken one.
        self.shared.pauses.fetch_or(1, Ordering::AcqRel);
        self.signal(Signal::STOP);
    }

    /// Resumes paused workers.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
        let _ = self
            .shared
            .pauses
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |count| Some(count.next_multiple_of(2)));
    }

    fn signal(&self, signal: Signal) {
        let state = self.shared.lock();
        for pid in state.places.iter().filter_map(|place| Pid::from_raw(place.pid? as i32)) {
            // A worker that is gone needs no signal.
            let _ = kill_process(pid, signal);
        }
    }

    /// The counters of the pool so far.
    pub fn stats(&self) -> Stats {
        let state = self.shared.config.state.as_ref().map(SharedState::stats);
        Stats { state, uptime: Duration::from_nanos(self.shared.now()), ..self.shared.lock().stats }
    }

    /// The running tasks, by slot.
    pub fn running(&self) -> Vec<Running> {
        self.shared.lock().running()
    }
}
