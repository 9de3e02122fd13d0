//! What goes into the pool and what comes out of it.

use bytes::Bytes;

use crate::limits::MAX_INPUT;
use crate::outcome::{ErrorDetail, Outcome, Receipt};

/// A task's position among the inputs of its run, counted from 0. It is the task's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(pub u64);

/// The bytes of one task, and a number of the caller's that comes back with the result.
#[derive(Clone, Debug)]
pub struct Input {
    /// What the guest is given.
    pub bytes: Bytes,
    /// Anything that helps the caller: wpool never looks at it. The command line keeps the line number here.
    pub tag: u64,
    /// Why this input is not fit to run, when its source already knows.
    pub(crate) rejected: Option<Rejected>,
}

/// A reason not to run an input: the task settles as `invalid-input` without meeting a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejected {
    /// The row is longer than [`crate::limits::MAX_INPUT`]; its bytes were not kept.
    TooLong,
}

impl Rejected {
    /// What the record of such an input says.
    pub(crate) fn detail(self) -> ErrorDetail {
        match self {
            Rejected::TooLong => ErrorDetail::new("line-too-long", format!("longer than {} MiB", MAX_INPUT >> 20)),
        }
    }
}

impl Input {
    /// An input of these bytes, with tag 0.
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        Input { bytes: bytes.into(), tag: 0, rejected: None }
    }

    /// The same input with the caller's own number on it.
    pub fn tagged(self, tag: u64) -> Self {
        Input { tag, ..self }
    }

    /// An input whose source could not deliver it; it keeps its place in the order.
    pub fn rejected(reason: Rejected) -> Self {
        Input { bytes: Bytes::new(), tag: 0, rejected: Some(reason) }
    }
}

impl<T: Into<Bytes>> From<T> for Input {
    fn from(bytes: T) -> Self {
        Input::new(bytes)
    }
}

/// One settled task.
#[derive(Clone, Debug)]
pub struct TaskResult {
    pub id: TaskId,
    /// The input as it was given, so that a failed one can be kept and run again.
    pub input: Input,
    pub outcome: Outcome,
    pub receipt: Receipt,
}
