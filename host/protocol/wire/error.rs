//! Bytes that are not the protocol.

use thiserror::Error;

use super::frame::Kind;

/// Bytes that are not the protocol.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum WireError {
    /// The magic number is missing.
    #[error("a frame without the magic number")]
    Magic,
    /// A kind that does not exist.
    #[error("a frame of unknown kind {0}")]
    Kind(u8),
    /// The frame is too long.
    #[error("a frame of {length} bytes, where {limit} are allowed")]
    TooLong {
        /// Bytes of the frame, by its header.
        length: usize,
        /// Most bytes that its receiver takes.
        limit: usize,
    },
    /// The parts do not fill the length.
    #[error("a frame whose parts do not fill its length")]
    Length,
    /// A code of a status that does not exist.
    #[error("an answer with status code {0}")]
    Status(u8),
    /// A code of a layer that does not exist.
    #[error("an answer with layer code {0}")]
    Layer(u8),
    /// A kind that its receiver does not take at this point.
    #[error("a {0:?} frame, which has no place here")]
    Unexpected(Kind),
    /// An answer out of order.
    #[error("an answer for task {got}, where {expected} is due")]
    Index {
        /// The index in the answer.
        got: u32,
        /// The index of the oldest task without an answer.
        expected: u32,
    },
    /// More answers than tasks.
    #[error("more answers than tasks")]
    TooMany,
    /// The output is too long.
    #[error("an output of {length} bytes, where {limit} are allowed")]
    Output {
        /// Bytes of the output.
        length: usize,
        /// Most bytes that the host takes.
        limit: u64,
    },
    /// A call of shared state that does not parse.
    #[error("a call of shared state that does not parse")]
    StateCall,
    /// A call of shared state by a worker that has one already, or has no task.
    #[error("a call of shared state out of turn")]
    StateTurn,
    /// A name that is not UTF-8.
    #[error("a name that is not UTF-8")]
    Name,
    /// An index of a function beyond those of the report.
    #[error("a task for a function that the program does not have")]
    Function,
    /// A report of what a task touched that names what it was not granted, or too much.
    #[error("a report of what a task touched that cannot be true")]
    Footprint,
    /// JSON that does not parse, for this reason.
    #[error("text that does not parse: {0}")]
    Text(String),
}
