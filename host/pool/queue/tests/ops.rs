//! Operations of callers and workers.

use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;

use super::RUNS;
use crate::model::outcome::{Layer, Status};
use crate::protocol::wire::{AnswerHead, Answers, Encoder, HEADER, Kind, OkAnswers, Times};

#[derive(Clone, Copy, Debug)]
pub enum Op {
    Push {
        caller: usize,
        rejected: bool,
    },
    /// A run gets many plain rows at a time.
    PushSpan {
        run: usize,
        rows: usize,
    },
    Lease {
        slot: usize,
        rows: usize,
    },
    /// The worker begins its next task, if it has one.
    Begin {
        slot: usize,
    },
    /// The worker answers the first task that it has begun and not answered.
    Answer {
        slot: usize,
        answer: Answered,
    },
    /// The worker answers up to so many of its begun tasks, as long as they are plain.
    AnswerInARow {
        slot: usize,
        most: usize,
    },
    WrongAnswer {
        slot: usize,
    },
    TakeBack {
        slot: usize,
    },
    Die {
        slot: usize,
        verdict: u8,
    },
    /// A caller cancels a task of its own.
    Cancel {
        task: usize,
    },
    /// A caller drops its results.
    Abandon {
        run: usize,
    },
    /// The running task changes shared state.
    Change {
        slot: usize,
    },
    /// Time passes.
    Wait,
    Pop {
        run: usize,
    },
    Stop,
    /// A lookup of lines begins.
    AskLines,
    /// It ends.
    LearnLines,
    FailLines,
}

#[derive(Clone, Copy, Debug)]
pub enum Answered {
    Small,
    Large,
    /// An outcome after which the task is retried.
    Failed,
    /// A task that is not ok, with a frame at this place.
    Traced(Status, u32),
}

pub fn any_op(slots: usize) -> impl Strategy<Value = Op> {
    let slot = 0..slots;
    let answer = prop_oneof![4 => Just(Answered::Small), 1 => Just(Answered::Large), 2 => Just(Answered::Failed),
        2 => (prop_oneof![Just(Status::Trap), Just(Status::Failed)], 0..5u32).prop_map(|(status, at)| Answered::Traced(status, at))];
    prop_oneof![
        8 => (0..=RUNS, any::<u8>()).prop_map(|(caller, n)| Op::Push { caller, rejected: n < 8 }),
        6 => (0..RUNS, 1..9usize).prop_map(|(run, rows)| Op::PushSpan { run, rows }),
        8 => (slot.clone(), 1..6usize).prop_map(|(slot, rows)| Op::Lease { slot, rows }),
        16 => slot.clone().prop_map(|slot| Op::Begin { slot }),
        12 => (slot.clone(), answer).prop_map(|(slot, answer)| Op::Answer { slot, answer }),
        8 => (slot.clone(), 1..6usize).prop_map(|(slot, most)| Op::AnswerInARow { slot, most }),
        1 => slot.clone().prop_map(|slot| Op::WrongAnswer { slot }),
        3 => slot.clone().prop_map(|slot| Op::TakeBack { slot }),
        4 => slot.clone().prop_map(|slot| Op::Change { slot }),
        3 => (slot, 0..6u8).prop_map(|(slot, verdict)| Op::Die { slot, verdict }),
        3 => any::<usize>().prop_map(|task| Op::Cancel { task }),
        1 => (0..RUNS).prop_map(|run| Op::Abandon { run }),
        3 => Just(Op::Wait),
        6 => (0..RUNS).prop_map(|run| Op::Pop { run }),
        1 => Just(Op::Stop),
        4 => Just(Op::AskLines),
        4 => Just(Op::LearnLines),
        1 => Just(Op::FailLines),
    ]
}

/// Answers as they come over the wire.
pub fn plain_answers(outputs: impl Iterator<Item = [u8; 8]>) -> OkAnswers {
    let head = AnswerHead { status: Status::Ok, layer: Layer::Guest, wall: Duration::from_nanos(5) };
    let mut frame = Encoder::default();
    outputs.for_each(|output| frame.push_answer(head, b"", &output));
    let count = frame.count();
    let payload = Bytes::copy_from_slice(&frame.finish(Kind::Answers, 0, Times::default())[HEADER..]);
    Answers::new(payload, count).plain(count as usize, u64::MAX)
}
