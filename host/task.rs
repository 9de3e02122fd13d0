//! What goes into the pool and what comes out of it.

use std::sync::Arc;

use bytes::Bytes;

use crate::limits::MAX_INPUT;
use crate::outcome::{ErrorDetail, Outcome, Receipt};

/// A task's position among the inputs of its run, counted from 0. It is the task's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(pub u64);

/// Longest name of an input in bytes: no path that the kernel takes is longer.
pub(crate) const MAX_NAME: usize = 4096;

/// The bytes of one task, the name it may have, and a number of the caller's that comes back with the result.
#[derive(Clone, Debug)]
pub struct Input {
    /// What the guest is given.
    pub bytes: Bytes,
    /// Anything that helps the caller: wpool never looks at it. The command line keeps the line number here.
    pub tag: u64,
    /// What the input is called, such as the path of a file: [`crate::Template`]s are made from it.
    pub name: Option<Arc<str>>,
    /// Why this input is not fit to run, when its source already knows.
    pub(crate) rejected: Option<Box<Rejected>>,
}

/// A reason not to run an input: the task settles as `invalid-input` without meeting a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejected {
    /// The row is longer than [`crate::limits::MAX_INPUT`]; its bytes were not kept.
    TooLong,
    /// Anything else that its source has to say about it.
    Because(ErrorDetail),
}

impl Rejected {
    /// A reason as a word for programs and a sentence.
    pub fn because(code: &str, message: impl Into<String>) -> Self {
        Rejected::Because(ErrorDetail::new(code, message))
    }

    /// What the record of such an input says.
    pub(crate) fn detail(&self) -> ErrorDetail {
        match self {
            Rejected::TooLong => ErrorDetail::new("line-too-long", format!("longer than {} MiB", MAX_INPUT >> 20)),
            Rejected::Because(error) => error.clone(),
        }
    }
}

impl Input {
    /// An input of these bytes, with tag 0.
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        Input { bytes: bytes.into(), tag: 0, name: None, rejected: None }
    }

    /// The same input with the caller's own number on it.
    pub fn tagged(self, tag: u64) -> Self {
        Input { tag, ..self }
    }

    /// The same input with a name, of at most 4 KiB.
    pub fn named(self, name: impl Into<Arc<str>>) -> Self {
        Input { name: Some(name.into()), ..self }
    }

    /// An input whose source could not deliver it; it keeps its place in the order.
    pub fn rejected(reason: Rejected) -> Self {
        Input::new(Bytes::new()).reject(reason)
    }

    /// The same input, not to be run.
    pub fn reject(self, reason: Rejected) -> Self {
        Input { rejected: Some(Box::new(reason)), ..self }
    }

    /// Whether the task will settle as `invalid-input` without meeting a worker.
    pub fn is_rejected(&self) -> bool {
        self.rejected.is_some()
    }

    /// Bytes that it takes wherever it waits.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len() + self.name.as_deref().map_or(0, str::len)
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
