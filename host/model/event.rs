//! Events of a pool and their observers.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::model::outcome::Status;
use crate::model::settings::Setting;
use crate::model::task::TaskId;

/// An event in a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A worker is ready for tasks. `generation` counts the slot's workers from 0.
    WorkerStarted {
        /// Its slot.
        slot: u32,
        /// How many workers the slot had before.
        generation: u32,
        /// Its process.
        pid: u32,
    },
    /// A worker ended by itself or was killed. `suspect` was running in it.
    WorkerDied {
        /// Its slot.
        slot: u32,
        /// How many workers the slot had before.
        generation: u32,
        /// How it ended, for people.
        why: String,
        /// The task that was running in it.
        suspect: Option<TaskId>,
    },
    /// The program is being compiled: an event every second, and one when the compiler has ended.
    Compiling {
        /// How long the compiler has been at work.
        elapsed: Duration,
        /// The program was compiled before, with other values of these settings. Empty if it was not, as far as the
        /// cache knows.
        again_for: Vec<Setting>,
        /// The compiler has ended.
        ended: bool,
    },
    /// The program's `init` has run, once for all tasks. `printed` is its text on standard output and error.
    Initialized {
        /// How long it ran.
        took: Duration,
        /// The text, if there was any.
        printed: Option<String>,
    },
    /// An idle worker was replaced on purpose.
    WorkerRetired {
        /// Its slot.
        slot: u32,
        /// How many workers the slot had before.
        generation: u32,
        /// The reason, for people.
        why: String,
    },
    /// A worker has begun a task. The host looks every 20 ms, and every 10 ms where it keeps the deadlines
    /// ([`crate::Interrupt::Kill`]); if the task is over by then, this event comes just before the one of its end. Each
    /// attempt has its own event.
    TaskStarted {
        /// The task.
        task: TaskId,
        /// The slot of its worker.
        slot: u32,
    },
    /// An attempt ended with this status, and the task runs again after a pause.
    TaskRetried {
        /// The task.
        task: TaskId,
        /// How the attempt ended.
        status: Status,
        /// The pause.
        delay: Duration,
    },
    /// A task has its outcome. With results in the order of inputs, its result may still have to wait for others.
    TaskSettled {
        /// The task.
        task: TaskId,
        /// Its status.
        status: Status,
    },
    /// A warning that does not stop the run.
    Warning(String),
    /// The receiver of [`Observer::channel`] was too slow for this number of events.
    Missed(u64),
}

/// A receiver of events. The pool's own tasks call it in the order of the events, so it must return quickly. It may use
/// the pool. If it panics, it loses that event and nothing else is harmed.
#[derive(Clone)]
pub struct Observer {
    tell: Arc<dyn Fn(&Event) + Send + Sync>,
    of_tasks: bool,
}

impl Observer {
    /// An observer of everything.
    pub fn new(tell: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        Observer { tell: Arc::new(tell), of_tasks: true }
    }

    /// The same observer without the events of single tasks, which is cheaper when there are many.
    pub fn without_tasks(self) -> Self {
        Observer { of_tasks: false, ..self }
    }

    /// An observer that sends events to a receiver, which may be up to `capacity` behind. [`Event::Missed`] counts the
    /// events that do not fit.
    pub fn channel(capacity: usize) -> (Self, mpsc::Receiver<Event>) {
        let (sender, receiver) = mpsc::channel(capacity.max(1));
        let missed = AtomicU64::new(0);
        let observer = Observer::new(move |event| {
            let behind = missed.swap(0, Ordering::Relaxed);
            let sent = behind == 0 || sender.try_send(Event::Missed(behind)).is_ok();
            if !sent || sender.try_send(event.clone()).is_err() {
                missed.fetch_add(if sent { 1 } else { behind + 1 }, Ordering::Relaxed);
            }
        });
        (observer, receiver)
    }

    pub(crate) fn is_of_tasks(&self) -> bool {
        self.of_tasks
    }

    pub(crate) fn tell(&self, event: &Event) {
        (self.tell)(event);
    }
}

impl Default for Observer {
    /// An observer that ignores everything.
    fn default() -> Self {
        Observer::new(|_| {}).without_tasks()
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}
