//! How much tasks see of each other, of time and of chance.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The kernel's page where instances can be put back: what one fault makes writable is what was copied before.
pub(crate) const WATCHED_PAGE: usize = 4 << 10;

/// How much tasks see of each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Isolation {
    /// [`Isolation::Reset`] where it is proven that this is as good as a fresh instance, and else [`Isolation::Fresh`].
    #[default]
    Auto,
    /// Each task has a fresh instance and sees nothing of any other.
    Fresh,
    /// A worker keeps its instance and puts it back, after each task, to what it was before its first: the pages of memory
    /// that were written, and the globals. A task sees nothing of any other, at a fraction of the cost. It is for programs
    /// whose whole state is within reach ([`crate::Report::resettable`]), without directories. An instance whose task did
    /// anything but return goes with it, and one of a component whose task has used a handle, such as that of a stream.
    /// [`crate::isolation`] says why this is sound.
    Reset,
    /// A worker keeps its instance for the next task, up to so many tasks; `None` is without end. What a task leaves in
    /// memory and globals the next one finds, including what the program forgets to free, and which task was the one
    /// before depends on how the work is shared out. An instance that traps, or is stopped at a limit, goes with its
    /// task.
    Reuse(Option<NonZeroU32>),
    /// As `Reuse(None)`, and a worker's first 32 tasks, then one of 256, run a second time in a fresh instance, within
    /// the same deadline. Where the two differ, the fresh one counts, the worker gives every task a fresh instance from
    /// then on, and the pool tells a warning.
    Checked,
}

impl Isolation {
    /// Whether tasks see nothing of each other.
    pub fn isolates(self) -> bool {
        matches!(self, Isolation::Auto | Isolation::Fresh | Isolation::Reset)
    }
}

/// What stops a task at the pool's deadline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Interrupt {
    /// The worker: the program is compiled with checks in its loops, which cost a quarter in the mean and up to 3.7 times
    /// in the tightest, and a task is stopped within some 10 ms. Its worker goes on. Right when timeouts happen often, or
    /// tasks are short.
    #[default]
    Epoch,
    /// The host: it kills the worker within some 10 ms of the deadline, or later while the host itself has to wait for a
    /// processor, and starts another. The program is compiled without checks, and runs as fast as one without a deadline.
    /// Right when tight loops matter and timeouts are rare: each costs a worker, and a task that writes to a directory may
    /// be cut off in the middle of a write. The deadline must be 30 ms at least.
    Kill,
}

/// Makes outputs depend on nothing but the program, the inputs and these settings: not on how many workers there are, in
/// which order tasks run, how often, or how fast the machine is.
///
/// Random numbers are made from the seed, the input's bytes and its [`crate::Input::occurrence`]. Clocks are each task's
/// own: see [`Determinism::EPOCH`]. What WebAssembly leaves to processors is fixed, and fuel takes the place of time:
/// [`crate::model::limits::DETERMINISTIC_FUEL`] unless [`crate::Limits::fuel`] is set. A pool like this has no deadline, no shared
/// state, no writable directory, and fresh instances. An input that has a deadline of its own keeps it, and is exempt. What a
/// program reads in granted directories is a part of its input.
///
/// What a machine cannot do does not count: a worker that the kernel kills, and a task that is stopped by the backstop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Determinism {
    /// Determines the random numbers of a task, together with its input.
    pub seed: u64,
    /// Wall time after which a task is a `timeout` all the same, because fuel does not run while it waits for a file or
    /// fills its memory again and again. Here two machines may disagree, so it is to be far more than any task needs.
    pub backstop: Duration,
}

impl Determinism {
    /// Where a task's clocks begin: midnight of 1 January 2000, as a Unix time. The monotonic one begins at 0.
    pub const EPOCH: Duration = Duration::from_secs(946_684_800);
    /// How much later it is with each look at a clock. Beside this only sleeping takes time, in whole milliseconds, and
    /// it is over at once.
    pub const STEP: Duration = Duration::from_micros(1);
}

impl Default for Determinism {
    /// Seed 0, and a backstop of ten minutes.
    fn default() -> Self {
        Determinism { seed: 0, backstop: Duration::from_secs(600) }
    }
}
