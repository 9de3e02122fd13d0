//! The runtime of a command, and work beside it.

use anyhow::{Context, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

/// One thread: what the host does for a task is less than handing it to another thread would cost.
pub fn runtime() -> Result<Runtime> {
    raise_files();
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the runtime")
}

/// Does work that may never end on a thread of its own, which is not joined when nobody waits for it any more.
pub async fn beside<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let (sender, done) = oneshot::channel();
    std::thread::Builder::new().name("wpool-rows".into()).spawn(move || sender.send(work()))?;
    done.await.context("the rows cannot be read")?
}

/// Each worker takes some descriptors, of which a process may have as many as its hard limit says. Nothing in wpool counts
/// descriptors in a way that large numbers would break.
pub fn raise_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Where it stays as it is, there are fewer workers.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}
