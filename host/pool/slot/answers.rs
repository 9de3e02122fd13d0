//! Frames from a worker, and their meaning for its tasks.

use std::time::Duration;

use super::attendant::Attendant;
use crate::model::event::Event;
use crate::model::outcome::{Failure, Measured, Outcome, Receipt, Status};
use crate::model::profile::Profile;
use crate::model::spot::bounded;
use crate::pool::inner::PoolState;
use crate::pool::queue::SpanTimes;
use crate::protocol::footprint::Footprint;
use crate::protocol::setup::{AnswerDetail, Notice};
use crate::protocol::wire::{Answer, Answers, Frame, Kind, WireError};

impl Attendant<'_> {
    /// Takes the frames that have arrived.
    pub(super) fn receive(&mut self) -> Result<(), WireError> {
        while let Some(frame) = self.worker.decoder.pop()? {
            match frame.kind {
                Kind::Answers => {
                    self.sizer.learn(frame.count, frame.times.busy);
                    self.settle(frame)?;
                }
                Kind::Notice => self.notice(&frame)?,
                Kind::CoreDump if self.shared.config.task.post_mortem => self.core_dump = Some(frame.payload),
                Kind::Profile if self.shared.config.task.profile.is_some() => self.profile = Some(profile(&frame)?),
                Kind::StateCall => {
                    let next = self.worker.page.next();
                    self.calls.carry_out(&mut self.shared.lock().queue, self.slot, next, frame)?;
                }
                kind => return Err(WireError::Unexpected(kind)),
            }
        }
        Ok(())
    }

    /// Reports a worker's notice, once in a pool's life, because all workers notice the same.
    fn notice(&self, frame: &Frame) -> Result<(), WireError> {
        let notice: Notice =
            serde_json::from_slice(&frame.payload).map_err(|error| WireError::Text(error.to_string()))?;
        let mut state = self.shared.lock();
        if !std::mem::replace(&mut state.noticed, true) {
            state.queue.outbox.event(Event::Warning(notice.warning()));
        }
        Ok(())
    }

    fn settle(&mut self, frame: Frame) -> Result<(), WireError> {
        let shared = self.shared;
        let mut state = shared.lock();
        if state.gave_up {
            // All tasks have settled, so this worker's tasks belong to nobody.
            return Ok(());
        }
        let now = shared.now();
        let times = frame.times;
        state.stats.busy += Duration::from_nanos(times.busy);
        state.stats.start += Duration::from_nanos(times.start);
        // The tasks of a frame ran one after another, and the last of them ended just now.
        let mut began = now.saturating_sub(times.busy);
        let mut index = frame.first;
        let mut answers = Answers::new(frame.payload, frame.count);
        loop {
            if let Some((plain, busy)) = self.settle_in_a_row(&mut state, &mut answers, (index, began))? {
                index = index.wrapping_add(plain);
                began = began.saturating_add(busy);
                continue;
            }
            let Some(answer) = answers.next() else { break };
            let (outcome, mut receipt) = self.outcome(answer?)?;
            let (accepted, bytes_in) = state.queue.due(self.slot, index)?;
            receipt.wait = Duration::from_nanos(began.saturating_sub(accepted));
            receipt.began = Duration::from_nanos(began);
            began = began.saturating_add(receipt.wall.as_nanos() as u64);
            let bytes = (bytes_in, outcome.output().map_or(0, |output| output.len()));
            state.stats.count(1, bytes, receipt.wait);
            self.tell_starts(&mut state, index);
            state.queue.answer(self.slot, index, (outcome, receipt), now)?;
            index = index.wrapping_add(1);
            self.proved_useful(&mut state);
        }
        if state.queue.has_new_sleepers() {
            shared.sleepers.notify_one();
        }
        Ok(())
    }

    fn proved_useful(&mut self, state: &mut PoolState) {
        self.useful = true;
        state.failures = None;
    }

    /// Settles the plain answers that come next, for as many plain tasks. Returns their number and the nanoseconds that
    /// they took together; `None` when the next answer is not plain.
    fn settle_in_a_row(
        &mut self,
        state: &mut PoolState,
        answers: &mut Answers,
        (index, began): (u32, u64),
    ) -> Result<Option<(u32, u64)>, WireError> {
        let Some((due, accepted)) = state.queue.due_in_a_row(self.slot, index) else { return Ok(None) };
        let plain = answers.plain(due, self.shared.config.task.limits.output);
        let count = plain.len() as u32;
        if count == 0 {
            return Ok(None);
        }
        let busy = plain.busy();
        let wait = began.saturating_sub(accepted);
        let waited = wait.saturating_mul(count.into()).saturating_add(plain.waited());
        self.tell_starts(state, index.wrapping_add(count - 1));
        let bytes_out = plain.output_bytes();
        let bytes_in = state.queue.answer_in_a_row(self.slot, index, plain, SpanTimes { wait, began })?;
        state.stats.count(count.into(), (bytes_in, bytes_out), Duration::from_nanos(waited));
        self.proved_useful(state);
        Ok(Some((count, busy)))
    }

    /// Reports the start of the slot's tasks up to `index`, unless it was reported before.
    pub(super) fn tell_starts(&mut self, state: &mut PoolState, index: u32) {
        let slot = self.slot as u32;
        if !state.queue.outbox.of_tasks {
            self.told = index.wrapping_add(1);
        }
        while index.wrapping_sub(self.told) as i32 >= 0 {
            // The task at this index may have been taken back.
            if let Some(task) = state.queue.task_at(self.slot, self.told) {
                state.queue.outbox.task_event(|| Event::TaskStarted { task, slot });
            }
            self.told = self.told.wrapping_add(1);
        }
    }

    /// Converts an answer to an outcome. Checks the worker's claims against the limits.
    fn outcome(&mut self, answer: Answer) -> Result<(Outcome, Receipt), WireError> {
        let limit = self.shared.config.task.limits.output;
        if answer.output.len() as u64 > limit {
            return Err(WireError::Output { length: answer.output.len(), limit });
        }
        let head = answer.head;
        let mut receipt =
            Receipt { layer: head.layer, slot: Some(self.slot as u32), wall: head.wall, ..Receipt::host() };
        if answer.detail.is_empty() && head.status == Status::Ok {
            return Ok((Outcome::Ok(answer.output), receipt));
        }
        let mut detail: AnswerDetail =
            serde_json::from_slice(&answer.detail).map_err(|error| WireError::Text(error.to_string()))?;
        if self.shared.config.task.receipts {
            receipt.measured = Some(Box::new(self.measured(&mut detail)?));
        }
        if head.status == Status::Ok {
            return Ok((Outcome::Ok(answer.output), receipt));
        }
        let output = (!answer.output.is_empty()).then_some(answer.output);
        let (truncated, error) = (detail.truncated, detail.error.unwrap_or_default());
        let spots = bounded(detail.spots, error.backtrace.len());
        receipt.spots = Some(spots).filter(|spots| !spots.is_empty() && self.shared.finder.is_there()).map(Box::new);
        let failure = Failure { status: head.status, output, truncated, error };
        Ok((Outcome::NotOk(Box::new(failure)), receipt))
    }

    /// Takes the measurements out of a detail.
    fn measured(&mut self, detail: &mut AnswerDetail) -> Result<Measured, WireError> {
        let grants = &self.shared.config.task.grants;
        let named = |footprint: Footprint| footprint.of(grants).ok_or(WireError::Footprint);
        Ok(Measured {
            peak_memory: detail.peak_memory,
            fuel: detail.fuel,
            start: detail.start_us.map(Duration::from_micros),
            cpu: detail.cpu_us.map(Duration::from_micros),
            core_dump: self.core_dump.take(),
            profile: self.profile.take(),
            stderr: detail.stderr.take(),
            touched: detail.footprint.take().map(named).transpose()?,
        })
    }
}

/// A profile, of which no index leads nowhere.
fn profile(frame: &Frame) -> Result<Profile, WireError> {
    let profile: Profile =
        serde_json::from_slice(&frame.payload).map_err(|error| WireError::Text(error.to_string()))?;
    if profile.is_sound() { Ok(profile) } else { Err(WireError::Text("a profile whose indexes lead nowhere".into())) }
}
