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
