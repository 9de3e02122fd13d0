//! The runtime of a command.

use anyhow::{Context, Result};
use tokio::runtime::Runtime;

/// One thread: what the host does for a task is less than handing it to another thread would cost.
pub fn runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the runtime")
}
