//! The one other thread of a worker: it counts epochs and active time, and sends answers that wait behind a long task.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::thread::{self, Thread};

use wasmtime::Engine;

use super::outbox::Outbox;
use crate::child::sandbox::time::{ActiveTime, TICK};

/// Ticks while somebody needs it: a task with a deadline, or answers that wait behind a task. Otherwise its thread sleeps:
/// a hundred workers that wake up a hundred times a second each take a good part of a core.
#[derive(Debug)]
pub(super) struct Clock {
    state: Arc<Ticking>,
    time: ActiveTime,
    thread: Thread,
}

#[derive(Debug, Default)]
struct Ticking {
    /// The thread ticks.
    running: AtomicBool,
    /// A task with a deadline runs.
    timed: AtomicBool,
}

impl Clock {
    /// Starts the thread, and waits until it has.
    pub fn start(engine: Engine, time: ActiveTime, outbox: Arc<Outbox>) -> std::io::Result<Clock> {
        let state = Arc::new(Ticking::default());
        let (seen, passing) = (state.clone(), time.clone());
        // What a thread does to start takes more system calls than it has afterwards.
        let started = Arc::new(Barrier::new(2));
        let starts = started.clone();
        let handle = thread::Builder::new().name("wpool-clock".into()).spawn(move || {
            starts.wait();
            loop {
                while !seen.running.load(Ordering::Acquire) {
                    thread::park();
                }
                thread::sleep(TICK);
                passing.tick();
                engine.increment_epoch();
                outbox.flush();
                seen.rest(&outbox);
            }
        })?;
        started.wait();
        Ok(Clock { state, time, thread: handle.thread().clone() })
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
            // It has rested, and nothing of that counts.
            self.time.begin_tick();
            self.thread.unpark();
        }
    }

    /// No task runs.
    pub fn end(&self) {
        self.state.timed.store(false, Ordering::Release);
    }
}

impl Ticking {
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
