//! The host's side of a running worker.

use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::protocol::page::SharedPage;
use crate::protocol::wire::Decoder;
use crate::spawn::handshake::Failed;
use crate::spawn::process::Process;

/// A worker that came up.
pub(super) struct Worker {
    pub process: Process,
    pub page: Arc<SharedPage>,
    pub decoder: Decoder,
    pub pid: u32,
}

/// A worker that starts while its slot still has another. Dropping it kills it.
pub(super) struct Spare(pub(super) JoinHandle<Result<Worker, Failed>>);

impl Spare {
    /// The worker, when it is ready; `None` if it did not come up, or has died since. Must be called only once.
    pub async fn ready(&mut self) -> Option<Worker> {
        let mut worker = (&mut self.0).await.ok()?.ok()?;
        matches!(worker.process.child.try_wait(), Ok(None)).then_some(worker)
    }

    /// Ends the worker and waits until it is gone. Kills a worker that is still starting, because a start can take
    /// long.
    pub async fn end(mut self) {
        self.0.abort();
        if let Some(mut worker) = self.ready().await {
            let _ = worker.process.child.kill().await;
        }
    }
}

impl Drop for Spare {
    fn drop(&mut self) {
        self.0.abort();
    }
}
