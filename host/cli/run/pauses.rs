//! Ctrl-Z: it stops the workers as well, and the clock of the run's deadline.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::process::{Signal as Number, getpid, kill_process};
use tokio::signal::unix::{SignalKind, signal};
use wpool::Stopper;

use crate::cli::terminal;

/// For how long the run has been stopped by Ctrl-Z, together.
#[derive(Clone, Debug, Default)]
pub struct Pauses(Arc<Mutex<Duration>>);

impl Pauses {
    /// Listens for Ctrl-Z for the rest of the run.
    pub fn listen(stopper: Stopper) -> Result<Pauses> {
        let pauses = Pauses::default();
        let mut signals = signal(SignalKind::from_raw(Number::TSTP.as_raw()))?;
        let counted = pauses.clone();
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                let before = Instant::now();
                stopper.pause();
                terminal::clear();
                // This process stops here, and goes on when it is continued. It can only fail for other processes.
                let _ = kill_process(getpid(), Number::STOP);
                counted.add(before.elapsed());
                stopper.resume();
            }
        });
        Ok(pauses)
    }

    fn add(&self, time: Duration) {
        *self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) += time;
    }

    pub fn total(&self) -> Duration {
        *self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
