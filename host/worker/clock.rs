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

/// Ticks while the worker has work, and sleeps while it has none.
#[derive(Debug)]
pub(super) struct Clock {
    running: Arc<AtomicBool>,
    thread: Thread,
}

impl Clock {
    /// Starts the thread, and waits until it has.
    pub fn start(engine: Engine, time: ActiveTime, outbox: Arc<Outbox>) -> std::io::Result<Clock> {
        let running = Arc::new(AtomicBool::new(false));
        let seen = running.clone();
        // What a thread does to start takes more system calls than it has afterwards.
        let started = Arc::new(Barrier::new(2));
        let starts = started.clone();
        let handle = thread::Builder::new().name("wpool-clock".into()).spawn(move || {
            starts.wait();
            let mut before = Instant::now();
            loop {
                while !seen.load(Ordering::Acquire) {
                    thread::park();
                    before = Instant::now();
                }
                thread::sleep(TICK);
                let now = Instant::now();
                time.pass(now - before);
                before = now;
                engine.increment_epoch();
                outbox.flush();
            }
        })?;
        started.wait();
        Ok(Clock { running, thread: handle.thread().clone() })
    }

    pub fn resume(&self) {
        if !self.running.swap(true, Ordering::AcqRel) {
            self.thread.unpark();
        }
    }

    pub fn pause(&self) {
        self.running.store(false, Ordering::Release);
    }
}
