//! The one other thread of a worker: it counts epochs and active time, and sends answers that wait behind a long task.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use wasmtime::Engine;

use super::outbox::Outbox;

/// Length of an epoch, and so how exactly a short deadline is kept. A hundred wake-ups a second cost a thousandth of a core.
const TICK: Duration = Duration::from_millis(10);

/// A deadline is kept to so small a part of itself, as long as that takes ticks no longer than this: a hundred workers that
/// tick at their fastest take a good part of a core for deadlines that nobody meant to the hundredth of a second.
const TICKS_OF_A_DEADLINE: u32 = 100;
const LONGEST_TICK: Duration = Duration::from_millis(50);

/// The most time that counts between two ticks. A worker that did not run for longer was stopped, with its host or its
/// whole machine, or was not given a processor; no task is to blame for that.
const MOST_BETWEEN_TICKS: Duration = Duration::from_millis(100);

/// How long this process has been at work, as deadlines count it. Only the clock's thread makes it pass, so that what
/// looks at it after a pause never sees the pause.
#[derive(Clone, Debug, Default)]
pub(super) struct ActiveTime(Arc<Passed>);

/// Both in nanoseconds.
#[derive(Debug)]
struct Passed {
    time: AtomicU64,
    /// Length of the tick that goes on.
    tick: AtomicU64,
}

impl Default for Passed {
    fn default() -> Self {
        Passed { time: AtomicU64::new(0), tick: AtomicU64::new(TICK.as_nanos() as u64) }
    }
}

impl ActiveTime {
    pub fn now(&self) -> Duration {
        Duration::from_nanos(self.0.time.load(Ordering::Acquire))
    }

    /// A moment that is at least this long from now: what is told as now may be up to a tick ago.
    pub fn after(&self, time: Duration) -> Duration {
        // In this order: should a tick end meanwhile, then now is as late as with that which begins, or later.
        let tick = Duration::from_nanos(self.0.tick.load(Ordering::Acquire));
        self.now().saturating_add(time).saturating_add(tick)
    }

    /// Lets time pass, as the clock saw it.
    pub fn pass(&self, elapsed: Duration) {
        self.0.time.fetch_add(elapsed.min(MOST_BETWEEN_TICKS).as_nanos() as u64, Ordering::AcqRel);
    }

    /// A tick begins.
    fn begin_tick(&self, length: Duration) {
        self.0.tick.store(length.as_nanos() as u64, Ordering::Release);
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
    /// Nanoseconds of the ticks that the running task's deadline asks for; 0 when it has none.
    tick: AtomicU64,
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
                let tick = seen.tick(&outbox);
                time.begin_tick(tick);
                thread::sleep(tick);
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
    pub fn begin(&self, deadline: Option<Duration>, waits: bool) {
        let state = &self.state;
        let tick = deadline.map_or(0, |deadline| tick_of(deadline).as_nanos() as u64);
        let before = state.tick.load(Ordering::Relaxed);
        if tick != before {
            state.tick.store(tick, Ordering::Release);
        }
        if (waits || (before == 0 && tick > 0)) && !state.running.swap(true, Ordering::AcqRel) {
            self.thread.unpark();
        }
    }

    /// No task runs.
    pub fn end(&self) {
        self.state.tick.store(0, Ordering::Release);
    }
}

/// The ticks by which a deadline is kept.
fn tick_of(deadline: Duration) -> Duration {
    (deadline / TICKS_OF_A_DEADLINE).clamp(TICK, LONGEST_TICK)
}

impl State {
    /// The length of the next tick. A short one if there is something to be sent at its end.
    fn tick(&self, outbox: &Outbox) -> Duration {
        let asked = Duration::from_nanos(self.tick.load(Ordering::Acquire));
        if outbox.is_empty() { asked.max(TICK) } else { TICK }
    }

    /// Lets the thread sleep if nobody needs it.
    fn rest(&self, outbox: &Outbox) {
        let is_needed = || self.tick.load(Ordering::Acquire) > 0 || !outbox.is_empty();
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
    fn a_deadline_is_kept_to_a_hundredth_of_it_or_to_a_tick() {
        for (deadline, tick) in [(1, 10), (1_000, 10), (3_000, 30), (60_000, 50)] {
            assert_eq!(tick_of(Duration::from_millis(deadline)), Duration::from_millis(tick), "{deadline} ms");
        }
        assert_eq!(tick_of(Duration::MAX), LONGEST_TICK);
    }

    #[test]
    fn a_moment_is_never_told_too_early_in_a_long_tick() {
        let (time, second) = (ActiveTime::default(), Duration::from_secs(1));
        time.begin_tick(LONGEST_TICK);
        let moment = time.after(second);
        time.pass(LONGEST_TICK);
        time.begin_tick(TICK);
        (0..99).for_each(|_| time.pass(TICK));
        assert!(time.now() < moment);
        time.pass(TICK);
        assert_eq!(time.now(), moment);
    }
}
