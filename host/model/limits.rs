//! Limits of a task. A single struct reaches every layer that enforces a part of it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Longest input in bytes. The host and then a worker hold a whole row in memory, so it needs a bound.
pub const MAX_INPUT: usize = 64 << 20;

/// Largest value of [`Limits::output`]: an answer travels in one frame, whose length is a `u32`.
pub const MAX_OUTPUT: u64 = 1 << 30;

/// Largest value of [`Limits::memory`]: the address space of a 32-bit guest.
pub const MAX_MEMORY: u64 = 4 << 30;

/// Most elements of a program's table, at its start or after growth. A table entry is a pointer, so this is 8 MiB each;
/// the largest real programs (CPython, compilers) have some 20 000.
pub const MAX_TABLE_ELEMENTS: u64 = 1 << 20;

/// Largest core dump of a task. It travels in one frame, and the host holds it whole.
pub const MAX_CORE_DUMP: usize = 1 << 30;

/// Fuel of a task in a deterministic pool that sets none: some seconds of work.
pub const DETERMINISTIC_FUEL: u64 = 10_000_000_000;

/// A number of bytes in words, in the largest unit up to MiB that divides it.
pub(crate) fn in_words(bytes: u64) -> String {
    match bytes {
        0 => "0 bytes".to_owned(),
        _ if bytes.is_multiple_of(1 << 20) => format!("{} MiB", bytes >> 20),
        _ if bytes.is_multiple_of(1 << 10) => format!("{} KiB", bytes >> 10),
        _ => format!("{bytes} bytes"),
    }
}

/// Limits of one task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Wall time of a task, from instantiation to its answer. `None` compiles the program without the checks that
    /// a deadline needs, which cost a quarter in tight loops; so does [`crate::Interrupt::Kill`].
    pub deadline: Option<Duration>,
    /// Processor time of a task, with that of all threads of its worker meanwhile. Time in which a busy machine gives the
    /// worker no processor does not count, and neither does a guest's sleep. It is kept by the same checks as a deadline,
    /// once in 10 ms, whatever [`crate::Interrupt`] says.
    pub cpu: Option<Duration>,
    /// Work of a task, from instantiation to its answer, in the engine's units: most instructions take one. It is the
    /// same for the same program and input wherever they run, but is not a measure of time: filling a memory is one
    /// instruction. `None` compiles the program without counting, which costs a quarter. Must not be 0. The one run of
    /// `init` has no fuel, only its time. An `init` that runs in each instance counts for the task of that instance.
    pub fuel: Option<u64>,
    /// Linear memory in bytes, all memories of the program together.
    pub memory: u64,
    /// Output in bytes.
    pub output: u64,
    /// Bytes kept of a task's stderr: half from its beginning, half from its end.
    pub stderr: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { deadline: None, cpu: None, fuel: None, memory: 512 << 20, output: 16 << 20, stderr: 64 << 10 }
    }
}

/// Limits of the process that compiles a program: compiling hostile code is itself an attack. 4 MB of valid WebAssembly
/// have been seen to take 31 s and 5.4 GiB.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompileLimits {
    /// CPU time. The limit of wall time is twice as much.
    pub time: Duration,
    /// Data memory in bytes.
    pub memory: u64,
}

impl Default for CompileLimits {
    fn default() -> Self {
        CompileLimits { time: Duration::from_secs(120), memory: 4 << 30 }
    }
}
