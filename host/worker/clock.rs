//! The one other thread of a worker: it counts epochs and active time, and sends answers that wait behind a long task.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use wasmtime::Engine;

use super::outbox::Outbox;

/// Length of an epoch, and so how exactly a deadline is kept. A hundred wake-ups a second cost a thousandth of a core.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// The most time that counts between two ticks. A worker that did not run for longer was stopped, with its host or its
/// whole machine, or was not given a processor; no task is to blame for that.
const MOST_BETWEEN_TICKS: Duration = Duration::from_millis(100);

/// How long this process has been at work, as deadlines count it. Only the clock's thread makes it pass, so that what
/// looks at it after a pause never sees the pause.
#[derive(Clone, Debug)]
pub(super) struct ActiveTime(Arc<Passed>);

#[derive(Debug)]
struct Passed {
    nanos: AtomicU64,
    /// When the tick began that goes on, in nanoseconds since `base`.
    tick: AtomicU64,
    base: Instant,
}

impl Default for ActiveTime {
    fn default() -> Self {
        ActiveTime(Arc::new(Passed { nanos: AtomicU64::new(0), tick: AtomicU64::new(0), base: Instant::now() }))
    }
}

impl ActiveTime {
    pub fn now(&self) -> Duration {
        Duration::from_nanos(self.0.nanos.load(Ordering::Acquire))
    }

    /// A moment that is at least this long from now. What has gone of the tick that goes on will count when it ends,
    /// however late the clock's thread is then, and is no part of this time.
    pub fn after(&self, time: Duration) -> Duration {
        // In this order: should the tick end meanwhile, then what has gone of it counts twice, and not never.
        let gone = self.in_tick().min(MOST_BETWEEN_TICKS);
        self.now().saturating_add(time).saturating_add(gone)
    }

    /// How much of the tick that goes on has gone.
    fn in_tick(&self) -> Duration {
        let tick = Duration::from_nanos(self.0.tick.load(Ordering::Acquire));
        self.0.base.elapsed().saturating_sub(tick)
    }

    /// Lets time pass, as the clock saw it.
    pub fn pass(&self, elapsed: Duration) {
        self.0.nanos.fetch_add(elapsed.min(MOST_BETWEEN_TICKS).as_nanos() as u64, Ordering::AcqRel);
    }

    /// Ends a tick and begins the next.
    fn tick(&self) {
        self.pass(self.in_tick());
        self.begin_tick();
    }

    fn begin_tick(&self) {
        self.0.tick.store(self.0.base.elapsed().as_nanos() as u64, Ordering::Release);
    }
}

/// Ticks while somebody needs it: a task with a deadline, or answers that wait behind a task. Otherwise its thread sleeps:
/// a hundred workers that wake up a hundred times a second each take a good part of a core.
#[derive(Debug)]
pub(super) struct Clock {
    state: Arc<State>,
    time: ActiveTime,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_gone_of_a_late_tick_is_no_part_of_a_time_that_begins_now() {
        let (time, second) = (ActiveTime::default(), Duration::from_secs(1));
        time.begin_tick();
        thread::sleep(3 * TICK);
        let moment = time.after(second);
        assert!(moment >= second + 3 * TICK, "{moment:?}");
        time.tick();
        assert!(time.now() >= 3 * TICK && time.now() + second >= moment);
        assert!(time.after(second) <= time.now() + second + MOST_BETWEEN_TICKS);
    }
}
