//! One call of a program, and what it gives.

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use wasmtime::Memory;

use super::guard::Deadline;
use crate::model::report::Convention;
use crate::model::typed::Value;
use crate::protocol::wire::Task;

/// A row, made ready for the program.
#[derive(Clone)]
pub(super) struct Call<'a> {
    pub task: Task<'a>,
    pub convention: Convention,
    pub deadline: Option<Deadline>,
    /// What a command is started with.
    pub command: Option<Box<CommandLine>>,
    /// A function's arguments.
    pub values: Vec<Value>,
}

#[derive(Clone)]
pub(super) struct CommandLine {
    pub args: Vec<String>,
    pub stdin: Bytes,
}

/// What is measured of a task only on request.
pub(super) struct Spent {
    pub start: Duration,
    pub cpu: Duration,
}

/// How a task ended that was not stopped.
pub(super) enum Returned {
    /// The guest's bytes.
    Output(Vec<u8>),
    /// Bytes that lie in the guest's memory, which is not called any more until they have been taken.
    Lent { memory: Memory, place: Range<usize> },
    /// The guest's `err`.
    Refused(String),
    /// A command that ended; its bytes are in its stdout.
    Command,
    /// A command component that returned `err`: it failed, without a code.
    CommandFailed,
}

/// A task names a function that its program does not have.
#[derive(Debug)]
pub(crate) struct NoFunction;
