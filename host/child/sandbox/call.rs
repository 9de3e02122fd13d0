//! One call of a program, and its return value.

use std::ops::Range;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use wasmtime::Memory;

use super::guard::Deadline;
use crate::model::outcome::ErrorDetail;
use crate::model::report::Convention;
use crate::model::typed::Value;
use crate::protocol::wire::Task;

/// A row, ready for the program.
#[derive(Clone)]
pub(super) struct Call<'a> {
    pub task: Task<'a>,
    pub convention: Convention,
    pub deadline: Option<Deadline>,
    /// The arguments of a command.
    pub command: Option<Box<CommandLine>>,
    /// A function's arguments.
    pub values: Vec<Value>,
    /// The directories of the row, one for each grant of such a directory.
    pub dirs: Vec<Arc<OwnedFd>>,
}

#[derive(Clone)]
pub(super) struct CommandLine {
    pub args: Vec<String>,
    pub stdin: Bytes,
}

/// Measurements of a task that are made only on request.
pub(super) struct Spent {
    pub start: Duration,
    pub cpu: Duration,
}

/// The end of a task that was not stopped.
pub(super) enum Returned {
    /// The guest's bytes.
    Output(Vec<u8>),
    /// Bytes in the guest's memory. The guest must not be called again until they have been taken.
    Lent { memory: Memory, place: Range<usize> },
    /// The guest's `err`.
    Refused(String),
    /// The `failure` of a script.
    Failed(Box<ErrorDetail>),
    /// A command that ended with this code. Its stdout has its bytes.
    Exited(i32),
}

/// A task names a function that its program does not have.
#[derive(Debug)]
pub(crate) struct NoFunction;
