//! A hold on a pool from elsewhere.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::process::{Pid, Signal, kill_process};

use super::shared::{Shared, Stop};
use super::stats::{Running, Stats};
use crate::state::SharedState;

/// How a pool comes to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shutdown {
    /// Every task that was accepted is run to its end.
    Drain,
    /// Running tasks finish, and those not begun are `skipped`.
    Cancel,
    /// Running tasks are killed, too: they are `cancelled`.
    Kill,
}

/// Stops a pool from elsewhere, and says what it does. Further calls only make it stop harder, and a pool that was
/// stopped stays so.
#[derive(Clone, Debug)]
pub struct Stopper {
    pub(super) shared: Arc<Shared>,
}

impl Stopper {
    /// Has the pool take no more inputs and come to its end. Does not wait.
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

    /// Stops the workers' processes where they are, until [`Stopper::resume`]. No task's deadline comes nearer.
    pub fn pause(&self) {
        // First, so that nobody takes a stopped worker for a broken one.
        self.shared.pauses.fetch_or(1, Ordering::AcqRel);
        self.signal(Signal::STOP);
    }

    /// Lets paused workers go on.
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
            // One that is gone needs no signal.
            let _ = kill_process(pid, signal);
        }
    }

    /// What the pool has done so far.
    pub fn stats(&self) -> Stats {
        let state = self.shared.config.state.as_ref().map(SharedState::stats);
        Stats { state, ..self.shared.lock().stats }
    }

    /// What runs now, by slot.
    pub fn running(&self) -> Vec<Running> {
        self.shared.lock().running()
    }
}
