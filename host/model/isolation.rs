//! Isolation of tasks: from each other, from the time, and from chance.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The kernel's page size where instances can be put back: a fault makes one such page writable, and it was copied
/// before.
pub(crate) const WATCHED_PAGE: usize = 4 << 10;

/// The isolation of tasks from each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Isolation {
    /// [`Isolation::Reset`] where it is proven to be as good as a fresh instance, otherwise [`Isolation::Fresh`].
    #[default]
    Auto,
    /// Each task has a fresh instance and sees nothing of any other.
    Fresh,
    /// A worker keeps its instance and, after each task, puts it back to its state before the first: the pages of
    /// memory that were written, and the globals. A task sees nothing of any other, at a fraction of the cost. This
    /// needs a program whose whole state is within reach ([`crate::report::Report::resettable`]), and no directories. An
    /// instance is dropped if its task did anything but return. So is an instance of a component if its task has used a
    /// handle, such as that of a stream. [`crate::isolation`] says why this is sound.
    Reset,
    /// A worker keeps its instance for the next task, up to this number of tasks; with `None` without end. A task finds
    /// in memory and globals what its predecessor left, including memory that the program forgets to free. The
    /// distribution of the work decides which task is the predecessor. An instance that traps, or is stopped at a
    /// limit, is dropped with its task.
    Reuse(Option<NonZeroU32>),
    /// Like `Reuse(None)`, with checks: a worker's first 32 tasks, then one of 256, run a second time in a fresh
    /// instance, within the same deadline. Where the two results differ, the fresh one counts, the worker gives every
    /// task a fresh instance from then on, and the pool reports a warning.
    Checked,
}

impl Isolation {
    /// Whether tasks see nothing of each other.
    pub fn isolates(self) -> bool {
        matches!(self, Isolation::Auto | Isolation::Fresh | Isolation::Reset)
    }
}

/// The way to stop a task at the pool's deadline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Interrupt {
    /// By the worker: the program is compiled with checks in its loops, which cost a quarter in the mean and up to 3.7
    /// times in the tightest. A task is stopped within some 10 ms, and its worker continues. Right when timeouts happen
    /// often, or tasks are short.
    #[default]
    Epoch,
    /// By the host: it kills the worker within some 10 ms of the deadline, or later while the host itself has to wait
    /// for a processor, and starts another. The program is compiled without checks, and runs as fast as without a
    /// deadline. Right when tight loops matter and timeouts are rare: each costs a worker, and may interrupt a task in
    /// the middle of a write to a directory. The deadline must be 30 ms at least.
    Kill,
}

/// Makes outputs depend only on the program, the inputs and these settings. The number of workers, the order of tasks,
/// retries and the speed of the machine have no effect.
///
/// Random numbers are made from the seed, the input's bytes and its [`crate::Input::occurrence`]. Each task has clocks
/// of its own: see [`Determinism::EPOCH`]. Results that WebAssembly leaves to processors are fixed, and fuel takes the
/// place of time: [`crate::model::limits::DETERMINISTIC_FUEL`] unless [`crate::Limits::fuel`] is set. Such a pool has
/// no deadline, no shared state, no writable directory, and instances that are fresh or put back. An input with a
/// deadline of its own keeps it, and is exempt. Files that a program reads in granted directories are a part of its
/// input.
///
/// Failures of a machine are exempt: a worker that the kernel kills, and a task that the backstop stops.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Determinism {
    /// Determines the random numbers of a task, together with its input.
    pub seed: u64,
    /// Wall time after which a task is a `timeout` all the same, because fuel does not run while it waits for a file or
    /// fills its memory again and again. Here two machines may disagree, so set it far above the need of any task.
    pub backstop: Duration,
}

impl Determinism {
    /// The beginning of a task's clocks: midnight of 1 January 2000, as a Unix time. The monotonic clock begins at 0.
    pub const EPOCH: Duration = Duration::from_secs(946_684_800);
    /// The step of a clock at each look. Apart from it, clocks advance only by sleeping, in whole milliseconds, and a
    /// sleep ends at once.
    pub const STEP: Duration = Duration::from_micros(1);
}

impl Default for Determinism {
    /// Seed 0, and a backstop of ten minutes.
    fn default() -> Self {
        Determinism { seed: 0, backstop: Duration::from_secs(600) }
    }
}
