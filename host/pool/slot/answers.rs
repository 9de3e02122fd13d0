//! What a worker sends, and what it amounts to.

use std::time::Duration;

use super::Attendant;
use crate::event::Event;
use crate::outcome::{Failure, Measured, Outcome, Receipt, Status};
use crate::pool::shared::State;
use crate::setup::AnswerDetail;
use crate::wire::{self, Answer, Frame, Kind, WireError};

impl Attendant<'_> {
    /// Takes the frames that have arrived.
    pub(super) fn receive(&mut self) -> Result<(), WireError> {
        while let Some(frame) = self.worker.decoder.pop()? {
            if frame.kind != Kind::Answers {
                return Err(WireError::Unexpected(frame.kind));
            }
            self.sizer.learn(frame.count, frame.busy);
            self.settle(frame)?;
        }
        Ok(())
    }

    fn settle(&mut self, frame: Frame) -> Result<(), WireError> {
        let shared = self.shared;
        let mut state = shared.lock();
        let now = shared.now();
        state.stats.busy += Duration::from_nanos(frame.busy);
        // The tasks of a frame followed each other, and the last of them ended just now.
        let mut began = now.saturating_sub(frame.busy);
        let mut index = frame.first;
        for answer in wire::answers(frame.payload, frame.count) {
            let (outcome, mut receipt) = self.outcome(answer?)?;
            let task = state.queue.first_in_flight(self.slot).ok_or(WireError::TooMany)?;
            receipt.wait = Duration::from_nanos(began.saturating_sub(task.accepted));
            began = began.saturating_add(receipt.wall.as_nanos() as u64);
            let bytes_in = task.input.bytes.len();
            state.stats.count(bytes_in, outcome.output().map_or(0, |output| output.len()), &receipt);
            self.tell_start(&mut state, index);
            state.queue.answer(self.slot, index, (outcome, receipt), now)?;
            index = index.wrapping_add(1);
            self.useful = true;
            state.failures = None;
        }
        if state.queue.has_new_sleepers() {
            shared.sleepers.notify_one();
        }
        Ok(())
    }

    /// Tells that the task at `index` has begun, unless it was told.
    pub(super) fn tell_start(&mut self, state: &mut State, index: u32) {
        if self.told.wrapping_sub(index) as i32 > 0 {
            return;
        }
        self.told = index.wrapping_add(1);
        let slot = self.slot as u32;
        if let Some(task) = state.queue.task_at(self.slot, index) {
            state.queue.outbox.task_event(|| Event::TaskStarted { task, slot });
        }
    }

    /// An answer as an outcome; the worker's claims about it are checked against the limits.
    fn outcome(&self, answer: Answer) -> Result<(Outcome, Receipt), WireError> {
        let limit = self.shared.config.limits.output;
        if answer.output.len() as u64 > limit {
            return Err(WireError::Output { length: answer.output.len(), limit });
        }
        let head = answer.head;
        let wall = Duration::from_micros(u64::from(head.wall_us));
        let mut receipt = Receipt { layer: head.layer, slot: Some(self.slot as u32), wall, ..Receipt::host() };
        if answer.detail.is_empty() && head.status == Status::Ok {
            return Ok((Outcome::Ok(answer.output), receipt));
        }
        let detail: AnswerDetail =
            serde_json::from_slice(&answer.detail).map_err(|error| WireError::Text(error.to_string()))?;
        if self.shared.config.receipts {
            receipt.measured = Some(Box::new(Measured { peak_memory: detail.peak_memory, stderr: detail.stderr }));
        }
        if head.status == Status::Ok {
            return Ok((Outcome::Ok(answer.output), receipt));
        }
        let output = (!answer.output.is_empty()).then_some(answer.output);
        let failure = Failure { status: head.status, output, error: detail.error.unwrap_or_default() };
        Ok((Outcome::NotOk(Box::new(failure)), receipt))
    }
}
