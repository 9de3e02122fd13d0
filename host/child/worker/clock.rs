//! The second thread of a worker: it counts epochs and active time, and sends answers that wait behind a long task.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::thread::{self, Thread};
use std::time::Duration;

use wasmtime::Engine;

use super::outbox::Outbox;
use crate::child::sandbox::time::ActiveTime;

/// Ticks while it is needed: by a task with a deadline, or by answers that wait behind a task. Otherwise its thread
/// sleeps, because a hundred workers that each wake up a hundred times a second take a good part of a core.
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

/// The work of the clock at each tick of a process whose guest cannot be interrupted: it ends the process when it is late.
pub(super) type Overdue = Box<dyn Fn(&ActiveTime) + Send>;

impl Clock {
    /// Starts the thread, which ticks after equal times, and waits until it runs.
    pub fn start(
        engine: Engine,
        time: ActiveTime,
        tick: Duration,
        outbox: Arc<Outbox>,
        overdue: Option<Overdue>,
    ) -> std::io::Result<Clock> {
        let state = Arc::new(Ticking::default());
        let (seen, passing) = (state.clone(), time.clone());
        // The start of a thread makes more system calls than the fence allows afterwards.
        let started = Arc::new(Barrier::new(2));
        let starts = started.clone();
        let handle = thread::Builder::new().name("wpool-clock".into()).spawn(move || {
            starts.wait();
            loop {
                while !seen.running.load(Ordering::Acquire) {
                    thread::park();
                }
                thread::sleep(tick);
                passing.tick();
                engine.increment_epoch();
                overdue.iter().for_each(|overdue| overdue(&passing));
                outbox.flush();
                seen.rest(&outbox);
            }
        })?;
        started.wait();
        Ok(Clock { state, time, thread: handle.thread().clone() })
    }

    /// Begins a task, with or without a deadline. `waits` means that answers wait behind it and none did at the start
    /// of the task before.
    pub fn begin(&self, timed: bool, waits: bool) {
        let state = &self.state;
        let changes = state.timed.load(Ordering::Relaxed) != timed;
        if changes {
            state.timed.store(timed, Ordering::Release);
        }
        if (waits || (changes && timed)) && !state.running.swap(true, Ordering::AcqRel) {
            // The clock has rested, and this time does not count.
            self.time.begin_tick();
            self.thread.unpark();
        }
    }

    /// Ends a task.
    pub fn end(&self) {
        self.state.timed.store(false, Ordering::Release);
    }
}

impl Ticking {
    /// Lets the thread sleep if the clock is not needed.
    fn rest(&self, outbox: &Outbox) {
        let is_needed = || self.timed.load(Ordering::Acquire) || !outbox.is_empty();
        if is_needed() {
            return;
        }
        // A task that begins after this sees a sleeping clock, and wakes it. A task that began before has seen a
        // ticking clock.
        self.running.swap(false, Ordering::AcqRel);
        if is_needed() {
            self.running.store(true, Ordering::Release);
        }
    }
}
