//! The queue against random operations: whatever workers and callers do, every task leaves exactly once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;

use super::runs::WINDOW_BYTES;
use super::work::Work;
use super::*;
use crate::model::outcome::{ErrorDetail, Outcome, Receipt, Status};
use crate::model::retry::{Retry, RetryOn};
use crate::model::span::{Cuts, Span};
use crate::model::spot::Spot;
use crate::model::task::{Input, Rejected, TaskResult};
use crate::protocol::wire::{Encoder, OkAnswers, WireError};

mod liars;
mod lines;
mod ops;
mod pages;

pub(super) use ops::{Answered, Op};
use ops::{any_op, plain_answers};

/// Callers in the model: this many runs, and handles after them.
const RUNS: usize = 2;

/// The worker's side of the claim word.
#[derive(Clone, Copy, Default)]
struct Worker {
    next: u32,
    end: u32,
}

pub(super) struct Model {
    pub queue: Queue,
    workers: Vec<Worker>,
    ordered: bool,
    pub runs: Vec<RunId>,
    abandoned: BTreeSet<usize>,
    /// The caller of each task, by its key. An input's tag is its task's key.
    callers: Vec<usize>,
    /// Keys of the tasks that each caller received.
    pub given: Vec<Vec<u64>>,
    /// The buffer of which every answer is a part.
    output: Bytes,
    now: u64,
    /// Places whose lines are being looked up.
    asked: Vec<Spot>,
    /// No lookup has failed.
    has_lines: bool,
}

impl Model {
    pub fn new(slots: usize, ordered: bool) -> Self {
        let retry = Retry {
            times: 2,
            on: vec![RetryOn::Status(Status::Failed)],
            delay: Duration::from_nanos(4),
            ..Retry::default()
        };
        let mut queue =
            Queue::new(slots, Rules { crash_limit: 3, retry, prints: true, longest: None }, Outbox::new(false));
        let runs = (0..RUNS).map(|_| queue.begin_run(ordered, usize::MAX)).collect();
        Model {
            queue,
            workers: vec![Worker::default(); slots],
            ordered,
            runs,
            abandoned: BTreeSet::new(),
            callers: Vec::new(),
            given: vec![Vec::new(); RUNS + 1],
            output: vec![0; WINDOW_BYTES].into(),
            now: 0,
            asked: Vec::new(),
            has_lines: true,
        }
    }

    pub fn apply(&mut self, op: Op) {
        match op {
            Op::Push { caller, rejected } => self.push(caller, rejected),
            Op::PushSpan { run, rows } => self.push_span(run, rows),
            Op::Lease { slot, rows } => self.lease(slot, rows),
            Op::Begin { slot } => {
                let worker = &mut self.workers[slot];
                if worker.next != worker.end {
                    worker.next = worker.next.wrapping_add(1);
                }
            }
            Op::Answer { slot, answer } => self.answer(slot, answer),
            Op::AnswerInARow { slot, most } => self.answer_in_a_row(slot, most),
            Op::WrongAnswer { slot } => {
                let wrong = self.queue.slots[slot].first.wrapping_add(1);
                let answer = (Outcome::Ok(Bytes::new()), Receipt::host());
                assert!(self.queue.due(slot, wrong).is_err() && self.queue.due_in_a_row(slot, wrong).is_none());
                assert!(self.queue.answer(slot, wrong, answer, self.now).is_err());
                assert!(
                    self.queue
                        .answer_in_a_row(slot, wrong, OkAnswers::default(), SpanTimes { wait: 0, began: 0 })
                        .is_err()
                );
                self.answer_too_many(slot);
            }
            Op::TakeBack { slot } => self.take_back(slot),
            Op::Die { slot, verdict } => self.die(slot, verdict),
            Op::Cancel { task } => self.cancel(task),
            Op::Abandon { run } => self.abandon(run),
            Op::Change { slot } => {
                let (next, first) = (self.workers[slot].next, self.queue.slots[slot].first);
                if let Some(task) = self.queue.caller(slot, next, first) {
                    task.dirty = true;
                }
            }
            Op::Wait => {
                self.now += 8;
                assert!(self.queue.wake_sleepers(self.now).is_none_or(|due| due > self.now));
            }
            Op::Pop { run } => self.pop(run),
            Op::Stop => self.queue.stop(),
            Op::AskLines => self.ask_lines(),
            Op::LearnLines => self.learn_lines(),
            Op::FailLines => self.fail_lines(),
        }
        self.take_news();
        self.check();
    }

