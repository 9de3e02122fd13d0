//! How tasks leave the queue: settled, retried, cancelled, or given up.

use super::lines::Ended;
use super::machine::{Queue, Sleeping};
use super::runs::RunId;
use super::task::Task;
use super::work::Work;
use crate::model::event::Event;
use crate::model::outcome::{ErrorDetail, Layer, Outcome, Receipt, Status};
use crate::model::task::TaskResult;

impl Queue {
    /// The end of an attempt: the task settles, or sleeps until the next attempt.
    pub(super) fn conclude(&mut self, mut task: Task, outcome: Outcome, receipt: Receipt, now: u64) {
        let retry = &self.rules.retry;
        let done = task.retries();
        if done >= retry.times || self.stopped || !retry.is_for(&outcome) || self.is_unwanted(&task) {
            return self.settle(task, outcome, receipt);
        }
        let (pause, status) = (retry.pause(task.key, done), outcome.status());
        let history = task.history();
        history.retried.push(status);
        history.deaths.clear();
        self.keep_last(&mut task, outcome, receipt);
        task.dirty = false;
        let id = task.id;
        self.outbox.task_event(|| Event::TaskRetried { task: id, status, delay: pause });
        let due = now.saturating_add(u64::try_from(pause.as_nanos()).unwrap_or(u64::MAX));
        self.new_sleepers = true;
        self.sleeping.push(Sleeping { due, task });
    }

    /// Keeps the result of the task's last attempt. Drops its outputs and details when there is no room for them: the
    /// task could not wait for room, because only further attempts make some.
    fn keep_last(&mut self, task: &mut Task, mut outcome: Outcome, mut receipt: Receipt) {
        self.take_last(task);
        if !self.runs.may_keep(task.run(), outcome.size() + receipt.size()) {
            let printed = outcome.output().is_some();
            outcome = Outcome::not_ok(outcome.status(), not_kept());
            if let Outcome::NotOk(failure) = &mut outcome {
                failure.truncated = printed;
            }
            (receipt.measured, receipt.spots) = (None, None);
        }
        self.runs.keep(task.run(), outcome.size() + receipt.size());
        task.history().last = Some((outcome, receipt));
    }

    /// Takes the result of the task's last attempt, if the task was retried.
    fn take_last(&mut self, task: &mut Task) -> Option<(Outcome, Receipt)> {
        let last = task.history.as_mut()?.last.take()?;
        self.runs.forget(task.run(), last.0.size() + last.1.size());
        Some(last)
    }

    /// Whether nobody would take the task's result.
    pub(super) fn is_unwanted(&self, task: &Task) -> bool {
        task.cancelled || task.run().is_some_and(|run| self.runs.is_abandoned(run))
    }

    /// Settles a task that no worker has begun, or that waits for another attempt. Returns false when a worker has the
    /// task, or it has settled.
    pub fn withdraw(&mut self, key: u64) -> bool {
        let waiting = self.pending.remove(key);
        if let Some(task) = &waiting {
            self.runs.waits_no_more(task.run(), 1);
        }
        let found = waiting.or_else(|| self.suspects.remove(key));
        if let Some(task) = found {
            self.withdrawn(task);
            return true;
        }
        let Some(at) = self.sleeping.iter().position(|sleeper| sleeper.task.key == key) else { return false };
        let sleeper = self.sleeping.swap_remove(at);
        self.withdrawn(sleeper.task);
        true
    }

    pub(super) fn withdrawn(&mut self, task: Task) {
        let (status, what) = match task.attempts {
            0 => (Status::Skipped, "it was cancelled before it started"),
            _ => (Status::Cancelled, "it was cancelled after it had begun"),
        };
        self.settle_by_host(task, status, ErrorDetail::new("cancelled", what));
    }

    /// Drops the tasks of a run whose results nobody takes any more, except tasks with workers. Returns the keys of
    /// these.
    pub fn abandon(&mut self, run: RunId) -> Vec<u64> {
        let is_of_run = |work: &Work| work.run() == Some(run);
        let mut waiting: Vec<u64> = self.pending.keys(is_of_run).chain(self.suspects.keys(is_of_run)).collect();
        let sleeping = self.sleeping.iter().map(|sleeper| &sleeper.task);
        waiting.extend(sleeping.filter(|task| task.run() == Some(run)).map(|task| task.key));
        for key in waiting {
            self.withdraw(key);
        }
        let in_flight = self.slots.iter().flat_map(|slot| slot.tasks.keys(is_of_run)).collect();
        self.runs.abandon(run);
        // Nothing of an abandoned run waits.
        self.hand_over_waiting();
        in_flight
    }

