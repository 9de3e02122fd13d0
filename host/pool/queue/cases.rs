//! The queue in cases that the random operations of its model reach too rarely to be shown by them.

use bytes::Bytes;

use super::tests::*;
use super::*;

fn push(model: &mut Model, count: usize) {
    (0..count).for_each(|_| model.apply(Op::Push { caller: 0, rejected: false }));
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
    assert_eq!(model.queue.pop(model.runs[0]).unwrap().outcome.status(), Status::Crash);
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
    let first = model.queue.pop(model.runs[0]).unwrap();
    assert_eq!((first.input.tag, first.outcome.status(), first.receipt.attempts), (0, Status::Ok, 3));
    assert_eq!(first.receipt.retried(), [Status::Failed; 2]);
    let second = model.queue.pop(model.runs[0]).unwrap();
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
    let result = model.queue.pop(model.runs[0]).unwrap();
    assert_eq!((result.outcome.status(), result.receipt.retried()), (Status::Failed, &[][..]));
}

#[test]
fn a_task_that_is_cancelled_while_it_ends_is_not_retried() {
    let mut model = Model::new(1, true);
    push(&mut model, 1);
    model.apply(Op::Lease { slot: 0, rows: 1 });
    model.apply(Op::Begin { slot: 0 });
    model.queue.cancel_in_flight(0, 0);
    model.apply(Op::Answer { slot: 0, answer: Answered::Failed });
    let result = model.queue.pop(model.runs[0]).unwrap();
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
    let mut model = Model::new(2, true);
    let (run, other) = (model.runs[0], model.runs[1]);
    let queue = &mut model.queue;
    (0..4).for_each(|_| queue.push(run, Input::new(vec![0]), 0));
    let lease = |queue: &mut Queue, slot| queue.lease(slot, 1, &mut Encoder::default());
    let first = lease(queue, 0).unwrap();
    let second = lease(queue, 1).unwrap();
    let huge = Outcome::Ok(vec![0; WINDOW_BYTES].into());
    queue.answer(1, second.first, (huge, Receipt::host()), 0).unwrap();
    assert_eq!(lease(queue, 1), None);
    queue.push(other, Input::new(vec![0]), 0);
    let others = lease(queue, 1).unwrap();
    queue.answer(1, others.first, (Outcome::Ok(Bytes::new()), Receipt::host()), 0).unwrap();
    assert!(queue.pop(other).is_some(), "another run is not held up");
    queue.take_back(0, first.first);
    assert!(lease(queue, 1).is_some(), "the task that the caller waits for goes on");
}
