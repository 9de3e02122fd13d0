//! Inputs and results of a pool.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use crate::model::limits::MAX_INPUT;
use crate::model::outcome::{ErrorDetail, Failure, Outcome, Receipt};

/// The task's identity: its position among the inputs of its run, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(pub u64);

/// Longest name of an input in bytes. The kernel takes no longer path.
pub(crate) const MAX_NAME: usize = 4096;

/// The bytes of one task, its name if it has one, and a number of the caller's that comes back with the result.
#[derive(Clone, Debug)]
pub struct Input {
    /// The bytes for the guest.
    pub bytes: Bytes,
    /// A number for the caller's own use, which wpool never reads. The command line keeps the line number here.
    pub tag: u64,
    /// The name of the input, such as the path of a file. [`crate::template::Template`]s use it.
    pub name: Option<Arc<str>>,
    /// Settings that few inputs have.
    special: Option<Box<Special>>,
}

/// Boxed, because inputs are moved a million times a second.
#[derive(Clone, Debug, Default)]
struct Special {
    /// The reason why this input is unfit to run, if its source already knows.
    rejected: Option<Rejected>,
    deadline: Option<Duration>,
    function: Option<u32>,
    occurrence: u32,
    origin: Option<Bytes>,
}

/// A reason not to run an input. Its task settles as `invalid-input` without meeting a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejected {
    /// The row is longer than [`crate::model::limits::MAX_INPUT`]; its bytes were not kept.
    TooLong,
    /// Any other reason of its source.
    Because(ErrorDetail),
}

impl Rejected {
    /// A reason as a word for programs and a sentence for people.
    pub fn because(code: &str, message: impl Into<String>) -> Self {
        Rejected::Because(ErrorDetail::new(code, message))
    }

    /// The error in the record of such an input.
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
        Input { bytes: bytes.into(), tag: 0, name: None, special: None }
    }

    /// The same input with the caller's own number on it.
    pub fn tagged(self, tag: u64) -> Self {
        Input { tag, ..self }
    }

    /// The same input with a name, of at most 4 KiB.
    pub fn named(self, name: impl Into<Arc<str>>) -> Self {
        Input { name: Some(name.into()), ..self }
    }

    /// An input that its source could not deliver. It keeps its place in the order.
    pub fn rejected(reason: Rejected) -> Self {
        Input::new(Bytes::new()).reject(reason)
    }

    /// An input from a value's JSON. A value is the only parameter of a function, and a tuple is several.
    ///
    /// A value without JSON, such as a map with keys that are not strings, is rejected.
    pub fn json(value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(bytes) => Input::new(bytes),
            Err(error) => Input::rejected(Rejected::because("json", format!("it cannot be written as JSON: {error}"))),
        }
    }

    /// The same input with a deadline of its own, instead of the pool's.
    ///
    /// Programs of a pool without a deadline are compiled without the checks for one. The host then keeps the deadline
    /// by killing the worker, which costs a new one, and takes no deadline shorter than 30 ms.
    pub fn timeout(mut self, deadline: Duration) -> Self {
        self.special().deadline = Some(deadline);
        self
    }

    /// The same input, not to be run.
    pub fn reject(mut self, reason: Rejected) -> Self {
        self.special().rejected = Some(reason);
        self
    }

    /// The same input as the `n`-th with its bytes, counted from 0. In a deterministic pool, inputs of the same bytes
    /// get the same random numbers unless their occurrence differs. It has no other effect.
    pub fn occurrence(mut self, n: u32) -> Self {
        if n != self.occurrence_number() {
            self.special().occurrence = n;
        }
        self
    }

    /// The same input, with the text that its source made it of. It comes back with the result and has no other effect.
    pub fn made_of(mut self, origin: impl Into<Bytes>) -> Self {
        self.special().origin = Some(origin.into());
        self
    }

    /// The text set by [`Input::made_of`].
    pub fn origin(&self) -> Option<&Bytes> {
        self.special.as_ref()?.origin.as_ref()
    }

    /// The same input for the function at this index of the report's list.
    pub(crate) fn call(mut self, function: u32) -> Self {
        self.special().function = Some(function);
        self
    }

    fn special(&mut self) -> &mut Special {
        self.special.get_or_insert_default()
    }

    /// Whether the task will settle as `invalid-input` without meeting a worker.
    pub fn is_rejected(&self) -> bool {
        self.rejection().is_some()
    }

    pub(crate) fn rejection(&self) -> Option<&Rejected> {
        self.special.as_ref()?.rejected.as_ref()
    }

    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.special.as_ref()?.deadline
    }

    pub(crate) fn function(&self) -> Option<u32> {
        self.special.as_ref()?.function
    }

    /// The number set by [`Input::occurrence`]; 0 by default.
    pub fn occurrence_number(&self) -> u32 {
        self.special.as_ref().map_or(0, |special| special.occurrence)
    }

    /// Bytes that the input holds in memory while it waits.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len() + self.name.as_deref().map_or(0, str::len) + self.origin().map_or(0, Bytes::len)
    }
}

impl<T: Into<Bytes>> From<T> for Input {
    fn from(bytes: T) -> Self {
        Input::new(bytes)
    }
}

/// A settled task.
#[derive(Clone, Debug)]
pub struct TaskResult {
    /// The identity of the task.
    pub id: TaskId,
    /// The input as it was given, so that a caller can keep it and run it again.
    pub input: Input,
    /// The end of the task.
    pub outcome: Outcome,
    /// The times and the place of its attempts.
    pub receipt: Receipt,
}

impl TaskResult {
    /// The result of a task that no pool was given, because of a failure that is known before.
    pub fn unstarted(id: TaskId, input: Input, failure: Failure) -> Self {
        TaskResult { id, input, outcome: Outcome::NotOk(Box::new(failure)), receipt: Receipt::host() }
    }
}
