//! Cases of the queue that the random operations of its model reach too rarely.

use bytes::Bytes;

use super::runs::WINDOW_BYTES;
use super::tests::*;
use super::*;
use crate::model::limits::MAX_INPUT;
use crate::model::outcome::{ErrorDetail, Measured, Outcome, Receipt, Status};
use crate::model::span::{Cuts, Span};
use crate::model::spot::Line;
use crate::model::task::{Input, TaskResult};
use crate::protocol::lines::MOST_ASKED;
use crate::protocol::wire::Encoder;

fn push(model: &mut Model, count: usize) {
    (0..count).for_each(|_| model.apply(Op::Push { caller: 0, rejected: false }));
}

fn pop(model: &mut Model) -> TaskResult {
    match model.queue.pop(model.runs[0]) {
        Some(Settled::One(result)) => result,
        other => panic!("{other:?} is not a task by itself"),
    }
}

#[test]
fn a_task_that_kills_three_workers_is_a_crash_and_its_neighbours_are_not() {
    let mut model = Model::new(1, true);
    push(&mut model, 3);
    for _ in 0..3 {
        model.apply(Op::Lease { slot: 0, rows: 3 });
        model.apply(Op::Begin { slot: 0 });
        model.apply(Op::Die { slot: 0, verdict: 3 });
    }
    assert_eq!(pop(&mut model).outcome.status(), Status::Crash);
    assert_eq!(model.queue.waiting(), 2);
}

#[test]
fn a_retried_task_keeps_its_place_and_tells_how_it_failed_before() {
    let mut model = Model::new(1, true);
    push(&mut model, 2);
    for answer in [Answered::Failed, Answered::Failed, Answered::Small, Answered::Small] {
        model.apply(Op::Wait);
        model.apply(Op::Lease { slot: 0, rows: 1 });
        model.apply(Op::Begin { slot: 0 });
        model.apply(Op::Answer { slot: 0, answer });
    }
    let first = pop(&mut model);
    assert_eq!((first.input.tag, first.outcome.status(), first.receipt.attempts), (0, Status::Ok, 3));
    assert_eq!(first.receipt.retried(), [Status::Failed; 2]);
    let second = pop(&mut model);
    assert_eq!((second.receipt.attempts, second.receipt.retried()), (1, &[][..]));
}

#[test]
fn a_run_that_is_stopped_gives_a_task_that_waits_for_a_retry_its_last_outcome() {
    let mut model = Model::new(1, true);
    push(&mut model, 1);
    model.apply(Op::Lease { slot: 0, rows: 1 });
    model.apply(Op::Begin { slot: 0 });
    model.apply(Op::Answer { slot: 0, answer: Answered::Failed });
    assert!(model.queue.pop(model.runs[0]).is_none());
    model.apply(Op::Stop);
    let result = pop(&mut model);
    assert_eq!((result.outcome.status(), result.receipt.retried()), (Status::Failed, &[][..]));
}

#[test]
fn what_retried_tasks_told_takes_no_more_room_than_what_settled_ones_did() {
    let mut model = Model::new(1, true);
    push(&mut model, 3);
    for length in [WINDOW_BYTES / 2, WINDOW_BYTES, WINDOW_BYTES / 2] {
        let lease = model.queue.lease(0, 1, &mut Encoder::default()).unwrap();
        let told = Outcome::not_ok(Status::Failed, ErrorDetail::new("", "x".repeat(length)));
        model.queue.answer(0, lease.first, (told, Receipt::host()), 0).unwrap();
        let (_, bytes) = model.queue.runs.held();
        assert!(bytes < WINDOW_BYTES + 1_000, "{bytes} bytes");
    }
    model.queue.stop();
    let told = |result: TaskResult| match result.outcome {
        Outcome::NotOk(failure) => (failure.status, failure.error.message.len() == WINDOW_BYTES / 2),
        Outcome::Ok(_) => panic!("it failed"),
    };
    let results = [pop(&mut model), pop(&mut model), pop(&mut model)];
    assert_eq!(results.map(told), [true, false, false].map(|whole| (Status::Failed, whole)));
    assert_eq!(model.queue.runs.held(), (0, 0));
}

