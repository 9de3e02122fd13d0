//! Types that have data, and their names in WIT.

use std::fmt::{self, Display};

use serde::{Deserialize, Serialize};

/// A WIT type that has data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Type {
    /// `bool`: `true` or `false` in JSON.
    Bool,
    /// `s8`: an integer of 8 bits with a sign.
    S8,
    /// `u8`: an integer of 8 bits without a sign.
    U8,
    /// `s16`: an integer of 16 bits with a sign.
    S16,
    /// `u16`: an integer of 16 bits without a sign.
    U16,
    /// `s32`: an integer of 32 bits with a sign.
    S32,
    /// `u32`: an integer of 32 bits without a sign.
    U32,
    /// `s64`: an integer of 64 bits with a sign.
    S64,
    /// `u64`: an integer of 64 bits without a sign.
    U64,
    /// `f32`: a floating-point number of 32 bits.
    F32,
    /// `f64`: a floating-point number of 64 bits.
    F64,
    /// `char`: a Unicode scalar value.
    Char,
    /// `string`: Unicode text.
    String,
    /// `list`: any number of values of one type.
    List(Box<Type>),
    /// `record`: values with names.
    Record(Vec<Field>),
    /// `tuple`: values without names.
    Tuple(Vec<Type>),
    /// `variant`: one of several cases, each with a value or without.
    Variant(Vec<Case>),
    /// `enum`: one of several names.
    Enum(Vec<String>),
    /// `option`: a value, or none.
    Option(Box<Type>),
    /// `result`: `ok` or `err`, each with a value or without.
    Result {
        /// The type of the value of `ok`, if it has one.
        ok: Option<Box<Type>>,
        /// The type of the value of `err`, if it has one.
        err: Option<Box<Type>>,
    },
    /// `flags`: any of several names.
    Flags(Vec<String>),
}

/// A field of a record, or a parameter of a function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// The name, as WIT writes it.
    pub name: String,
    /// The type of its values.
    #[serde(rename = "type")]
    pub ty: Type,
}

/// A case of a variant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// The name, as WIT writes it.
    pub name: String,
    /// The type of its value, if the case has one.
    pub payload: Option<Type>,
}

/// The parameters and the result of a function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// The parameters, in order.
    pub params: Vec<Field>,
    /// The type of the result, if there is one.
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

    /// Whether this is the type of an option of an option.
    pub(crate) fn is_option_twice(&self) -> bool {
        matches!(self, Type::Option(some) if some.is_option())
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
