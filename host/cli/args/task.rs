//! Options about tasks, which several commands that run them have.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueHint;
use wpool::{Interrupt, Scratch};

use crate::cli::units::{at_least_one, large_size, memory, size, time};

/// The grants of tasks, and their bounds.
#[derive(Debug, clap::Args)]
pub struct TaskOptions {
    #[command(flatten)]
    pub limits: Limits,
    #[command(flatten)]
    pub determinism: Determinism,
    #[command(flatten)]
    pub grants: Grants,
    #[command(flatten)]
    pub state: SharedState,
}

impl TaskOptions {
    /// The options for a run that writes nothing.
    pub(super) fn without_files(self) -> TaskOptions {
        TaskOptions { state: SharedState { state_out: None, ..self.state }, ..self }
    }
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Preparation")]
pub struct Initializer {
    /// Argument of the program's init: JSON, or @FILE for a file's bytes
    #[arg(long, value_name = "JSON|@FILE")]
    pub init_arg: Option<String>,
    /// Limit of the wall time of init [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with = "init_each", allow_negative_numbers = true)]
    pub init_timeout: Option<Duration>,
    /// Run init before each task, in its instance, not once for all tasks
    #[arg(long)]
    pub init_each: bool,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Limits of a task")]
pub struct Limits {
    /// Limit of a task's wall time, such as 1.5s [default: none]
    #[arg(long, value_name = "TIME", value_parser = time, allow_negative_numbers = true)]
    pub timeout: Option<Duration>,
    /// How a task is stopped at its timeout [default: epoch]
    ///   epoch  By checks in its code: for frequent timeouts or short tasks
    ///   kill   By a kill of its worker: for tight loops and rare timeouts
    #[arg(long, value_name = "HOW", value_parser = interrupt, default_value = "epoch", requires = "timeout",
        hide_default_value = true, verbatim_doc_comment)]
    pub interrupt: Interrupt,
    /// Limit of a task's processor time, which a busy machine does not use up [default: none]
    #[arg(long, value_name = "TIME", value_parser = time, allow_negative_numbers = true)]
    pub cpu_time: Option<Duration>,
    /// Limit of a task's work; most instructions take one unit [default: none, or 10000000000 with
    /// --deterministic]
    #[arg(long, value_name = "N", value_parser = at_least_one::<NonZeroU64>, allow_negative_numbers = true)]
    pub fuel: Option<NonZeroU64>,
    /// Limit of a task's memory
    #[arg(long, value_name = "SIZE", value_parser = memory, default_value = "512MiB")]
    pub memory: u64,
    /// Limit of a task's output
    #[arg(long, value_name = "SIZE", value_parser = size, default_value = "16MiB")]
    pub max_output: u64,
    /// Limit of the CPU time for compiling the program
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "120s")]
    pub compile_timeout: Duration,
    /// Limit of the memory for compiling the program
    #[arg(long, value_name = "SIZE", value_parser = large_size, default_value = "4GiB")]
    pub compile_memory: u64,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Determinism")]
pub struct Determinism {
    /// Give the same outputs in every run: random numbers from a seed and the row, clocks of the task's own,
    /// fuel instead of time
    #[arg(long, conflicts_with_all = ["timeout", "cpu_time", "interrupt", "state", "state_in", "state_out"])]
    pub deterministic: bool,
    /// Seed of the random numbers [default: 0]
    #[arg(long, value_name = "N", requires = "deterministic", allow_negative_numbers = true)]
    pub seed: Option<u64>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Grants")]
pub struct Grants {
    /// Grant a directory: HOST[::GUEST][:ro|:rw], read-only unless :rw; {} or {.field} in HOST stands for
    /// the row (repeatable)
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub dir: Vec<String>,
    /// Give each task an empty directory of its own, in memory, which is gone after it: GUEST[=SIZE] [default size: 64MiB]
    #[arg(long, value_name = "GUEST[=SIZE]", value_parser = scratch)]
    pub scratch: Option<Scratch>,
    /// Give the program an environment variable; without =V, with the caller's value (repeatable)
    #[arg(long, value_name = "K[=V]")]
    pub env: Vec<String>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Shared state")]
pub struct SharedState {
    /// Let tasks share state: the wasi:keyvalue of a component is one store for the whole run
    #[arg(long)]
    pub state: bool,
    /// Start with the keys and values of FILE, a JSON object; implies --state
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub state_in: Option<PathBuf>,
    /// Write the keys and values to FILE at the end, however the tasks ended; implies --state
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub state_out: Option<PathBuf>,
}

/// A scratch directory, such as `/tmp=1GiB`.
fn scratch(text: &str) -> Result<Scratch, String> {
    let (guest, typed) = text.rsplit_once('=').map_or((text, None), |(guest, size)| (guest, Some(size)));
    if guest.is_empty() {
        return Err("expected GUEST[=SIZE], such as /tmp or /tmp=1GiB".to_owned());
    }
    let base = Scratch::new(guest);
    Ok(Scratch { size: typed.map(large_size).transpose()?.unwrap_or(base.size), ..base })
}

fn interrupt(text: &str) -> Result<Interrupt, String> {
    match text {
        "epoch" => Ok(Interrupt::Epoch),
        "kill" => Ok(Interrupt::Kill),
        _ => Err("expected epoch or kill".to_owned()),
    }
}
