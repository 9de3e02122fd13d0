//! Calls of shared state: checked, carried out, and answered over the pipe of the call.

use std::time::{Duration, Instant};

use crate::pool::queue::Queue;
use crate::protocol::state_calls::{Reply, Request};
use crate::protocol::wire::{self, Frame, Kind, WireError};
use crate::state::SharedState;

/// The calls of one worker. A worker has one call at a time, so one that does not read makes the host hold only one
/// reply.
#[derive(Debug)]
pub(super) struct StateCalls {
    state: Option<SharedState>,
    /// The frame of a reply, and how much of it is written.
    reply: Vec<u8>,
    written: usize,
    /// When the worker came up: its tasks cannot have waited longer than since then.
    since: Instant,
    waited: Duration,
}

impl StateCalls {
    pub fn new(state: Option<SharedState>) -> StateCalls {
        StateCalls { state, reply: Vec::new(), written: 0, since: Instant::now(), waited: Duration::ZERO }
    }

    /// Bytes to be written to the worker.
    pub fn unwritten(&self) -> &[u8] {
        &self.reply[self.written..]
    }

    pub fn wrote(&mut self, count: usize) {
        self.written += count;
        if self.written == self.reply.len() {
            self.reply = Vec::new();
            self.written = 0;
        }
    }

    /// Drops the reply, which nobody will read.
    pub fn forget(&mut self) {
        self.wrote(self.unwritten().len());
    }

    /// Carries out a call. `next` is the index that the worker would begin next. On an error the worker must be killed:
    /// it called for a task that it does not run, or again before the reply.
    pub fn carry_out(&mut self, queue: &mut Queue, slot: usize, next: u32, call: Frame) -> Result<(), WireError> {
        let Some(state) = &self.state else { return Err(WireError::Unexpected(Kind::StateCall)) };
        let task = queue.caller(slot, next, call.first).filter(|_| self.reply.is_empty());
        let task = task.ok_or(WireError::StateTurn)?;
        let request = Request::decode(call.payload)?;
        let (reply, changed) = state.call(request);
        task.dirty |= changed;
        let waited = Duration::from_nanos(call.times.busy).min(self.since.elapsed().saturating_sub(self.waited));
        self.waited += waited;
        state.waited(waited);
        self.send(&reply);
        Ok(())
    }

    fn send(&mut self, reply: &Reply) {
        self.reply = wire::frame(Kind::StateReply, &reply.encode());
    }
}
