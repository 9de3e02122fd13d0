//! Bytes that are not the protocol.

use thiserror::Error;

use super::frame::Kind;

/// Bytes that are not the protocol.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum WireError {
    #[error("a frame without the magic number")]
    Magic,
    #[error("a frame of unknown kind {0}")]
    Kind(u8),
    #[error("a frame of {length} bytes, where {limit} are allowed")]
    TooLong { length: usize, limit: usize },
    #[error("a frame whose parts do not fill its length")]
    Length,
    #[error("an answer with status code {0}")]
    Status(u8),
    #[error("an answer with layer code {0}")]
    Layer(u8),
    #[error("a {0:?} frame, which has no place here")]
    Unexpected(Kind),
    #[error("an answer for task {got}, where {expected} is due")]
    Index { got: u32, expected: u32 },
    #[error("more answers than tasks")]
    TooMany,
    #[error("an output of {length} bytes, where {limit} are allowed")]
    Output { length: usize, limit: u64 },
    #[error("a call of shared state that does not parse")]
    StateCall,
    #[error("a call of shared state out of turn")]
    StateTurn,
    #[error("a name that is not UTF-8")]
    Name,
    #[error("a task for a function that the program does not have")]
    Function,
    #[error("text that does not parse: {0}")]
    Text(String),
}
