//! The limits of one task, as its store enforces them.

use std::time::Instant;

use thiserror::Error;
use wasmtime::{ResourceLimiter, UpdateDeadline};

use crate::limits::MAX_TABLE_ELEMENTS;

/// Why wpool itself stopped a guest.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(super) enum Stopped {
    #[error("deadline reached in guest code")]
    Epoch,
    #[error("deadline reached in a host call")]
    Timer,
    #[error("more output than allowed")]
    Output,
    #[error("{0}")]
    Abi(String),
    /// `init` did not do what it is for. The code says whether a snapshot would be to blame.
    #[error("{message}")]
    Init { code: &'static str, message: String },
    /// It called an import that it has only to be loaded.
    #[error("{0}")]
    Denied(String),
}

/// Accounts for a task's memory, and remembers what it was denied.
#[derive(Debug)]
pub(super) struct Guard {
    limit: u64,
    used: u64,
    /// The most that was in use.
    pub peak: u64,
    /// A request for memory was denied.
    pub denied: bool,
    pub deadline: Option<Instant>,
    /// When the instance had been made.
    pub ready: Option<Instant>,
}

impl Guard {
    pub fn new(limit: u64, deadline: Option<Instant>) -> Self {
        Guard { limit, used: 0, peak: 0, denied: false, deadline, ready: None }
    }

    /// Takes the limits away, for what wpool does itself.
    pub fn lift(&mut self) {
        self.limit = u64::MAX;
        self.deadline = None;
    }

    /// What happens at the end of each epoch.
    pub fn epoch(&self) -> wasmtime::Result<UpdateDeadline> {
        match self.deadline {
            Some(deadline) if Instant::now() >= deadline => Err(Stopped::Epoch.into()),
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
        if allowed && possible {
            self.used += more;
            self.peak = self.peak.max(self.used);
        }
        Ok(allowed)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let allowed = desired as u64 <= MAX_TABLE_ELEMENTS;
        self.denied |= !allowed;
        Ok(allowed)
    }
}
