//! Settled tasks as they are returned: singly, or together if they came in one piece.

use std::time::Duration;

use crate::model::outcome::{Layer, Outcome, Receipt};
use crate::model::span::Span;
use crate::model::task::{TaskId, TaskResult};
use crate::protocol::wire::OkAnswers;

/// An item of [`crate::Results::next_settled`].
#[derive(Debug)]
pub enum Settled {
    /// A single task.
    One(TaskResult),
    /// A stretch of plain rows whose tasks are all ok.
    Many(OkSpan),
}

impl Settled {
    /// The number of tasks.
    pub fn len(&self) -> usize {
        match self {
            Settled::One(_) => 1,
            Settled::Many(span) => span.len(),
        }
    }

    /// Whether it has no task.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl IntoIterator for Settled {
    type Item = TaskResult;
    type IntoIter =
        std::iter::Chain<std::option::IntoIter<TaskResult>, std::iter::Flatten<std::option::IntoIter<OkSpan>>>;

    fn into_iter(self) -> Self::IntoIter {
        let (one, many) = match self {
            Settled::One(result) => (Some(result), None),
            Settled::Many(span) => (None, Some(span)),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }
}

/// Tasks of a span that are ok at their first attempt and have only outputs to report, in the order of their ids.
#[derive(Debug)]
pub struct OkSpan {
    first: u64,
    rows: Span,
    answers: OkAnswers,
    /// Nanoseconds from the acceptance of the tasks to the start of the first.
    wait: u64,
    /// Nanoseconds from the start of the pool to the start of the first.
    began: u64,
    slot: u32,
}

/// When the first task of a span began, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SpanTimes {
    /// Since the acceptance of the tasks.
    pub wait: u64,
    /// Since the start of the pool.
    pub began: u64,
}

/// One task of an [`OkSpan`].
#[derive(Clone, Copy, Debug)]
pub struct OkTask<'a> {
    /// The guest's bytes, unchanged.
    pub output: &'a [u8],
    /// Nanoseconds, as in [`Receipt::wall`].
    pub wall: u64,
    /// Nanoseconds, as in [`Receipt::wait`].
    pub wait: u64,
    /// Nanoseconds, as in [`Receipt::began`].
    pub began: u64,
}

impl OkSpan {
    /// Makes a span. There must be as many rows as answers.
    pub(crate) fn new(first: u64, rows: Span, answers: OkAnswers, times: SpanTimes, slot: u32) -> OkSpan {
        debug_assert_eq!(rows.len(), answers.len());
        let SpanTimes { wait, began } = times;
        OkSpan { first, rows, answers, wait, began, slot }
    }

    /// The number of tasks.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it has no task.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The first id.
    pub fn first(&self) -> TaskId {
        TaskId(self.first)
    }

    /// The inputs.
    pub fn rows(&self) -> &Span {
        &self.rows
    }

    /// The slot of the worker that ran them.
    pub fn slot(&self) -> u32 {
        self.slot
    }

    /// Bytes of all outputs.
    pub fn output_bytes(&self) -> usize {
        self.answers.output_bytes()
    }

    /// The tasks, without taking them out.
    pub fn iter(&self) -> impl Iterator<Item = OkTask<'_>> {
        let (mut wait, mut began) = (self.wait, self.began);
        self.answers.iter().map(move |(output, wall)| {
            let task = OkTask { output, wall, wait, began };
            wait = wait.saturating_add(wall);
            began = began.saturating_add(wall);
            task
        })
    }

    /// Takes out the first task.
    pub fn pop(&mut self) -> Option<TaskResult> {
        let (output, wall) = self.answers.pop()?;
        let input = self.rows.split_to(1).input(0);
        let receipt = Receipt {
            layer: Layer::Guest,
            attempts: 1,
            slot: Some(self.slot),
            wall: Duration::from_nanos(wall),
            wait: Duration::from_nanos(self.wait),
            began: Duration::from_nanos(self.began),
            ..Receipt::host()
        };
        let id = TaskId(self.first);
        self.first += 1;
        self.wait = self.wait.saturating_add(wall);
        self.began = self.began.saturating_add(wall);
        Some(TaskResult { id, input, outcome: Outcome::Ok(output), receipt })
    }
}

impl Iterator for OkSpan {
    type Item = TaskResult;

    fn next(&mut self) -> Option<TaskResult> {
        self.pop()
    }
}
