//! The limits of one task, as its store enforces them.

use std::time::{Duration, Instant};

use thiserror::Error;
use wasmtime::{ResourceLimiter, UpdateDeadline};

use super::time::{ActiveTime, processor_time};
use crate::model::error::RefusalCode;
use crate::model::limits::MAX_TABLE_ELEMENTS;
use crate::model::outcome::ErrorDetail;

/// The reason for which wpool itself stopped a guest.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(super) enum Stopped {
    #[error("deadline reached in guest code")]
    Epoch,
    #[error("deadline reached in a host call")]
    Timer,
    #[error("processor time used up in guest code")]
    Cpu,
    #[error("more output than allowed")]
    Output,
    #[error("{0}")]
    Abi(String),
    /// `init` did not prepare the program.
    #[error("{message}")]
    Init { code: RefusalCode, message: String },
    /// A script did not start, with the error in its own words.
    #[error("{}", .0.message)]
    Script(Box<ErrorDetail>),
    /// The guest called an import that exists only to be linked.
    #[error("{0}")]
    Denied(String),
}

/// The error of an `init` after which no snapshot can be made.
pub(super) fn no_snapshot(message: String) -> wasmtime::Error {
    Stopped::Init { code: RefusalCode::Snapshot, message }.into()
}

/// The moment of the worker's active time by which a task must have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Deadline {
    at: Duration,
    /// The task's whole time.
    pub length: Duration,
}

impl Deadline {
    pub fn new(length: Duration, time: &ActiveTime) -> Self {
        Deadline { at: time.after(length), length }
    }

    /// The remaining time; zero at the deadline and after it.
    pub fn left(self, time: &ActiveTime) -> Duration {
        self.at.saturating_sub(time.now())
    }
}

/// The processor time of this process by which a task must have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CpuLimit {
    at: Duration,
    /// The task's whole processor time.
    pub length: Duration,
}

impl CpuLimit {
    pub fn new(length: Duration) -> Self {
        CpuLimit { at: processor_time().saturating_add(length), length }
    }
}

/// When a task is stopped.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Times {
    pub deadline: Option<Deadline>,
    pub cpu: Option<CpuLimit>,
}

/// Accounts for a task's memory, and remembers denied requests.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guard {
    limit: u64,
    used: u64,
    /// The most memory that was in use.
    pub peak: u64,
    /// A request for memory was denied.
    pub denied: bool,
    /// The last request for memory was allowed.
    granted: u64,
    pub times: Times,
    /// When the task's instance had been made; `None` when it existed before.
    pub ready: Option<Instant>,
}

impl Guard {
    pub fn new(limit: u64) -> Self {
        Guard { limit, used: 0, peak: 0, denied: false, granted: 0, times: Times::default(), ready: None }
    }

    /// Begins a task. Memory of earlier tasks of the same instance stays in use.
    pub fn begin(&mut self, own: Times) {
        let Guard { limit: _, used, peak, denied, granted, times, ready } = self;
        (*peak, *denied, *granted, *times, *ready) = (*used, false, 0, own, None);
    }

    /// Marks the instance as made. Memory that its start or its `init` was denied counts for none of its tasks: a kept
    /// instance would count it for the first of them alone.
    pub fn made(&mut self) {
        self.ready = Some(Instant::now());
        self.denied = false;
    }

    /// The memory that is in use.
    pub fn used(&self) -> u64 {
        self.used
    }

    /// Counts memory beyond `used` as given back.
    pub fn shrink(&mut self, used: u64) {
        self.used = used;
    }

    /// Counts all memories of an instance over which a state was laid. The host has checked that they are within the limit.
    pub fn own(&mut self, bytes: u64) {
        self.used = bytes;
        self.peak = self.peak.max(bytes);
    }

    /// Removes the limits, for wpool's own work.
    pub fn lift(&mut self) {
        self.limit = u64::MAX;
        self.times = Times::default();
    }

    /// Called at the end of each epoch.
    pub fn epoch(&self, time: &ActiveTime) -> wasmtime::Result<UpdateDeadline> {
        match self.times {
            Times { deadline: Some(deadline), .. } if deadline.left(time).is_zero() => Err(Stopped::Epoch.into()),
            Times { cpu: Some(limit), .. } if processor_time() >= limit.at => Err(Stopped::Cpu.into()),
            _ => Ok(UpdateDeadline::Continue(1)),
        }
    }
}

impl ResourceLimiter for Guard {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current) as u64;
        let allowed = self.used.saturating_add(more) <= self.limit;
        let possible = maximum.is_none_or(|maximum| desired <= maximum);
        self.denied |= !allowed;
        self.granted = if allowed && possible { more } else { 0 };
        self.used += self.granted;
        self.peak = self.peak.max(self.used);
        Ok(allowed)
    }

    /// The limit allowed the memory, but the system had none: the process or the machine is at its own limit.
    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        let granted = std::mem::take(&mut self.granted);
        self.denied |= granted > 0;
        self.used -= granted;
        Ok(())
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let allowed = desired as u64 <= MAX_TABLE_ELEMENTS;
        self.denied |= !allowed;
        Ok(allowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn is_over(guard: &Guard, time: &ActiveTime) -> bool {
        guard.epoch(time).is_err()
    }

    fn until(deadline: Deadline) -> Times {
        Times { deadline: Some(deadline), cpu: None }
    }

    #[test]
    fn time_in_which_the_worker_was_stopped_counts_for_no_deadline() {
        let time = ActiveTime::default();
        let mut guard = Guard::new(0);
        guard.begin(until(Deadline::new(SECOND, &time)));
        time.pass(SECOND * 3_600);
        assert!(!is_over(&guard, &time));
        (0..99).for_each(|_| time.pass(Duration::from_millis(10)));
        assert!(is_over(&guard, &time));
    }

    #[test]
    fn a_deadline_is_never_kept_too_early() {
        let time = ActiveTime::default();
        let mut guard = Guard::new(0);
        guard.begin(until(Deadline::new(SECOND, &time)));
        (0..100).for_each(|_| time.pass(Duration::from_millis(10)));
        assert!(!is_over(&guard, &time), "the first tick may have come at once");
        time.pass(Duration::from_millis(10));
        assert!(is_over(&guard, &time));
    }

    #[test]
    fn each_task_of_an_instance_has_its_own_deadline_and_denials() {
        let time = ActiveTime::default();
        let mut guard = Guard::new(100);
        guard.begin(until(Deadline::new(SECOND, &time)));
        assert!(guard.memory_growing(0, 80, None).unwrap() && !guard.memory_growing(80, 160, None).unwrap());
        time.pass(SECOND * 2);
        (0..200).for_each(|_| time.pass(Duration::from_millis(10)));
        guard.begin(until(Deadline::new(SECOND, &time)));
        assert!(!is_over(&guard, &time) && !guard.denied);
        assert_eq!(guard.peak, 80, "what an instance has it keeps");
        assert!(!guard.memory_growing(80, 120, None).unwrap());
    }
}
