//! The connection from a task to the shared state, which the host holds.

use crate::protocol::state_calls::{Reply, Request};
use crate::protocol::wire::WireError;

/// Carries the running task's calls to the host, one at a time.
pub(crate) trait StateLink: Send + Sync {
    /// Makes a call of the host.
    ///
    /// # Errors
    /// When the host is gone, or sends a malformed reply. The task cannot go on.
    fn call(&self, request: &Request) -> Result<Reply, WireError>;
}
