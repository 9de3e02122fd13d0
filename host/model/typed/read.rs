//! Reads JSON as a value of a type, or only checks it. The type leads the reading, so a mismatch is found at its place.

use std::cell::RefCell;
use std::fmt::{self, Display};
use std::marker::PhantomData;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::types::{Field, Type};
use super::value::{Byte, Made, Value};
use super::words::{quoted, shown};

/// Below this, a float without a fraction is exactly one integer.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// The place and the kind of a mismatch between JSON and a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mismatch {
    /// A JSON pointer (RFC 6901); empty for the whole value.
    pub pointer: String,
    pub expected: String,
    pub found: String,
}

impl Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.pointer.is_empty() {
            write!(f, "at {}: ", self.pointer)?;
        }
        write!(f, "expected {}, found {}", self.expected, self.found)
    }
}

/// Reads one JSON value of a type. With `texts`, the members of an object may be texts that stand for their values.
pub(super) fn read<V: Made>(ty: &Type, text: &[u8], texts: bool) -> Result<V, Mismatch> {
    let first = RefCell::new(None);
    let reader = Reader { texts, ..Reader::new(ty, Place::Root, &first) };
    let mut json = serde_json::Deserializer::from_slice(text);
    let value = reader.deserialize(&mut json).and_then(|value| json.end().map(|()| value));
    value.map_err(|error| {
        let not_json = || Mismatch { pointer: String::new(), expected: shown(ty), found: error.to_string() };
        first.take().unwrap_or_else(not_json)
    })
}

/// A place in a JSON value, as a chain of the steps that lead there.
#[derive(Clone, Copy)]
pub(super) enum Place<'a> {
    Root,
    Member(&'a Place<'a>, &'a str),
    Element(&'a Place<'a>, usize),
}

impl Place<'_> {
    fn pointer(&self) -> String {
        match self {
            Place::Root => String::new(),
            Place::Member(parent, name) => parent.pointer() + "/" + &name.replace('~', "~0").replace('/', "~1"),
            Place::Element(parent, index) => format!("{}/{index}", parent.pointer()),
        }
    }
}

/// Reads a value of one type at one place.
pub(super) struct Reader<'a, V> {
    pub ty: &'a Type,
    pub place: Place<'a>,
    /// The first mismatch. The error of `serde_json` has no place.
    pub first: &'a RefCell<Option<Mismatch>>,
    pub made: PhantomData<V>,
    /// A text may stand for the value.
    pub texts: bool,
}

impl<'a, V: Made> Reader<'a, V> {
    fn new(ty: &'a Type, place: Place<'a>, first: &'a RefCell<Option<Mismatch>>) -> Self {
        Reader { ty, place, first, made: PhantomData, texts: false }
    }