    /// Lets no more tasks begin: waiting tasks settle now, and tasks that come back later settle then.
    pub fn stop(&mut self) {
        self.stopped = true;
        for task in std::mem::take(&mut self.pending).into_tasks() {
            self.runs.waits_no_more(task.run(), 1);
            self.give_up(task);
        }
        for task in std::mem::take(&mut self.suspects).into_tasks() {
            self.settle_as_crash(task);
        }
        for sleeper in std::mem::take(&mut self.sleeping) {
            self.give_up(sleeper.task);
        }
    }

    /// Settles everything with this reason, because there are no workers any more.
    pub fn end(&mut self, why: &ErrorDetail) {
        for task in std::mem::take(&mut self.pending).into_tasks() {
            self.runs.waits_no_more(task.run(), 1);
            let status = if task.attempts > 0 { Status::Cancelled } else { Status::Skipped };
            self.settle_by_host(task, status, why.clone());
        }
        self.stop();
        for slot in 0..self.slots.len() {
            let left = std::mem::take(&mut self.slots[slot]).tasks;
            left.into_tasks().for_each(|task| self.settle_by_host(task, Status::Cancelled, why.clone()));
        }
        self.give_up_lines();
    }

    pub(super) fn give_up(&mut self, mut task: Task) {
        if let Some((outcome, receipt)) = self.take_last(&mut task) {
            task.history().retried.pop();
            self.settle(task, outcome, receipt);
        } else if task.attempts > 0 {
            self.settle_by_host(task, Status::Cancelled, cancelled());
        } else {
            let error = ErrorDetail::new("skipped", "the run was stopped before this task started");
            self.settle_by_host(task, Status::Skipped, error);
        }
    }

    /// Settles a task that comes back unasked and has changed shared state.
    pub(super) fn settle_changed(&mut self, task: Task) {
        let receipt = Receipt { layer: Layer::Kernel, ..Receipt::host() };
        self.settle(task, changed(ErrorDetail::new("", "its worker is gone")), receipt);
    }

    /// The outcome of a task whose worker is gone, with all that the task has printed.
    pub(super) fn lost_with_worker(&self, mut outcome: Outcome) -> Outcome {
        if let Outcome::NotOk(failure) = &mut outcome {
            failure.truncated = self.rules.prints;
        }
        outcome
    }

    fn settle_as_crash(&mut self, mut task: Task) {
        let outcome = self.lost_with_worker(crashed(&mut task));
        self.settle(task, outcome, Receipt { layer: Layer::Kernel, ..Receipt::host() });
    }

    pub(super) fn settle_by_host(&mut self, task: Task, status: Status, error: ErrorDetail) {
        self.settle(task, Outcome::not_ok(status, error), Receipt::host());
    }

    pub(super) fn settle(&mut self, mut task: Task, outcome: Outcome, receipt: Receipt) {
        self.take_last(&mut task);
        let retried = task.history.map(|history| history.retried).filter(|retried| !retried.is_empty());
        let receipt = match outcome.status() {
            // Such a row is not run, even where a worker has looked at it.
            Status::InvalidInput => Receipt { wait: receipt.wait, ..Receipt::host() },
            _ => Receipt { attempts: task.attempts, retried: retried.map(Box::new), ..receipt },
        };
        let result = TaskResult { id: task.id, input: task.input, outcome, receipt };
        self.hand_over(Ended { key: task.key, home: task.home, result });
    }
}

/// The outcome of a task under which workers died.
pub(super) fn crashed(task: &mut Task) -> Outcome {
    let deaths = &mut task.history().deaths;
    let before = deaths.len().saturating_sub(1);
    let mut error = deaths.pop().unwrap_or_default();
    if before > 0 {
        error.message = format!("{} (and {before} workers before it)", error.message);
    }
    Outcome::not_ok(Status::Crash, error)
}

/// The outcome of a task whose worker died after the task had changed shared state. A repeat could be noticed, so only
/// a requested retry repeats it.
pub(super) fn changed(mut error: ErrorDetail) -> Outcome {
    error.code = "state-changed".into();
    error.message += "; the task had changed shared state, so it does not run again (retries of crashes allow it)";
    Outcome::not_ok(Status::Crash, error)
}

fn not_kept() -> ErrorDetail {
    ErrorDetail::new(
        "not-kept",
        "the task was to run again, and what it reported was dropped: too much is kept of such tasks already",
    )
}

pub(super) fn cancelled() -> ErrorDetail {
    ErrorDetail::new("cancelled", "the run was ended while this task ran")
}
