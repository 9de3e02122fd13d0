//! What an observer of a pool is told.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::task::TaskId;

/// Something that happened in a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A worker came up in a slot and can take tasks. `generation` counts the slot's workers from 0.
    WorkerStarted { slot: u32, generation: u32, pid: u32 },
    /// A worker ended by itself or was killed. `suspect` was running in it.
    WorkerDied { slot: u32, generation: u32, why: String, suspect: Option<TaskId> },
    /// The program's `init` has run, once for all tasks. `printed` is what it wrote to standard output and error.
    Initialized { took: Duration, printed: Option<String> },
    /// Something that deserves to be known and does not stop the run.
    Warning(String),
}

/// Who is told. Called from the pool's own tasks: it must return quickly.
#[derive(Clone)]
pub struct Observer(Arc<dyn Fn(&Event) + Send + Sync>);

impl Observer {
    pub fn new(tell: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        Observer(Arc::new(tell))
    }

    pub(crate) fn tell(&self, event: Event) {
        (self.0)(&event);
    }
}

impl Default for Observer {
    /// An observer that ignores everything.
    fn default() -> Self {
        Observer::new(|_| {})
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}
