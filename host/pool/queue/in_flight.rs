//! Tasks that one slot's worker has, by the indexes under which the worker knows them.

use super::work::Works;
use crate::protocol::wire::WireError;

/// Tasks that a worker has and has not answered, in the order in which it runs them.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    pub tasks: Works,
    /// Index of the first of `tasks` in the worker's life.
    pub first: u32,
    /// The index after the last that was ever leased; no index is used twice.
    pub unused: u32,
    /// A suspect is in here, and nothing may join it.
    pub alone: bool,
    /// Tasks were taken back, so what follows would not be contiguous.
    pub recalled: bool,
}

impl InFlight {
    /// Whether the worker may answer the task at `index` now.
    pub fn expect(&self, index: u32) -> Result<(), WireError> {
        if index == self.first { Ok(()) } else { Err(WireError::Index { got: index, expected: self.first }) }
    }

    pub fn end(&self) -> u32 {
        self.first.wrapping_add(self.tasks.len() as u32)
    }

    /// How many tasks the worker has begun, if `next` is the index it would begin next. A claim word that makes no
    /// sense comes from a captured worker: the first task is then taken as begun.
    pub fn begun(&self, next: u32) -> usize {
        let begun = next.wrapping_sub(self.first) as usize;
        if begun <= self.tasks.len() { begun } else { 1.min(self.tasks.len()) }
    }
}