    pub fn wrong<E: Error>(&self, found: impl Display) -> E {
        // `null` and a bare value cannot tell three answers apart, so the forms are not obvious.
        let forms = if self.ty.is_option_twice() { r#" (null, {"some":null} or {"some":…})"# } else { "" };
        self.expected(shown(self.ty) + forms, found)
    }

    fn expected<E: Error>(&self, expected: impl Into<String>, found: impl Display) -> E {
        let mismatch =
            || Mismatch { pointer: self.place.pointer(), expected: expected.into(), found: found.to_string() };
        self.first.borrow_mut().get_or_insert_with(mismatch);
        E::custom("a value does not fit its type")
    }

    fn member<'b>(&'b self, name: &'b str, ty: &'b Type) -> Reader<'b, V> {
        let texts = self.texts && matches!(self.place, Place::Root);
        Reader { texts, ..Reader::new(ty, Place::Member(&self.place, name), self.first) }
    }

    fn element<'b, W: Made>(&'b self, index: usize, ty: &'b Type) -> Reader<'b, W> {
        Reader::new(ty, Place::Element(&self.place, index), self.first)
    }

    pub fn integer<E: Error>(&self, number: i128) -> Result<V, E> {
        match self.ty {
            Type::F32 => return Ok(V::simple(|| Value::F32(number as f32))),
            Type::F64 => return Ok(V::simple(|| Value::F64(number as f64))),
            _ => {}
        }
        let Some((least, greatest)) = self.ty.range() else { return Err(self.wrong(number)) };
        if number < least || number > greatest {
            return Err(self.expected(format!("{} ({least} to {greatest})", self.ty), number));
        }
        // The number is in range, so the cast keeps it whole.
        Ok(V::simple(|| if least < 0 { Value::Signed(number as i64) } else { Value::Unsigned(number as u64) }))
    }

    pub fn string<E: Error>(&self, text: &str) -> Result<V, E> {
        let read = match self.ty {
            Type::String => Some(V::simple(|| Value::String(text.to_owned()))),
            Type::Char => {
                let mut chars = text.chars();
                let only = chars.next().filter(|_| chars.next().is_none());
                only.map(|char| V::simple(|| Value::Char(char)))
            }
            Type::F32 => special(text).map(|number| V::simple(|| Value::F32(number as f32))),
            Type::F64 => special(text).map(|number| V::simple(|| Value::F64(number))),
            Type::Enum(names) => names.iter().position(|name| name == text).map(|case| V::case(case, None)),
            Type::Variant(cases) => {
                let found = cases.iter().position(|case| case.name == text && case.payload.is_none());
                found.map(|case| V::case(case, None))
            }
            ty if ty.is_wide() => match text.parse::<i128>() {
                // The same texts as in the schema: without a plus, and with a minus only where there are negative
                // numbers.
                Ok(number) if !text.starts_with('+') && (*ty == Type::S64 || number < 0 || !text.starts_with('-')) => {
                    return self.integer(number);
                }
                _ => None,
            },
            ty if ty.is_bytes() => match STANDARD.decode(text) {
                Ok(bytes) => Some(V::simple(|| Value::Bytes(bytes))),
                Err(error) => {
                    let found = format!("{} ({error})", quoted(text));
                    return Err(self.expected("base64 or an array of numbers", found));
                }
            },
            _ => None,
        };
        read.ok_or_else(|| self.wrong(quoted(text)))
    }

    /// The members of a record, in the order of its fields, from an object in any order.
    fn members<'de, A: MapAccess<'de>>(&self, fields: &[Field], mut map: A) -> Result<V, A::Error> {
        let mut values: Vec<Option<V>> = fields.iter().map(|_| None).collect();
        while let Some(key) = map.next_key_seed(Key(&|name| fields.iter().position(|field| field.name == name)))? {
            let at = key.map_err(|name| self.wrong(format!("the unknown member {}", quoted(&name))))?;
            let Some((field, value)) = fields.get(at).zip(values.get_mut(at)) else { continue };
            if value.is_some() {
                return Err(self.wrong(format!("the member {} twice", quoted(&field.name))));
            }
            *value = Some(map.next_value_seed(self.member(&field.name, &field.ty))?);
        }
        let whole = fields.iter().zip(values).map(|(field, value)| match value {
            Some(value) => Ok(value),
            None if field.ty.is_option() => Ok(V::option(None)),
            None => Err(self.expected(format!("the member {}: {}", quoted(&field.name), shown(&field.ty)), "none")),
        });
        whole.collect::<Result<_, _>>().map(V::many)
    }

    /// The position and the value of an object's only member, which is one of these cases.
    fn one_member<'de, A>(&self, cases: &[(&str, Option<&Type>)], mut map: A) -> Result<OneMember<V>, A::Error>
    where
        A: MapAccess<'de>,
    {
        let known = |name: &str| cases.iter().position(|case| case.0 == name);
        let key = map.next_key_seed(Key(&known))?.ok_or_else(|| self.wrong("an empty object"))?;
        let at = key.map_err(|name| self.wrong(format!("the unknown member {}", quoted(&name))))?;
        let (name, ty) = cases[at];
        let value = match ty {
            Some(ty) => Some(Box::new(map.next_value_seed(self.member(name, ty))?)),
            None if map.next_value::<Option<IgnoredAny>>()?.is_none() => None,
            None => return Err(self.member(name, self.ty).expected("null", "a value")),
        };
        match map.next_key::<IgnoredAny>()? {
            None => Ok((at, value)),
            Some(_) => Err(self.wrong("an object with more than one member")),
        }
    }
}

type OneMember<V> = (usize, Option<Box<V>>);

impl<'de, V: Made> DeserializeSeed<'de> for Reader<'_, V> {
    type Value = V;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<V, D::Error> {
        if self.ty.is_option() && !self.texts { json.deserialize_option(self) } else { json.deserialize_any(self) }
    }
}

