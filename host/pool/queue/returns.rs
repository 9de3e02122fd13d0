//! How tasks come back from workers: answered, not begun, or at the end of their worker.

use std::time::Duration;

use super::end::{cancelled, changed, crashed};
use super::machine::Queue;
use super::settled::{OkSpan, Settled, SpanTimes};
use super::task::Task;
use super::work::{Work, Works};
use crate::model::event::Event;
use crate::model::outcome::{ErrorDetail, Layer, Outcome, Receipt, Status};
use crate::model::task::TaskId;
use crate::protocol::wire::{OkAnswers, WireError};

/// The end of a worker.
#[derive(Debug)]
pub(in crate::pool) struct Loss {
    /// The index that it would have begun next.
    pub next: u32,
    pub verdict: Verdict,
    /// The time for which the running task was seen to run.
    pub ran: Duration,
}

/// The meaning of a worker's end for the task that was running in it.
#[derive(Debug)]
pub(in crate::pool) enum Verdict {
    /// The deadline of the task with this key passed and the host killed the worker.
    Timeout(u64, ErrorDetail),
    /// The host killed the worker to cancel the task with this key, or any task.
    Cancelled(Option<u64>),
    /// The kernel ended the worker for an act that no guest may do. The task does not run again.
    Violated(ErrorDetail),
    /// Somebody had stopped the worker's process, which a task cannot do: the task runs again.
    Stood(ErrorDetail),
    /// The system had no memory for the worker.
    OutOfMemory(ErrorDetail),
    /// The worker died: the task is suspected.
    Died(ErrorDetail),
}

impl Queue {
    /// Settles or retries the task at `index`, which must be the first that the slot's worker has not answered.
    pub fn answer(
        &mut self,
        slot: usize,
        index: u32,
        (outcome, receipt): (Outcome, Receipt),
        now: u64,
    ) -> Result<(), WireError> {
        let place = &mut self.slots[slot];
        place.expect(index)?;
        let mut task = place.tasks.pop().ok_or(WireError::TooMany)?;
        place.first = place.first.wrapping_add(1);
        task.attempts += 1;
        self.conclude(task, outcome, receipt, now);
        Ok(())
    }

    /// Settles the tasks from `index` on as ok. They must be the first plain ones that the slot's worker has not
    /// answered. `times` are those of the first of them. A task that is ok is never retried. Returns the bytes
    /// of their inputs.
    pub fn answer_in_a_row(
        &mut self,
        slot: usize,
        index: u32,
        answers: OkAnswers,
        times: SpanTimes,
    ) -> Result<usize, WireError> {
        let place = &mut self.slots[slot];
        place.expect(index)?;
        let count = answers.len();
        if place.tasks.stretch().is_none_or(|stretch| stretch.rows.len() < count) {
            return Err(WireError::TooMany);
        }
        let Some(Work::Many(done)) = place.tasks.take(0, count) else { return Err(WireError::TooMany) };
        place.first = place.first.wrapping_add(count as u32);
        for id in done.id..done.id + count as u64 {
            self.outbox.task_event(|| Event::TaskSettled { task: TaskId(id), status: Status::Ok });
        }
        let bytes = done.rows.size();
        let span = OkSpan::new(done.id, done.rows, answers, times, slot as u32);
        self.runs.settle(done.run, Settled::Many(span));
        Ok(bytes)
    }

    /// Returns the tasks from index `from` on, which the slot's worker can no longer begin.
    pub fn take_back(&mut self, slot: usize, from: u32) {
        let place = &mut self.slots[slot];
        let begun = place.begun(from);
        place.recalled |= begun < place.tasks.len();
        let unstarted = place.tasks.split_off(begun);
        self.put_back(unstarted);
    }

    /// Puts tasks back in their places, or settles them when nothing may begin any more.
    fn put_back(&mut self, tasks: Works) {
        for work in tasks.into_works().rev() {
            match work {
                Work::One(task) => self.put_one_back(task),
                Work::Many(stretch) if self.stopped || self.runs.is_abandoned(stretch.run) => {
                    Work::Many(stretch).into_tasks().rev().for_each(|task| self.give_up(task));
                }
                stretch => self.enqueue(stretch),
            }
        }
    }

