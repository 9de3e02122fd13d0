//! The one other thread of a worker: it counts epochs and active time, and sends answers that wait behind a long task.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use wasmtime::Engine;

use super::outbox::Outbox;

/// Length of an epoch, and so how exactly a deadline is kept. A hundred wake-ups a second cost a thousandth of a core.
const TICK: Duration = Duration::from_millis(10);

/// The most time that counts between two ticks. A worker that did not run for longer was stopped, with its host or its
/// whole machine, or was not given a processor; no task is to blame for that.
const MOST_BETWEEN_TICKS: Duration = Duration::from_millis(100);

/// How long this process has been at work, as deadlines count it. Only the clock's thread makes it pass, so that what
/// looks at it after a pause never sees the pause.
#[derive(Clone, Debug, Default)]
pub(super) struct ActiveTime(Arc<AtomicU64>);

impl ActiveTime {
    pub fn now(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Acquire))
    }

    /// A moment that is at least this long from now: what is told as now may be up to a tick ago.
    pub fn after(&self, time: Duration) -> Duration {
        self.now().saturating_add(time).saturating_add(TICK)
    }

    /// Lets time pass, as the clock saw it.
    pub fn pass(&self, elapsed: Duration) {
        self.0.fetch_add(elapsed.min(MOST_BETWEEN_TICKS).as_nanos() as u64, Ordering::AcqRel);
    }
}

/// Ticks while somebody needs it: a task with a deadline, or answers that wait behind a task. Otherwise its thread sleeps:
/// a hundred workers that wake up a hundred times a second each take a good part of a core.
#[derive(Debug)]
pub(super) struct Clock {
    state: Arc<State>,
    thread: Thread,
}

#[derive(Debug, Default)]
struct State {
    /// The thread ticks.
    running: AtomicBool,
    /// A task with a deadline runs.
    timed: AtomicBool,
}

impl Clock {
    /// Starts the thread, and waits until it has.
    pub fn start(engine: Engine, time: ActiveTime, outbox: Arc<Outbox>) -> std::io::Result<Clock> {
        let state = Arc::new(State::default());
        let seen = state.clone();
        // What a thread does to start takes more system calls than it has afterwards.
        let started = Arc::new(Barrier::new(2));
        let starts = started.clone();
        let handle = thread::Builder::new().name("wpool-clock".into()).spawn(move || {
            starts.wait();
            let mut before = Instant::now();
            loop {
                while !seen.running.load(Ordering::Acquire) {
                    thread::park();
                    before = Instant::now();
                }
                thread::sleep(TICK);
                let now = Instant::now();
                time.pass(now - before);
                before = now;
                engine.increment_epoch();
                outbox.flush();
                seen.rest(&outbox);
            }
        })?;
        started.wait();
        Ok(Clock { state, thread: handle.thread().clone() })
    }

    /// A task begins, with or without a deadline. `waits` says that there are answers to be sent behind it which were none
    /// when the task before began.
    pub fn begin(&self, timed: bool, waits: bool) {
        let state = &self.state;
        let changes = state.timed.load(Ordering::Relaxed) != timed;
        if changes {
            state.timed.store(timed, Ordering::Release);
        }
        if (waits || (changes && timed)) && !state.running.swap(true, Ordering::AcqRel) {
            self.thread.unpark();
        }
    }

    /// No task runs.
    pub fn end(&self) {
        self.state.timed.store(false, Ordering::Release);
    }
}

impl State {
    /// Lets the thread sleep if nobody needs it.
    fn rest(&self, outbox: &Outbox) {
        let is_needed = || self.timed.load(Ordering::Acquire) || !outbox.is_empty();
        if is_needed() {
            return;
        }
        // Who begins something after this sees a clock that sleeps, and wakes it. Who did before has seen one that ticks.
        self.running.swap(false, Ordering::AcqRel);
        if is_needed() {
            self.running.store(true, Ordering::Release);
        }
    }
}
