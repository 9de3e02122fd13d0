//! Ctrl-C and its relatives: the first lets running tasks finish, the second kills them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};
use wpool::{Shutdown, Stopper};

use super::exit::Exit;
use super::say;

/// Remembers which signal came first.
#[derive(Clone, Debug, Default)]
pub struct Interruption(Arc<AtomicI32>);

impl Interruption {
    /// Listens for the rest of the run.
    pub fn listen(stopper: Stopper) -> Result<Interruption> {
        let interruption = Interruption::default();
        for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
            let mut signals = signal(kind)?;
            let (first, stopper) = (interruption.0.clone(), stopper.clone());
            tokio::spawn(async move {
                while signals.recv().await.is_some() {
                    if first.compare_exchange(0, kind.as_raw_value(), Ordering::AcqRel, Ordering::Acquire).is_ok() {
                        say(format_args!("stopping; running tasks finish (again to kill them)"));
                        stopper.stop(Shutdown::Cancel);
                    } else {
                        stopper.stop(Shutdown::Kill);
                    }
                }
            });
        }
        Ok(interruption)
    }

    /// The exit that a signal asked for.
    pub fn exit(&self) -> Option<Exit> {
        match self.0.load(Ordering::Acquire) {
            0 => None,
            number if number == SignalKind::terminate().as_raw_value() => Some(Exit::Terminated),
            _ => Some(Exit::Interrupted),
        }
    }
}
