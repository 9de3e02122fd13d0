//! Calls of shared state and their replies as bytes, every length bounded. All integers are little-endian.
//!
//! ```text
//! call     operation u8 · its parts        text, bytes   length u32 · that many bytes
//! reply    kind u8 · its parts             list          count u32 · that many parts
//!                                          option        0 u8, or 1 u8 · the part
//! ```

use bytes::{Buf, BufMut, Bytes};

use crate::protocol::state_limits::{MAX_BATCH, MAX_CALL, StateError, check_key, check_value};
use crate::protocol::wire::WireError;

/// Longest call or reply, with room for its parts besides keys and values.
const MAX_BYTES: usize = MAX_CALL + 64;

/// Most bytes of a part of a list beyond its content.
pub(crate) const PAIR_OVERHEAD: usize = 8;

/// A task's call of shared state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    Get {
        key: String,
    },
    Set {
        key: String,
        value: Bytes,
    },
    Delete {
        key: String,
    },
    Exists {
        key: String,
    },
    /// A page of the keys after this one.
    ListKeys {
        after: Option<String>,
    },
    Increment {
        key: String,
        delta: Delta,
    },
    /// A value and its version.
    Watch {
        key: String,
    },
    /// Sets a value if it still has this version.
    Swap {
        key: String,
        version: u64,
        value: Bytes,
    },
    GetMany {
        keys: Vec<String>,
    },
    SetMany {
        pairs: Vec<(String, Bytes)>,
    },
    DeleteMany {
        keys: Vec<String>,
    },
}

/// The amount of an increment, and the type that the sum must fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delta {
    Signed(i64),
    Unsigned(u64),
}

/// The reply to a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    Done,
    Value(Option<Bytes>),
    Exists(bool),
    Keys {
        keys: Vec<String>,
        /// More keys follow the last of these.
        more: bool,
    },
    Number(i128),
    /// The watched value, or the value that a swap found instead of the expected one. A missing value has version 0.
    Versioned {
        version: u64,
        value: Option<Bytes>,
    },
    Values(Vec<Option<Bytes>>),
    /// A [`StateError`] in words.
    Refused(String),
}

impl Request {
    /// Checks the limits of one call.
    pub(crate) fn check(&self) -> Result<(), StateError> {
        match self {
            Request::Get { key }
            | Request::Delete { key }
            | Request::Exists { key }
            | Request::Increment { key, .. }
            | Request::Watch { key } => check_key(key),
            Request::Set { key, value } | Request::Swap { key, value, .. } => {
                check_key(key)?;
                check_value(value)
            }
            Request::ListKeys { after } => after.as_deref().map_or(Ok(()), check_key),
            Request::GetMany { keys } | Request::DeleteMany { keys } => {
                check_batch(keys.iter().map(|key| (key.as_str(), &[][..])))
            }
            Request::SetMany { pairs } => check_batch(pairs.iter().map(|(key, value)| (key.as_str(), &**value))),
        }
    }

    /// # Errors
    /// If it exceeds a limit, and so would be refused.
    pub fn encode(&self) -> Result<Vec<u8>, StateError> {
        self.check()?;
        let mut to = Vec::new();
        match self {
            Request::Get { key } => keyed(&mut to, 0, key),
            Request::Set { key, value } => {
                keyed(&mut to, 1, key);
                put(&mut to, value);
            }
            Request::Delete { key } => keyed(&mut to, 2, key),
            Request::Exists { key } => keyed(&mut to, 3, key),
            Request::ListKeys { after } => {
                to.put_u8(4);
                put_option(&mut to, after.as_deref().map(str::as_bytes));
            }
            Request::Increment { key, delta: Delta::Signed(delta) } => {
                keyed(&mut to, 5, key);
                to.put_i64_le(*delta);
            }
            Request::Increment { key, delta: Delta::Unsigned(delta) } => {
                keyed(&mut to, 6, key);
                to.put_u64_le(*delta);
            }
            Request::Watch { key } => keyed(&mut to, 7, key),
            Request::Swap { key, version, value } => {
                keyed(&mut to, 8, key);
                to.put_u64_le(*version);
                put(&mut to, value);
            }
            Request::GetMany { keys } => put_keys(&mut to, 9, keys),
            Request::SetMany { pairs } => {
                to.put_u8(10);
                to.put_u32_le(length(pairs.len()));
                for (key, value) in pairs {
                    put(&mut to, key.as_bytes());
                    put(&mut to, value);
                }
            }
            Request::DeleteMany { keys } => put_keys(&mut to, 11, keys),
        }
        Ok(to)
    }

    /// # Errors
    /// If the bytes are not one call.
    pub fn decode(mut from: Bytes) -> Result<Request, WireError> {
        let from = &mut from;
        let request = match operation(from)? {
            0 => Request::Get { key: text(from)? },
            1 => Request::Set { key: text(from)?, value: kept(from)? },
            2 => Request::Delete { key: text(from)? },
            3 => Request::Exists { key: text(from)? },
            4 => Request::ListKeys { after: option(from, text)? },
            5 => Request::Increment { key: text(from)?, delta: Delta::Signed(from.try_get_i64_le().map_err(none)?) },
            6 => Request::Increment { key: text(from)?, delta: Delta::Unsigned(from.try_get_u64_le().map_err(none)?) },
            7 => Request::Watch { key: text(from)? },
            8 => {
                let (key, version) = (text(from)?, from.try_get_u64_le().map_err(none)?);
                Request::Swap { key, version, value: kept(from)? }
            }
            9 => Request::GetMany { keys: list(from, text)? },
            10 => Request::SetMany { pairs: list(from, |from| Ok((text(from)?, kept(from)?)))? },
            11 => Request::DeleteMany { keys: list(from, text)? },
            _ => return Err(WireError::StateCall),
        };
        whole(from, request)
    }
}

