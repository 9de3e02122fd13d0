//! Tasks on their way to a worker.

use super::machine::Queue;
use super::task::Task;
use super::work::Work;
use crate::protocol::wire::{self, Encoder, FRAME_TARGET};

/// A new lease. Its tasks are in the encoder.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::pool) struct Lease {
    pub first: u32,
    pub end: u32,
    /// The worker had nothing left to claim, so its claim word starts anew.
    pub fresh: bool,
}

impl Queue {
    /// Leases up to `rows` tasks to a slot and appends them to `frame`. Suspects go first and alone.
    pub fn lease(&mut self, slot: usize, rows: usize, frame: &mut Encoder) -> Option<Lease> {
        let place = &self.slots[slot];
        let idle = place.tasks.is_empty();
        if !idle && (place.alone || place.recalled) {
            return None;
        }
        // The outbox holds outputs, so nothing is added while reports are too slow.
        if self.outbox.is_full() {
            return None;
        }
        let alone = idle && self.suspects.iter().any(|suspect| self.may_go(suspect) > 0);
        let (mut count, mut most) = (0, if alone { 1 } else { rows });
        while count < most && frame.len() < FRAME_TARGET {
            let Some(work) = self.next_work(alone, most - count, frame) else { break };
            if let Some(run) = work.run() {
                most = most.min(self.runs.chunksize(run));
            }
            count += work.len();
            self.slots[slot].tasks.push_back(work);
        }
        if count == 0 {
            return None;
        }
        let place = &mut self.slots[slot];
        if idle {
            place.first = place.unused;
            place.recalled = false;
        }
        place.alone = alone;
        place.unused = place.end();
        Some(Lease { first: place.end().wrapping_sub(count as u32), end: place.end(), fresh: idle })
    }

    /// Moves the oldest work that may be leased to `frame`: up to `most` tasks, and as long as there is room.
    fn next_work(&mut self, suspect: bool, most: usize, frame: &mut Encoder) -> Option<Work> {
        let from = if suspect { &self.suspects } else { &self.pending };
        // Nearly always the first: a run whose outputs nobody takes must not hold up the others.
        let (at, work) = from.iter().enumerate().find(|(_, work)| self.may_go(work) > 0)?;
        let count = match work {
            // A long row gets a frame of its own, so that a frame is bounded by its target and one row.
            Work::One(task) if !frame.is_empty() && frame.len() + task.input.size() > FRAME_TARGET => 0,
            Work::One(task) => {
                frame.push_task(&task.for_wire());
                1
            }
            Work::Many(stretch) => {
                let chunksize = self.runs.chunksize(stretch.run).saturating_sub(frame.count() as usize);
                frame.push_rows(&stretch.rows, most.min(self.may_go(work)).min(chunksize))
            }
        };
        if count == 0 {
            return None;
        }
        if suspect {
            return self.suspects.take(at, count);
        }
        let work = self.pending.take(at, count)?;
        self.runs.waits_no_more(work.run(), count);
        Some(work)
    }

    fn may_go(&self, work: &Work) -> usize {
        work.run().map_or(usize::MAX, |run| self.runs.may_go(run, work.id()))
    }
}

impl Task {
    fn for_wire(&self) -> wire::Task<'_> {
        let input = &self.input;
        let (deadline, function) = (input.deadline(), input.function());
        let occurrence = input.occurrence_number();
        wire::Task { bytes: &input.bytes, name: input.name.as_deref(), deadline, function, occurrence }
    }
}
