//! Values, independent of an engine.

/// A value of some [`super::Type`]. It has positions instead of names, so only its type gives it a meaning.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Bool(bool),
    /// A value of a signed integer type.
    Signed(i64),
    /// A value of an unsigned integer type.
    Unsigned(u64),
    F32(f32),
    F64(f64),
    Char(char),
    String(String),
    /// A `list<u8>`.
    Bytes(Vec<u8>),
    /// A list, or the members of a record or tuple in the order of their type.
    Many(Vec<Value>),
    /// A variant or an enum.
    Case(usize, Option<Box<Value>>),
    Option(Option<Box<Value>>),
    Result(Result<Option<Box<Value>>, Option<Box<Value>>>),
    /// The flags that are set, in the order of their type.
    Flags(Vec<usize>),
}

/// The result of reading JSON that fits its type: a [`Value`], or `()` if the JSON is only checked. Both use the same
/// code, so a row that was checked can be read. `()` takes no memory, nor does a list of it.
pub(super) trait Made: Sized {
    /// A byte of a `list<u8>`.
    type Byte: From<Byte>;

    /// A value without parts.
    fn simple(value: impl FnOnce() -> Value) -> Self;
    fn bytes(bytes: Vec<Self::Byte>) -> Self;
    fn many(parts: Vec<Self>) -> Self;
    fn case(case: usize, payload: Option<Box<Self>>) -> Self;
    fn option(some: Option<Box<Self>>) -> Self;
    fn result(payload: Result<Option<Box<Self>>, Option<Box<Self>>>) -> Self;
}

/// A byte before it becomes a [`Made::Byte`].
pub(super) struct Byte(pub u8);

impl From<Byte> for u8 {
    fn from(byte: Byte) -> u8 {
        byte.0
    }
}

impl From<Byte> for () {
    fn from(_: Byte) {}
}

impl Made for Value {
    type Byte = u8;

    fn simple(value: impl FnOnce() -> Value) -> Value {
        value()
    }

    fn bytes(bytes: Vec<u8>) -> Value {
        Value::Bytes(bytes)
    }

    fn many(parts: Vec<Value>) -> Value {
        Value::Many(parts)
    }

    fn case(case: usize, payload: Option<Box<Value>>) -> Value {
        Value::Case(case, payload)
    }

    fn option(some: Option<Box<Value>>) -> Value {
        Value::Option(some)
    }

    fn result(payload: Result<Option<Box<Value>>, Option<Box<Value>>>) -> Value {
        Value::Result(payload)
    }
}

impl Made for () {
    type Byte = ();

    fn simple(_: impl FnOnce() -> Value) {}

    fn bytes(_: Vec<()>) {}

    fn many(_: Vec<()>) {}

    fn case(_: usize, _: Option<Box<()>>) {}

    fn option(_: Option<Box<()>>) {}

    fn result(_: Result<Option<Box<()>>, Option<Box<()>>>) {}
}
