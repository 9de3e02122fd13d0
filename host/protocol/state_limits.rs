//! What shared state takes, and why a call is refused.

use thiserror::Error;

/// Most bytes of keys and values in one call or reply: four of the largest values, and little enough that a host with
/// hundreds of workers can hold a reply for each.
pub const MAX_CALL: usize = 4 << 20;

/// Most keys in one call, so that short ones make no long work of it.
pub const MAX_BATCH: usize = 1 << 14;

/// Most bytes of keys and values together, and of [`ENTRY_COST`] for each entry: the host holds them in memory.
pub const MAX_STATE: usize = 64 << 20;

/// What an entry counts beyond its key and value: about what the host needs to find it.
pub const ENTRY_COST: usize = 128;

/// Longest key in bytes: more than names and paths take, and what other stores allow.
pub const MAX_KEY: usize = 1 << 10;

/// Largest value in bytes. Values go over a pipe with every call, which larger ones would make slow.
pub const MAX_VALUE: usize = 1 << 20;

/// Why a call was refused. Tasks get the text as the error `other`.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum StateError {
    #[error("a key of {0} bytes; keys have at most {MAX_KEY}")]
    Key(usize),
    #[error("a value of {0} bytes; values have at most {MAX_VALUE}")]
    Value(usize),
    #[error("a batch of {0} bytes; one call has at most {max}, so do it in parts", max = MAX_CALL)]
    Batch(usize),
    #[error("a batch of {0} keys; one call has at most {max}, so do it in parts", max = MAX_BATCH)]
    BatchKeys(usize),
    #[error("shared state is full: keys and values have at most {MAX_STATE} bytes, with {ENTRY_COST} for each entry")]
    Full,
    #[error("the value of `{0}` is not a decimal integer, so it cannot be incremented")]
    NotANumber(String),
    #[error("the value of `{0}` would leave the range of its type")]
    Overflow(String),
    /// Text that is no shared state.
    #[error("not a JSON object of keys and values: {0}")]
    Json(String),
}

pub(crate) fn check_key(key: &str) -> Result<(), StateError> {
    if key.len() > MAX_KEY { Err(StateError::Key(key.len())) } else { Ok(()) }
}

pub(crate) fn check_value(value: &[u8]) -> Result<(), StateError> {
    if value.len() > MAX_VALUE { Err(StateError::Value(value.len())) } else { Ok(()) }
}