    fn push(&mut self, caller: usize, rejected: bool) {
        if self.abandoned.contains(&caller) {
            return;
        }
        let input = if rejected { Input::rejected(Rejected::TooLong) } else { Input::new(vec![1, 2, 3]) };
        let input = input.tagged(self.callers.len() as u64);
        self.callers.push(caller);
        match self.runs.get(caller) {
            Some(run) => self.queue.push(*run, input, self.now),
            None => drop(self.queue.submit(Arc::default(), input, self.now)),
        }
    }

    fn push_span(&mut self, run: usize, rows: usize) {
        if self.abandoned.contains(&run) {
            return;
        }
        let mut cuts = Cuts::default();
        for at in 0..rows {
            cuts.push(at * 4..at * 4 + 3, self.callers.len() as u64);
            self.callers.push(run);
        }
        self.queue.push_span(self.runs[run], Span::new(vec![1; rows * 4], cuts), self.now);
    }

    fn lease(&mut self, slot: usize, rows: usize) {
        let mut frame = Encoder::default();
        let Some(lease) = self.queue.lease(slot, rows, &mut frame) else { return };
        let worker = &mut self.workers[slot];
        if lease.fresh {
            assert!(worker.next == worker.end, "a fresh lease while the worker could still claim");
            worker.next = lease.first;
        } else {
            assert_eq!(lease.first, worker.end, "a lease that does not follow the last");
        }
        worker.end = lease.end;
    }

    fn answer(&mut self, slot: usize, answer: Answered) {
        let (next, first) = (self.workers[slot].next, self.queue.slots[slot].first);
        if self.queue.in_flight(slot) == 0 || first == next {
            return;
        }
        let mut receipt = Receipt::host();
        let outcome = match answer {
            Answered::Small => Outcome::Ok(Bytes::copy_from_slice(&self.output_of(slot, 0))),
            Answered::Large => Outcome::Ok(self.output.slice(..WINDOW_BYTES / 2)),
            Answered::Failed => Outcome::not_ok(Status::Failed, ErrorDetail::new("no", "it said no")),
            Answered::Traced(status, at) => lines::traced(status, at, &mut receipt),
        };
        self.queue.answer(slot, first, (outcome, receipt), self.now).unwrap();
    }

    fn answer_in_a_row(&mut self, slot: usize, most: usize) {
        let (next, first) = (self.workers[slot].next, self.queue.slots[slot].first);
        let begun = next.wrapping_sub(first) as usize;
        let Some((due, _)) = self.queue.due_in_a_row(slot, first) else { return };
        let most = most.min(begun).min(due);
        if most == 0 {
            return;
        }
        let answers = plain_answers((0..most).map(|at| self.output_of(slot, at)));
        self.queue.answer_in_a_row(slot, first, answers, SpanTimes { wait: self.now, began: self.now }).unwrap();
    }

    /// The output of the task at a place among those of a slot's worker, if its output is small: its key, so that the
    /// outputs of two tasks differ.
    fn output_of(&self, slot: usize, at: usize) -> [u8; 8] {
        self.queue.slots[slot].tasks.get(at).unwrap().key.to_le_bytes()
    }

    fn take_back(&mut self, slot: usize) {
        let worker = &mut self.workers[slot];
        worker.end = worker.next;
        self.queue.take_back(slot, worker.next);
    }

    fn die(&mut self, slot: usize, verdict: u8) {
        let worker = std::mem::take(&mut self.workers[slot]);
        let running = self.queue.running(slot, worker.next).map(|(_, task)| task.key);
        let verdict = match verdict {
            0 => Verdict::Timeout(running.unwrap_or_default(), ErrorDetail::default()),
            1 => Verdict::Cancelled(running),
            2 => Verdict::Cancelled(Some(u64::MAX)),
            5 => Verdict::Stood(ErrorDetail::default()),
            _ => Verdict::Died(ErrorDetail::default()),
        };
        let suspect = self.queue.lost(slot, Loss { next: worker.next, verdict, ran: Duration::ZERO }, self.now);
        assert_eq!(suspect.is_some(), running.is_some(), "one suspect, if any");
    }

    /// Cancels as the pool does: wherever the task is, it and no other task is cancelled.
    fn cancel(&mut self, task: usize) {
        let Some(key) = task.checked_rem(self.callers.len()).map(|key| key as u64) else { return };
        if self.queue.withdraw(key) {
            return;
        }
        let Some(slot) = self.queue.slot_of(key) else { return };
        self.take_back(slot);
        self.queue.cancel_in_flight(slot, key);
        let running = self.queue.running(slot, self.workers[slot].next).map(|(_, task)| task.key);
        if !self.queue.withdraw(key) && running == Some(key) {
            self.die(slot, 1);
        }
    }

