//! What an observer of a pool is told.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::model::outcome::Status;
use crate::model::task::TaskId;

/// Something that happened in a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A worker came up in a slot and can take tasks. `generation` counts the slot's workers from 0.
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
    /// The program's `init` has run, once for all tasks. `printed` is what it wrote to standard output and error.
    Initialized {
        /// How long it ran.
        took: Duration,
        /// The text, if there was any.
        printed: Option<String>,
    },
    /// A worker that had nothing to do was replaced on purpose.
    WorkerRetired {
        /// Its slot.
        slot: u32,
        /// How many workers the slot had before.
        generation: u32,
        /// The reason, for people.
        why: String,
    },
    /// A worker has begun a task. The host looks every 20 ms, and every 10 ms where it keeps the deadlines
    /// ([`crate::Interrupt::Kill`]); of a task that is over by then this is told just before what became of it. Told again
    /// for each attempt.
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
    /// A task has its outcome. Results that keep the order of inputs may have to wait for others after this.
    TaskSettled {
        /// The task.
        task: TaskId,
        /// Its status.
        status: Status,
    },
    /// Something that deserves to be known and does not stop the run.
    Warning(String),
    /// The receiver of [`Observer::channel`] was too slow for so many events.
    Missed(u64),
}

/// Who is told. Called from the pool's own tasks, in the order in which things happened: it must return quickly. It may
/// use the pool. If it panics, what it was told is lost to it and nothing else is harmed.
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

    /// The same observer, not told of tasks, which is cheaper when they are many.
    pub fn without_tasks(self) -> Self {
        Observer { of_tasks: false, ..self }
    }

    /// An observer that sends events to a receiver, which may be up to `capacity` behind. What it misses beyond that is
    /// counted by [`Event::Missed`].
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
