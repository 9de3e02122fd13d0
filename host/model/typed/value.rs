//! Values, apart from any engine.

/// A value of some [`super::Type`], which is needed to make sense of it: names are positions here.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Bool(bool),
    /// Of the signed integer types.
    Signed(i64),
    /// Of the unsigned integer types.
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

/// What reading makes of JSON that fits its type: a [`Value`], or nothing where it is only checked. Both are read by the same
/// code, so that a row that was checked is read. Nothing takes no memory, and neither do many of it.
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

/// A byte on its way to whoever keeps it.
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
