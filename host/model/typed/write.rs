//! Writes values as JSON.

use std::fmt::Display;
use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::types::Type;
use super::value::Value;

/// Appends a value of a type as JSON, on one line and without spaces.
pub(crate) fn push(ty: &Type, value: &Value, json: &mut Vec<u8>) {
    match (ty, value) {
        (Type::Bool, Value::Bool(value)) => push_text(value, json),
        (_, Value::Signed(number)) => push_text(number, json),
        (_, Value::Unsigned(number)) => push_text(number, json),
        (_, Value::F32(number)) if number.is_finite() => push_plain(number, json),
        (_, Value::F32(number)) => push_special((*number).into(), json),
        (_, Value::F64(number)) if number.is_finite() => push_plain(number, json),
        (_, Value::F64(number)) => push_special(*number, json),
        (_, Value::Char(char)) => push_plain(char, json),
        (_, Value::String(text)) => push_plain(text, json),
        (_, Value::Bytes(bytes)) => push_plain(&STANDARD.encode(bytes), json),
        (Type::List(element), Value::Many(values)) => push_array(values.iter().map(|value| (&**element, value)), json),
        (Type::Tuple(types), Value::Many(values)) => push_array(types.iter().zip(values), json),
        (Type::Record(fields), Value::Many(values)) => {
            let members = fields.iter().zip(values).map(|(field, value)| (&field.name, (&field.ty, value)));
            push_list(b"{}", members, json, |(name, (ty, value)), json| {
                push_plain(name, json);
                json.push(b':');
                push(ty, value, json);
            });
        }
        (Type::Enum(names), Value::Case(case, None)) => push_plain(&names[*case], json),
        (Type::Variant(cases), Value::Case(case, payload)) => match (&cases[*case].payload, payload) {
            (Some(ty), Some(value)) => push_member(&cases[*case].name, Some((ty, value)), json),
            _ => push_plain(&cases[*case].name, json),
        },
        (Type::Option(_), Value::Option(None)) => json.extend_from_slice(b"null"),
        (Type::Option(some), Value::Option(Some(value))) if some.is_option() => {
            push_member("some", Some((some, value)), json);
        }
        (Type::Option(some), Value::Option(Some(value))) => push(some, value, json),
        (Type::Result { ok, .. }, Value::Result(Ok(value))) => {
            push_member("ok", ok.as_deref().zip(value.as_deref()), json);
        }
        (Type::Result { err, .. }, Value::Result(Err(value))) => {
            push_member("err", err.as_deref().zip(value.as_deref()), json);
        }
        (Type::Flags(names), Value::Flags(set)) => {
            push_list(b"[]", set.iter(), json, |flag, json| push_plain(&names[*flag], json));
        }
        (ty, value) => unreachable!("{value:?} was made as a value of {ty}"),
    }
}

fn push_array<'a>(values: impl Iterator<Item = (&'a Type, &'a Value)>, json: &mut Vec<u8>) {
    push_list(b"[]", values, json, |(ty, value), json| push(ty, value, json));
}

fn push_list<T>(
    brackets: &[u8; 2],
    items: impl Iterator<Item = T>,
    json: &mut Vec<u8>,
    mut item: impl FnMut(T, &mut Vec<u8>),
) {
    json.push(brackets[0]);
    for (at, one) in items.enumerate() {
        if at > 0 {
            json.push(b',');
        }
        item(one, json);
    }
    json.push(brackets[1]);
}

fn push_member(name: &str, value: Option<(&Type, &Value)>, json: &mut Vec<u8>) {
    json.push(b'{');
    push_plain(name, json);
    json.push(b':');
    match value {
        Some((ty, value)) => push(ty, value, json),
        None => json.extend_from_slice(b"null"),
    }
    json.push(b'}');
}

fn push_special(number: f64, json: &mut Vec<u8>) {
    let name = if number.is_nan() {
        "NaN"
    } else if number > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    };
    push_plain(name, json);
}

fn push_text(value: impl Display, json: &mut Vec<u8>) {
    let _ = write!(json, "{value}");
}

fn push_plain(value: &(impl Serialize + ?Sized), json: &mut Vec<u8>) {
    serde_json::to_writer(json, value).expect("numbers and strings serialize, and a Vec takes every byte");
}
