//! The runtime of a command.

use anyhow::{Context, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::Runtime;

/// One thread: what the host does for a task is less than handing it to another thread would cost.
pub fn runtime() -> Result<Runtime> {
    raise_files();
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the runtime")
}

/// Each worker takes some descriptors, of which a process may have as many as its hard limit says. Nothing here counts
/// descriptors in a way that large numbers would break.
fn raise_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Where it stays as it is, there are fewer workers.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}