#[test]
fn a_task_that_is_cancelled_while_it_ends_is_not_retried() {
    let mut model = Model::new(1, true);
    push(&mut model, 1);
    model.apply(Op::Lease { slot: 0, rows: 1 });
    model.apply(Op::Begin { slot: 0 });
    model.queue.cancel_in_flight(0, 0);
    model.apply(Op::Answer { slot: 0, answer: Answered::Failed });
    let result = pop(&mut model);
    assert_eq!((result.outcome.status(), result.receipt.attempts), (Status::Failed, 1));
}

#[test]
fn a_suspect_that_is_taken_back_is_a_suspect_still() {
    let mut model = Model::new(2, true);
    push(&mut model, 2);
    model.apply(Op::Lease { slot: 0, rows: 1 });
    model.apply(Op::Begin { slot: 0 });
    model.apply(Op::Die { slot: 0, verdict: 3 });
    model.apply(Op::Lease { slot: 1, rows: 5 });
    model.apply(Op::TakeBack { slot: 1 });
    model.apply(Op::Lease { slot: 0, rows: 5 });
    assert_eq!(model.queue.in_flight(0), 1, "it goes alone again");
}

#[test]
fn a_suspect_that_must_wait_does_not_hold_up_another_runs() {
    let mut model = Model::new(2, false);
    push(&mut model, 1);
    model.apply(Op::Lease { slot: 0, rows: 1 });
    model.apply(Op::Begin { slot: 0 });
    // Outputs that nobody takes hold the run back.
    for _ in 0..2 {
        push(&mut model, 1);
        model.apply(Op::Lease { slot: 1, rows: 1 });
        model.apply(Op::Begin { slot: 1 });
        model.apply(Op::Answer { slot: 1, answer: Answered::Large });
    }
    model.apply(Op::Die { slot: 0, verdict: 3 });
    model.apply(Op::Push { caller: 1, rejected: false });
    for _ in 0..2 {
        model.apply(Op::Lease { slot: 0, rows: 1 });
        assert_eq!(model.queue.in_flight(0), 1, "the other run's goes, although an older one must wait");
        model.apply(Op::Begin { slot: 0 });
        model.apply(Op::Die { slot: 0, verdict: 3 });
    }
}

#[test]
fn outputs_that_nobody_takes_hold_new_tasks_back_but_not_the_awaited_one_and_not_another_runs() {
    let told = ErrorDetail::new("", "x".repeat(WINDOW_BYTES));
    let core_dump = Some(vec![0; WINDOW_BYTES].into());
    let measured = Some(Box::new(Measured { core_dump, ..Measured::default() }));
    hold_back(Outcome::Ok(vec![0; WINDOW_BYTES].into()), Receipt::host());
    hold_back(Outcome::not_ok(Status::Trap, told), Receipt::host());
    hold_back(Outcome::not_ok(Status::Trap, ErrorDetail::default()), Receipt { measured, ..Receipt::host() });
}

fn hold_back(huge: Outcome, receipt: Receipt) {
    let mut model = Model::new(2, true);
    let (run, other) = (model.runs[0], model.runs[1]);
    let queue = &mut model.queue;
    (0..4).for_each(|_| queue.push(run, Input::new(vec![0]), 0));
    let lease = |queue: &mut Queue, slot| queue.lease(slot, 1, &mut Encoder::default());
    let first = lease(queue, 0).unwrap();
    let second = lease(queue, 1).unwrap();
    queue.answer(1, second.first, (huge, receipt), 0).unwrap();
    assert_eq!(lease(queue, 1), None);
    queue.push(other, Input::new(vec![0]), 0);
    let others = lease(queue, 1).unwrap();
    queue.answer(1, others.first, (Outcome::Ok(Bytes::new()), Receipt::host()), 0).unwrap();
    assert!(queue.pop(other).is_some(), "another run is not held up");
    queue.take_back(0, first.first);
    assert!(lease(queue, 1).is_some(), "the task that the caller waits for continues");
}

/// Keys of the tasks that were returned, and whether each was part of a span.
fn given(model: &mut Model) -> Vec<(u64, bool)> {
    let mut given = Vec::new();
    while let Some(settled) = model.queue.pop(model.runs[0]) {
        let many = matches!(settled, Settled::Many(_));
        model.given[0].extend(tags(&settled));
        given.extend(settled.into_iter().map(|result| (result.input.tag, many)));
    }
    given
}