    fn abandon(&mut self, run: usize) {
        if self.abandoned.insert(run) {
            for key in self.queue.abandon(self.runs[run]) {
                self.cancel(key as usize);
            }
        }
    }

    fn pop(&mut self, run: usize) {
        if self.abandoned.contains(&run) {
            return;
        }
        let settled = self.queue.pop(self.runs[run]);
        if let Some(Settled::Many(span)) = &settled {
            let outputs = span.iter().map(|task| task.output.to_vec());
            assert!(outputs.eq(span.rows().iter().map(|(_, tag)| tag.to_le_bytes())), "an output of another row");
        }
        for result in settled.into_iter().flatten() {
            self.take(run, &result);
        }
    }

    fn take(&mut self, caller: usize, result: &TaskResult) {
        let output = result.outcome.output().filter(|output| output.len() < WINDOW_BYTES / 2);
        assert!(output.is_none_or(|output| output[..] == result.input.tag.to_le_bytes()), "an output of another task");
        self.check_lines(result);
        self.given[caller].push(result.input.tag);
    }

    fn take_news(&mut self) {
        for news in std::mem::take(&mut self.queue.outbox.news) {
            if let News::Settled(_, result) = news {
                self.take(RUNS, &result);
            }
        }
    }

    /// Every task is in one place, and the counters agree.
    fn check(&self) {
        let queue = &self.queue;
        let all = |_: &Work| true;
        let mut keys: Vec<u64> = queue.pending.keys(all).chain(queue.suspects.keys(all)).collect();
        keys.extend(queue.sleeping.iter().map(|sleeper| sleeper.task.key));
        keys.extend(queue.slots.iter().flat_map(|slot| slot.tasks.keys(all)));
        keys.extend(queue.lines.waiting.iter().map(|ended| ended.key));
        keys.extend(queue.runs.settled().flat_map(tags));
        assert_eq!(keys.len(), queue.runs.held().0);
        keys.extend(self.given.iter().flatten());
        keys.sort_unstable();
        assert!(keys.is_sorted_by(|a, b| a < b), "a task is doubled: {keys:?}");
        let wanted = |key: &u64| !self.abandoned.contains(&self.callers[*key as usize]);
        let expected = (0..self.callers.len() as u64).filter(wanted);
        assert!(keys.iter().copied().filter(wanted).eq(expected), "a task is lost: {keys:?}");
        assert!(queue.slots.iter().all(|slot| !slot.alone || slot.tasks.len() <= 1), "a suspect has company");
        assert!(!queue.stopped || queue.waiting() == 0, "something could begin after a stop");
        assert!(!self.ordered || self.given[..RUNS].iter().all(|given| given.is_sorted()));
        assert!(queue.pending.keys(all).is_sorted(), "the awaited task may be behind others");
        let mut again = queue.pending.iter().chain(queue.suspects.iter());
        let is_dirty = |work: &Work| matches!(work, Work::One(task) if task.dirty);
        assert!(!again.any(is_dirty), "a task that changed shared state would run again unasked");
        assert!(queue.suspects.keys(all).is_sorted(), "the awaited suspect may be behind others");
        for works in queue.slots.iter().map(|slot| &slot.tasks).chain([&queue.pending, &queue.suspects]) {
            assert_eq!(works.keys(all).count(), works.len());
            assert!((0..works.len()).map(|at| works.get(at).unwrap().key).eq(works.keys(all)));
        }
    }

    /// Lets every worker do its work, and takes all results.
    fn drain(&mut self) {
        for _ in 0..self.callers.len() * 12 + 8 {
            for slot in 0..self.workers.len() {
                self.apply(Op::Lease { slot, rows: 4 });
                self.apply(Op::Begin { slot });
                self.apply(Op::Answer { slot, answer: Answered::Small });
            }
            [Op::AskLines, Op::LearnLines, Op::Wait].into_iter().for_each(|op| self.apply(op));
            (0..RUNS).for_each(|run| self.apply(Op::Pop { run }));
        }
        assert!(self.queue.is_idle(), "tasks were left behind");
        assert_eq!(self.queue.runs.held(), (0, 0));
    }
}

/// The tags of settled tasks.
pub(super) fn tags(settled: &Settled) -> Vec<u64> {
    match settled {
        Settled::One(result) => vec![result.input.tag],
        Settled::Many(span) => span.rows().iter().map(|(_, tag)| tag).collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_task_leaves_exactly_once_whatever_happens(
        ordered in any::<bool>(),
        ops in proptest::collection::vec(any_op(3), 0..120),
    ) {
        let mut model = Model::new(3, ordered);
        ops.into_iter().for_each(|op| model.apply(op));
        model.drain();
    }
}
