//! The one other thread of a worker: it counts epochs, and sends answers that wait behind a long task.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

use wasmtime::Engine;

use super::outbox::Outbox;

/// Length of an epoch, and so how exactly a deadline is kept. A hundred wake-ups a second cost a thousandth of a core.
const TICK: Duration = Duration::from_millis(10);

/// Ticks while the worker has work, and sleeps while it has none.
#[derive(Debug)]
pub(super) struct Clock {
    running: Arc<AtomicBool>,
    thread: Thread,
}

impl Clock {
    pub fn start(engine: Engine, outbox: Arc<Outbox>) -> std::io::Result<Clock> {
        let running = Arc::new(AtomicBool::new(false));
        let seen = running.clone();
        let handle = thread::Builder::new().name("wpool-clock".into()).spawn(move || {
            loop {
                while !seen.load(Ordering::Acquire) {
                    thread::park();
                }
                thread::sleep(TICK);
                engine.increment_epoch();
                outbox.flush();
            }
        })?;
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