    fn put_one_back(&mut self, task: Task) {
        if task.dirty {
            // The worker was killed to cancel the task before this one, or lies about its begun tasks.
            self.settle_changed(task);
        } else if task.cancelled {
            self.withdrawn(task);
        } else if self.stopped || self.is_unwanted(&task) {
            self.give_up(task);
        } else if task.history.as_ref().is_some_and(|history| !history.deaths.is_empty()) {
            // Still suspected, although no worker has begun it since.
            self.suspects.insert(Work::One(task));
        } else {
            self.enqueue(Work::One(task));
        }
    }

    /// Moves tasks whose pause is over to the waiting ones, and returns the end of the next pause.
    pub fn wake_sleepers(&mut self, now: u64) -> Option<u64> {
        while let Some(at) = self.sleeping.iter().position(|sleeper| sleeper.due <= now) {
            let sleeper = self.sleeping.swap_remove(at);
            self.enqueue(Work::One(sleeper.task));
        }
        self.sleeping.iter().map(|sleeper| sleeper.due).min()
    }

    /// Handles the loss of the slot's worker. Returns the task that was running.
    pub fn lost(&mut self, slot: usize, loss: Loss, now: u64) -> Option<TaskId> {
        let place = std::mem::take(&mut self.slots[slot]);
        let begun = place.begun(loss.next);
        let mut tasks = place.tasks;
        let unstarted = tasks.split_off(begun);
        let suspect = tasks.split_off(begun.saturating_sub(1)).pop();
        self.put_back(unstarted);
        // These tasks were begun, and their answers are lost with the worker.
        for task in tasks.into_tasks().rev() {
            self.put_back(Task { attempts: task.attempts + 1, ..task }.into());
        }
        let suspect = suspect?;
        let id = suspect.id;
        self.judge(suspect, loss, now);
        Some(id)
    }

    fn judge(&mut self, mut task: Task, loss: Loss, now: u64) {
        task.attempts += 1;
        let began = now.saturating_sub(loss.ran.as_nanos() as u64);
        let [wait, began] = [began.saturating_sub(task.accepted), began].map(Duration::from_nanos);
        let receipt = Receipt { wall: loss.ran, wait, began, ..Receipt::host() };
        match loss.verdict {
            Verdict::Timeout(key, _) | Verdict::Cancelled(Some(key)) if key != task.key => {
                self.put_back(task.into());
            }
            Verdict::Timeout(_, error) => {
                let receipt = Receipt { layer: Layer::Backstop, ..receipt };
                self.conclude(task, self.lost_with_worker(Outcome::not_ok(Status::Timeout, error)), receipt, now);
            }
            Verdict::Cancelled(_) => {
                let receipt = Receipt { layer: Layer::Kill, ..receipt };
                self.settle(task, self.lost_with_worker(Outcome::not_ok(Status::Cancelled, cancelled())), receipt);
            }
            Verdict::Violated(error) => {
                let receipt = Receipt { layer: Layer::Sandbox, ..receipt };
                // A task that tried to break out is never retried.
                self.settle(task, self.lost_with_worker(Outcome::not_ok(Status::Crash, error)), receipt);
            }
            Verdict::Stood(error) | Verdict::OutOfMemory(error) | Verdict::Died(error) if task.dirty => {
                let (outcome, receipt) =
                    (self.lost_with_worker(changed(error)), Receipt { layer: Layer::Kernel, ..receipt });
                self.conclude(task, outcome, receipt, now);
            }
            Verdict::Stood(_) => self.put_back(task.into()),
            Verdict::OutOfMemory(error) => {
                let receipt = Receipt { layer: Layer::Kernel, ..receipt };
                self.conclude(task, self.lost_with_worker(Outcome::not_ok(Status::OutOfMemory, error)), receipt, now);
            }
            Verdict::Died(_) if task.cancelled => self.withdrawn(task),
            Verdict::Died(error) => {
                let deaths = &mut task.history().deaths;
                deaths.push(error);
                let enough = deaths.len() >= self.rules.crash_limit as usize;
                if enough || self.stopped || self.is_unwanted(&task) {
                    let receipt = Receipt { layer: Layer::Kernel, ..receipt };
                    let outcome = self.lost_with_worker(crashed(&mut task));
                    self.conclude(task, outcome, receipt, now);
                } else {
                    self.suspects.insert(Work::One(task));
                }
            }
        }
    }
}
