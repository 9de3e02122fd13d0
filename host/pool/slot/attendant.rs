//! A slot while it has a worker.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::health::Health;
use super::sizer::Sizer;
use super::state_calls::StateCalls;
use crate::model::profile::Profile;
use crate::pool::shared::Shared;
use crate::pool::worker::{Spare, Worker};
use crate::protocol::wire::Encoder;

/// A slot's data about its worker and the worker's tasks.
pub(super) struct Attendant<'a> {
    pub shared: &'a Arc<Shared>,
    pub slot: usize,
    /// The number of workers that the slot had before this one.
    pub generation: u32,
    pub worker: Worker,
    pub sizer: Sizer,
    pub frame: Encoder,
    /// Bytes of `frame` that are still to be written.
    pub unwritten: std::ops::Range<usize>,
    pub calls: StateCalls,
    pub health: Health,
    /// Tasks that may still be leased before the worker is replaced.
    pub left: usize,
    /// The index after the last task whose start was reported.
    pub told: u32,
    /// The worker has answered a task.
    pub useful: bool,
    /// The replacement, while it starts.
    pub spare: Option<Spare>,
    /// A core dump that arrived ahead of its answer.
    pub core_dump: Option<Bytes>,
    /// A profile that arrived ahead of its answer.
    pub profile: Option<Profile>,
}

impl<'a> Attendant<'a> {
    pub fn new(shared: &'a Arc<Shared>, slot: usize, generation: u32, worker: Worker) -> Self {
        Attendant {
            shared,
            slot,
            generation,
            worker,
            sizer: Sizer::new(shared.config.chunksize),
            frame: Encoder::default(),
            unwritten: 0..0,
            calls: StateCalls::new(shared.config.state.clone()),
            health: Health::new(Instant::now(), !shared.config.kills_at_deadline()),
            left: shared.config.max_tasks_per_worker.map_or(usize::MAX, |most| most.get() as usize),
            told: shared.lock().queue.next_index(slot),
            useful: false,
            spare: None,
            core_dump: None,
            profile: None,
        }
    }
}
