//! Being asked to end, from outside.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};

/// Time for the last messages of a run that is forced to end.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Tells the run that something from outside asks it to end, or forces it.
#[derive(Clone, Debug)]
pub struct Asked {
    asked: Arc<Notify>,
    forced: watch::Sender<bool>,
}

impl Default for Asked {
    fn default() -> Self {
        Asked { asked: Arc::default(), forced: watch::Sender::new(false) }
    }
}

impl Asked {
    pub fn ask(&self) {
        self.asked.notify_one();
    }

    /// Lets the run end although its output may not be written.
    pub fn force(&self) {
        self.forced.send_replace(true);
    }

    /// Becomes true when the run is forced to end.
    pub fn forced(&self) -> watch::Receiver<bool> {
        self.forced.subscribe()
    }

    /// Waits for work that is done before the first task; `None` when the run is asked to end before it is done.
    pub async fn before<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = work => Some(done),
            () = self.asked.notified() => None,
        }
    }

    /// Waits for work that may need a reader. `None` when the run is forced to end and the work is not done a second later.
    pub async fn unless_forced<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut forced = self.forced();
        let over = async {
            // The sender is in `self`, so waiting does not fail.
            let _ = forced.wait_for(|forced| *forced).await;
            tokio::time::sleep(LAST_WORDS).await;
        };
        tokio::select! {
            biased;
            done = work => Some(done),
            () = over => None,
        }
    }
}
