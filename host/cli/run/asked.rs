//! Being asked to end, from outside.

use std::sync::Arc;

use tokio::sync::Notify;

/// Woken when something from outside asks the run to end.
#[derive(Clone, Debug, Default)]
pub struct Asked(Arc<Notify>);

impl Asked {
    pub fn ask(&self) {
        self.0.notify_one();
    }

    /// Waits for work that is done before the first task; `None` when the run is asked to end before it is done.
    pub async fn before<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = work => Some(done),
            () = self.0.notified() => None,
        }
    }
}