impl<'de, V: Made> Visitor<'de> for Reader<'_, V> {
    type Value = V;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(self.ty))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<V, E> {
        if *self.ty == Type::Bool { Ok(V::simple(|| Value::Bool(value))) } else { Err(self.wrong(value)) }
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<V, E> {
        self.integer(number.into())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<V, E> {
        self.integer(number.into())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<V, E> {
        match self.ty {
            Type::F64 => Ok(V::simple(|| Value::F64(number))),
            Type::F32 if (number as f32).is_finite() => Ok(V::simple(|| Value::F32(number as f32))),
            Type::F32 => Err(self.expected(format!("f32 (up to {:e})", f32::MAX), format!("{number:e}"))),
            // In JSON Schema, 2.0 is an integer.
            _ if number.fract() == 0.0 && number.abs() < MAX_EXACT => self.integer(number as i128),
            _ if number.abs() < MAX_EXACT => Err(self.wrong(number)),
            // The float no longer has the digits of the row.
            _ => Err(self.wrong(format!("{number:e}"))),
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<V, E> {
        if self.texts { self.text(text) } else { self.string(text) }
    }

    fn visit_unit<E: Error>(self) -> Result<V, E> {
        Err(self.wrong("null"))
    }

    fn visit_none<E: Error>(self) -> Result<V, E> {
        Ok(V::option(None))
    }

    fn visit_some<D: Deserializer<'de>>(self, json: D) -> Result<V, D::Error> {
        match self.ty {
            // Otherwise `none` and `some(none)` would be the same.
            Type::Option(some) if some.is_option() => json.deserialize_any(self),
            Type::Option(some) => {
                let value = Reader { ty: some, ..self }.deserialize(json)?;
                Ok(V::option(Some(Box::new(value))))
            }
            _ => Err(self.wrong("a value")),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<V, A::Error> {
        match self.ty {
            Type::List(element) if self.ty.is_bytes() => {
                let mut bytes = Vec::new();
                while let Some(value) = array.next_element_seed(self.element(bytes.len(), element))? {
                    let Value::Unsigned(byte) = value else { return Err(self.wrong("an array")) };
                    bytes.push(Byte(byte as u8).into());
                }
                Ok(V::bytes(bytes))
            }
            Type::List(element) => {
                let mut values = Vec::new();
                while let Some(value) = array.next_element_seed(self.element(values.len(), element))? {
                    values.push(value);
                }
                Ok(V::many(values))
            }
            Type::Tuple(types) => {
                let wrong = |count| self.wrong(format!("an array of {count}"));
                let mut values = Vec::with_capacity(types.len());
                for (at, ty) in types.iter().enumerate() {
                    values.push(array.next_element_seed(self.element(at, ty))?.ok_or_else(|| wrong(at))?);
                }
                match array.next_element::<IgnoredAny>()? {
                    None => Ok(V::many(values)),
                    Some(_) => Err(self.wrong(format!("an array of more than {}", types.len()))),
                }
            }
            Type::Flags(names) => {
                // An array may name a flag several times.
                let (mut set, flag) = (vec![false; names.len()], Type::Enum(names.clone()));
                let mut index = 0;
                while let Some(value) = array.next_element_seed(self.element(index, &flag))? {
                    let Value::Case(at, _) = value else { return Err(self.wrong("an array")) };
                    set[at] = true;
                    index += 1;
                }
                Ok(V::simple(|| Value::Flags((0..set.len()).filter(|&at| set[at]).collect())))
            }
            _ => Err(self.wrong("an array")),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V, A::Error> {
        match self.ty {
            Type::Record(fields) => self.members(fields, map),
            Type::Variant(cases) => {
                let cases: Vec<_> = cases.iter().map(|case| (case.name.as_str(), case.payload.as_ref())).collect();
                self.one_member(&cases, map).map(|(case, payload)| V::case(case, payload))
            }
            Type::Result { ok, err } => {
                let (case, payload) = self.one_member(&[("ok", ok.as_deref()), ("err", err.as_deref())], map)?;
                Ok(V::result(if case == 0 { Ok(payload) } else { Err(payload) }))
            }
            Type::Option(some) if some.is_option() => {
                self.one_member(&[("some", Some(some))], map).map(|(_, value)| V::option(value))
            }
            _ => Err(self.wrong("an object")),
        }
    }
}

/// Reads a name as its position, or as text if it is unknown.
struct Key<'a>(&'a dyn Fn(&str) -> Option<usize>);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Result<usize, String>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Result<usize, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok((self.0)(name).ok_or_else(|| name.to_owned()))
    }
}

/// The floats without a JSON number.
fn special(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}
