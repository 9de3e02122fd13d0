//! Types that have data, and their names in WIT.

use std::fmt::{self, Display};

use serde::{Deserialize, Serialize};

/// A WIT type that has data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Type {
    Bool,
    S8,
    U8,
    S16,
    U16,
    S32,
    U32,
    S64,
    U64,
    F32,
    F64,
    Char,
    String,
    List(Box<Type>),
    Record(Vec<Field>),
    Tuple(Vec<Type>),
    Variant(Vec<Case>),
    Enum(Vec<String>),
    Option(Box<Type>),
    Result { ok: Option<Box<Type>>, err: Option<Box<Type>> },
    Flags(Vec<String>),
}

/// A field of a record, or a parameter of a function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    pub name: String,
    #[serde(rename = "type")]
    pub ty: Type,
}

/// A case of a variant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    pub name: String,
    pub payload: Option<Type>,
}

/// The parameters and the result of a function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    pub params: Vec<Field>,
    pub result: Option<Type>,
}

impl Type {
    /// `list<u8>`, which is bytes and not an array of numbers.
    pub(crate) fn is_bytes(&self) -> bool {
        matches!(self, Type::List(element) if **element == Type::U8)
    }

    pub(crate) fn is_option(&self) -> bool {
        matches!(self, Type::Option(_))
    }

    /// The least and the greatest value of an integer type.
    pub(crate) fn range(&self) -> Option<(i128, i128)> {
        Some(match self {
            Type::S8 => (i8::MIN.into(), i8::MAX.into()),
            Type::U8 => (0, u8::MAX.into()),
            Type::S16 => (i16::MIN.into(), i16::MAX.into()),
            Type::U16 => (0, u16::MAX.into()),
            Type::S32 => (i32::MIN.into(), i32::MAX.into()),
            Type::U32 => (0, u32::MAX.into()),
            Type::S64 => (i64::MIN.into(), i64::MAX.into()),
            Type::U64 => (0, u64::MAX.into()),
            _ => return None,
        })
    }

    /// Whether this is an integer type that some readers of JSON do not take as numbers.
    pub(crate) fn is_wide(&self) -> bool {
        matches!(self, Type::S64 | Type::U64)
    }
}

impl Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let optional = |ty: &Option<Box<Type>>| ty.as_ref().map_or_else(|| "_".to_owned(), |ty| ty.to_string());
        match self {
            Type::List(element) => write!(f, "list<{element}>"),
            Type::Option(some) => write!(f, "option<{some}>"),
            Type::Result { ok: None, err: None } => f.write_str("result"),
            Type::Result { ok, err: None } => write!(f, "result<{}>", optional(ok)),
            Type::Result { ok, err } => write!(f, "result<{}, {}>", optional(ok), optional(err)),
            Type::Tuple(types) => write!(f, "tuple<{}>", list(types)),
            Type::Record(fields) => write!(f, "record {{ {} }}", list(fields)),
            Type::Variant(cases) => write!(f, "variant {{ {} }}", list(cases)),
            Type::Enum(names) => write!(f, "enum {{ {} }}", list(names)),
            Type::Flags(names) => write!(f, "flags {{ {} }}", list(names)),
            simple => f.write_str(simple.keyword()),
        }
    }
}

impl Type {
    fn keyword(&self) -> &'static str {
        match self {
            Type::Bool => "bool",
            Type::S8 => "s8",
            Type::U8 => "u8",
            Type::S16 => "s16",
            Type::U16 => "u16",
            Type::S32 => "s32",
            Type::U32 => "u32",
            Type::S64 => "s64",
            Type::U64 => "u64",
            Type::F32 => "f32",
            Type::F64 => "f64",
            Type::Char => "char",
            Type::String => "string",
            Type::List(_) => "list",
            Type::Record(_) => "record",
            Type::Tuple(_) => "tuple",
            Type::Variant(_) => "variant",
            Type::Enum(_) => "enum",
            Type::Option(_) => "option",
            Type::Result { .. } => "result",
            Type::Flags(_) => "flags",
        }
    }
}

impl Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.ty)
    }
}

impl Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.payload {
            Some(payload) => write!(f, "{}({payload})", self.name),
            None => f.write_str(&self.name),
        }
    }
}

impl Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "func({})", list(&self.params))?;
        self.result.as_ref().map_or(Ok(()), |result| write!(f, " -> {result}"))
    }
}

fn list(items: &[impl Display]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
