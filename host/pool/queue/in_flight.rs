//! Tasks of one slot's worker, by the indexes under which the worker knows them.

use super::work::Works;
use crate::protocol::wire::WireError;

/// Tasks that a worker has and has not answered, in the order in which it runs them.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    pub tasks: Works,
    /// Index of the first of `tasks` in the worker's life.
    pub first: u32,
    /// The index after the last leased one. Each index is used only once.
    pub unused: u32,
    /// The worker has a suspect, which must stay alone.
    pub alone: bool,
    /// Tasks were taken back, so the indexes of further tasks would not be contiguous.
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

    /// The number of tasks that the worker has begun, if `next` is the index it would begin next. A nonsensical claim
    /// word comes from a captured worker: the first task then counts as begun.
    pub fn begun(&self, next: u32) -> usize {
        let begun = next.wrapping_sub(self.first) as usize;
        if begun <= self.tasks.len() { begun } else { 1.min(self.tasks.len()) }
    }
}
