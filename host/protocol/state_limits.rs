//! Limits of shared state, and reasons to refuse a call.

use thiserror::Error;

/// Most bytes of keys and values in one call or reply: four of the largest values. A host with hundreds of workers can
/// hold a reply of this size for each.
pub const MAX_CALL: usize = 4 << 20;

/// Most keys in one call, so that many short keys do not make it slow.
pub const MAX_BATCH: usize = 1 << 14;

/// Most bytes of keys and values together, and of [`ENTRY_COST`] for each entry: the host holds them in memory.
pub const MAX_STATE: usize = 64 << 20;

/// Bytes that an entry counts beyond its key and value: about the host's cost of finding it.
pub const ENTRY_COST: usize = 128;

/// Longest key in bytes: more than names and paths need, and the limit of other stores.
pub const MAX_KEY: usize = 1 << 10;

/// Largest value in bytes. Values cross a pipe with every call, so larger values would make calls slow.
pub const MAX_VALUE: usize = 1 << 20;

/// The reason why a call was refused. Tasks get the text as the error `other`.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum StateError {
    /// A key of this many bytes, which are too many.
    #[error("a key of {0} bytes; keys have at most {MAX_KEY}")]
    Key(usize),
    /// A value of this many bytes, which are too many.
    #[error("a value of {0} bytes; values have at most {MAX_VALUE}")]
    Value(usize),
    /// A call with keys and values of this many bytes together, which are too many.
    #[error("a batch of {0} bytes; one call has at most {max}, so do it in parts", max = MAX_CALL)]
    Batch(usize),
    /// A call with this many keys, which are too many.
    #[error("a batch of {0} keys; one call has at most {max}, so do it in parts", max = MAX_BATCH)]
    BatchKeys(usize),
    /// There is no room for the entry.
    #[error("shared state is full: keys and values have at most {MAX_STATE} bytes, with {ENTRY_COST} for each entry")]
    Full,
    /// An increment of a key, named here, whose value is not a number.
    #[error("the value of `{0}` is not a decimal integer, so it cannot be incremented")]
    NotANumber(String),
    /// An increment of a key, named here, beyond the type of its number.
    #[error("the value of `{0}` would leave the range of its type")]
    Overflow(String),
    /// The text is not a shared state.
    #[error("not a JSON object of keys and values: {0}")]
    Json(String),
}

pub(crate) fn check_key(key: &str) -> Result<(), StateError> {
    if key.len() > MAX_KEY { Err(StateError::Key(key.len())) } else { Ok(()) }
}

pub(crate) fn check_value(value: &[u8]) -> Result<(), StateError> {
    if value.len() > MAX_VALUE { Err(StateError::Value(value.len())) } else { Ok(()) }
}