#[test]
fn what_happens_to_one_task_of_a_span_happens_to_no_other() {
    let mut model = Model::new(1, true);
    model.apply(Op::PushSpan { run: 0, rows: 6 });
    model.apply(Op::Lease { slot: 0, rows: 6 });
    (0..2).for_each(|_| model.apply(Op::Begin { slot: 0 }));
    model.apply(Op::AnswerInARow { slot: 0, most: 2 });
    (0..2).for_each(|_| model.apply(Op::Begin { slot: 0 }));
    // The worker has ended one task without the host's knowledge, and dies under the next.
    model.apply(Op::Die { slot: 0, verdict: 3 });
    assert_eq!((model.queue.suspects.len(), model.queue.pending.len()), (1, 3));
    assert_eq!(given(&mut model), [(0, true), (1, true)]);
    for rows in [1, 3] {
        model.apply(Op::Lease { slot: 0, rows });
        for _ in 0..rows {
            model.apply(Op::Begin { slot: 0 });
            model.apply(Op::AnswerInARow { slot: 0, most: 1 });
            model.apply(Op::Answer { slot: 0, answer: Answered::Small });
        }
    }
    assert_eq!(given(&mut model), [(2, false), (3, false), (4, true), (5, true)]);
}

#[test]
fn a_span_whose_rows_are_not_fit_to_run_settles_row_by_row() {
    let mut model = Model::new(1, true);
    let run = model.runs[0];
    let mut cuts = Cuts::default();
    [0..1, 1..MAX_INPUT + 2, 0..0].into_iter().for_each(|row| cuts.push(row, 0));
    model.queue.push_span(run, Span::new(vec![0; MAX_INPUT + 2], cuts), 0);
    let lease = model.queue.lease(0, 9, &mut Encoder::default()).unwrap();
    assert_eq!(lease.end - lease.first, 2, "all but the one that is too long");
}

fn trap(model: &mut Model, at: u32) {
    push(model, 1);
    model.apply(Op::Lease { slot: 0, rows: 1 });
    model.apply(Op::Begin { slot: 0 });
    model.apply(Op::Answer { slot: 0, answer: Answered::Traced(Status::Trap, at) });
}

fn backtrace(model: &mut Model) -> Vec<String> {
    match pop(model).outcome {
        Outcome::NotOk(failure) => failure.error.backtrace,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_task_with_a_backtrace_waits_for_its_lines_and_a_second_one_at_the_same_place_does_not() {
    let mut model = Model::new(1, false);
    trap(&mut model, 3);
    assert!(model.queue.pop(model.runs[0]).is_none() && !model.queue.is_idle());
    model.apply(Op::AskLines);
    model.apply(Op::LearnLines);
    trap(&mut model, 3);
    assert_eq!([backtrace(&mut model), backtrace(&mut model)], [["3 (main.rs:3)"], ["3 (main.rs:3)"]]);
    assert!(model.queue.lines.ask().is_none());
}

#[test]
fn a_task_without_a_backtrace_does_not_wait_for_the_lines_of_others() {
    let mut model = Model::new(1, false);
    trap(&mut model, 3);
    push(&mut model, 1);
    model.apply(Op::Lease { slot: 0, rows: 1 });
    model.apply(Op::Begin { slot: 0 });
    model.apply(Op::Answer { slot: 0, answer: Answered::Small });
    assert_eq!(pop(&mut model).input.tag, 1);
}

#[test]
fn places_beyond_those_of_one_lookup_are_asked_for_later_and_what_is_known_is_bounded() {
    let mut model = Model::new(1, false);
    let many = 3 * MOST_ASKED as u32;
    (0..many).for_each(|at| trap(&mut model, at));
    let mut lookups = 0;
    while let Some(asked) = model.queue.lines.ask() {
        assert!(asked.len() <= MOST_ASKED);
        let line = Line { function: "x".repeat(64 << 10), place: "main.rs:1".into() };
        model.queue.learn_lines(asked.iter().map(|_| vec![line.clone(), line.clone()]).collect());
        lookups += 1;
    }
    assert_eq!(lookups, 3);
    assert_eq!(std::iter::from_fn(|| model.queue.pop(model.runs[0])).count(), many as usize);
    assert!(model.queue.is_idle());
}

#[test]
fn after_a_lookup_that_failed_no_task_waits_for_lines() {
    let mut model = Model::new(1, false);
    trap(&mut model, 3);
    model.apply(Op::AskLines);
    model.apply(Op::FailLines);
    trap(&mut model, 4);
    assert_eq!([backtrace(&mut model), backtrace(&mut model)], [["3"], ["4"]]);
}