fn check_batch<'a>(pairs: impl ExactSizeIterator<Item = (&'a str, &'a [u8])>) -> Result<(), StateError> {
    if pairs.len() > MAX_BATCH {
        return Err(StateError::BatchKeys(pairs.len()));
    }
    let mut size = 0;
    for (key, value) in pairs {
        check_key(key)?;
        check_value(value)?;
        size += PAIR_OVERHEAD + key.len() + value.len();
    }
    if size > MAX_CALL { Err(StateError::Batch(size)) } else { Ok(()) }
}

impl Reply {
    pub fn encode(&self) -> Vec<u8> {
        let mut to = Vec::new();
        match self {
            Reply::Done => to.put_u8(0),
            Reply::Value(value) => {
                to.put_u8(1);
                put_option(&mut to, value.as_deref());
            }
            Reply::Exists(exists) => to.put_slice(&[2, u8::from(*exists)]),
            Reply::Keys { keys, more } => {
                put_keys(&mut to, 3, keys);
                to.put_u8(u8::from(*more));
            }
            Reply::Number(number) => {
                to.put_u8(4);
                to.put_i128_le(*number);
            }
            Reply::Versioned { version, value } => {
                to.put_u8(5);
                to.put_u64_le(*version);
                put_option(&mut to, value.as_deref());
            }
            Reply::Values(values) => {
                to.put_u8(6);
                to.put_u32_le(length(values.len()));
                values.iter().for_each(|value| put_option(&mut to, value.as_deref()));
            }
            Reply::Refused(why) => keyed(&mut to, 7, why),
        }
        to
    }

    /// # Errors
    /// If the bytes are not one reply.
    pub fn decode(mut from: Bytes) -> Result<Reply, WireError> {
        let from = &mut from;
        let reply = match operation(from)? {
            0 => Reply::Done,
            1 => Reply::Value(option(from, bytes)?),
            2 => Reply::Exists(flag(from)?),
            3 => Reply::Keys { keys: list(from, text)?, more: flag(from)? },
            4 => Reply::Number(from.try_get_i128_le().map_err(none)?),
            5 => Reply::Versioned { version: from.try_get_u64_le().map_err(none)?, value: option(from, bytes)? },
            6 => Reply::Values(list(from, |from| option(from, bytes))?),
            7 => Reply::Refused(text(from)?),
            _ => return Err(WireError::StateCall),
        };
        whole(from, reply)
    }
}

fn keyed(to: &mut Vec<u8>, operation: u8, key: &str) {
    to.put_u8(operation);
    put(to, key.as_bytes());
}

fn put(to: &mut Vec<u8>, bytes: &[u8]) {
    to.put_u32_le(length(bytes.len()));
    to.put_slice(bytes);
}

fn put_option(to: &mut Vec<u8>, bytes: Option<&[u8]>) {
    to.put_u8(u8::from(bytes.is_some()));
    if let Some(bytes) = bytes {
        put(to, bytes);
    }
}

fn put_keys(to: &mut Vec<u8>, operation: u8, keys: &[String]) {
    to.put_u8(operation);
    to.put_u32_le(length(keys.len()));
    keys.iter().for_each(|key| put(to, key.as_bytes()));
}

fn length(length: usize) -> u32 {
    u32::try_from(length).expect("keys, values and lists are bounded by MAX_CALL")
}

fn none(_: bytes::TryGetError) -> WireError {
    WireError::StateCall
}

/// The first byte, if the whole is within [`MAX_BYTES`].
fn operation(from: &mut Bytes) -> Result<u8, WireError> {
    if from.len() > MAX_BYTES {
        return Err(WireError::TooLong { length: from.len(), limit: MAX_BYTES });
    }
    from.try_get_u8().map_err(none)
}

/// Requires that nothing follows.
fn whole<T>(rest: &Bytes, parsed: T) -> Result<T, WireError> {
    if rest.is_empty() { Ok(parsed) } else { Err(WireError::StateCall) }
}

fn bytes(from: &mut Bytes) -> Result<Bytes, WireError> {
    let length = from.try_get_u32_le().map_err(none)? as usize;
    if length > from.len() {
        return Err(WireError::StateCall);
    }
    Ok(from.split_to(length))
}

/// A copy of bytes that outlive the call. Without it, one value that stays would keep a whole call of many alive.
fn kept(from: &mut Bytes) -> Result<Bytes, WireError> {
    bytes(from).map(|value| Bytes::copy_from_slice(&value))
}

fn text(from: &mut Bytes) -> Result<String, WireError> {
    String::from_utf8(bytes(from)?.into()).map_err(|_| WireError::StateCall)
}

fn flag(from: &mut Bytes) -> Result<bool, WireError> {
    match from.try_get_u8().map_err(none)? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(WireError::StateCall),
    }
}

type Part<T> = fn(&mut Bytes) -> Result<T, WireError>;

fn option<T>(from: &mut Bytes, part: Part<T>) -> Result<Option<T>, WireError> {
    if flag(from)? { part(from).map(Some) } else { Ok(None) }
}

/// Reads until the count or the bytes end. A large count alone takes no memory.
fn list<T>(from: &mut Bytes, part: Part<T>) -> Result<Vec<T>, WireError> {
    let count = from.try_get_u32_le().map_err(none)?;
    if count as usize > MAX_BATCH {
        return Err(WireError::StateCall);
    }
    (0..count).map(|_| part(from)).collect()
}
