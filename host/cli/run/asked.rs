//! Being asked to end, from outside.

use std::sync::Arc;

use tokio::sync::{Notify, watch};

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

    /// Waits for work that may need a reader. `None` when the run is forced to end before it is done.
    pub async fn unless_forced<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut forced = self.forced();
        tokio::select! {
            biased;
            done = work => Some(done),
            // The sender is this one's, so waiting does not fail.
            _ = forced.wait_for(|forced| *forced) => None,
        }
    }
}
