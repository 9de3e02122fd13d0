//! Conversions between wpool's values and the engine's.

use wasmtime::component::Val;

use super::call::Returned;
use crate::model::typed::{Signature, Type, Value, push};

/// Converts arguments to the engine's form.
pub(super) fn arguments(signature: &Signature, values: Vec<Value>) -> Vec<Val> {
    signature.params.iter().zip(values).map(|(param, value)| to_engine(&param.ty, value)).collect()
}

/// Converts a function's return value: to JSON or, if `bare`, to the bytes of a string or `list<u8>`. The function's
/// own `err` is a refusal: a message, or the JSON of another value.
///
/// # Errors
/// When the value is not of the type, which the engine rules out.
pub(super) fn returned(ty: &Type, val: Val, bare: bool) -> wasmtime::Result<Returned> {
    let (ty, value, ok) = match (ty, from_engine(ty, val)?) {
        (Type::Result { ok, .. }, Value::Result(Ok(value))) => (ok.as_deref(), value.map(|value| *value), true),
        (Type::Result { err, .. }, Value::Result(Err(value))) => (err.as_deref(), value.map(|value| *value), false),
        (ty, value) => (Some(ty), Some(value), true),
    };
    let mut json = Vec::new();
    match (ty, value) {
        (Some(_), Some(Value::String(message))) if !ok => return Ok(Returned::Refused(message)),
        (Some(_), Some(Value::String(text))) if bare => json = text.into_bytes(),
        (Some(_), Some(Value::Bytes(bytes))) if bare => json = bytes,
        (Some(ty), Some(value)) => push(ty, &value, &mut json),
        _ => json.extend_from_slice(b"null"),
    }
    Ok(if ok { Returned::Output(json) } else { Returned::Refused(String::from_utf8_lossy(&json).into_owned()) })
}

/// A number as its bits, so that a NaN keeps its value.
pub(super) fn bits(value: &wasmtime::Val) -> u128 {
    match value {
        wasmtime::Val::I32(bits) => bits.cast_unsigned().into(),
        wasmtime::Val::I64(bits) => bits.cast_unsigned().into(),
        wasmtime::Val::F32(bits) => (*bits).into(),
        wasmtime::Val::F64(bits) => (*bits).into(),
        wasmtime::Val::V128(bits) => bits.as_u128(),
        // The compiler exports no other globals.
        _ => 0,
    }
}

fn to_engine(ty: &Type, value: Value) -> Val {
    let boxed =
        |ty: Option<&Type>, value: Option<Box<Value>>| ty.zip(value).map(|(ty, value)| Box::new(to_engine(ty, *value)));
    match (ty, value) {
        (Type::S8, Value::Signed(number)) => Val::S8(number as i8),
        (Type::S16, Value::Signed(number)) => Val::S16(number as i16),
        (Type::S32, Value::Signed(number)) => Val::S32(number as i32),
        (_, Value::Signed(number)) => Val::S64(number),
        (Type::U8, Value::Unsigned(number)) => Val::U8(number as u8),
        (Type::U16, Value::Unsigned(number)) => Val::U16(number as u16),
        (Type::U32, Value::Unsigned(number)) => Val::U32(number as u32),
        (_, Value::Unsigned(number)) => Val::U64(number),
        (_, Value::Bool(value)) => Val::Bool(value),
        (_, Value::F32(number)) => Val::Float32(number),
        (_, Value::F64(number)) => Val::Float64(number),
        (_, Value::Char(char)) => Val::Char(char),
        (_, Value::String(text)) => Val::String(text),
        (_, Value::Bytes(bytes)) => Val::List(bytes.into_iter().map(Val::U8).collect()),
        (Type::Record(fields), Value::Many(values)) => {
            let field =
                |(field, value): (&crate::model::typed::Field, _)| (field.name.clone(), to_engine(&field.ty, value));
            Val::Record(fields.iter().zip(values).map(field).collect())
        }
        (Type::Tuple(types), Value::Many(values)) => {
            Val::Tuple(types.iter().zip(values).map(|(ty, value)| to_engine(ty, value)).collect())
        }
        (Type::List(element), Value::Many(values)) => {
            Val::List(values.into_iter().map(|value| to_engine(element, value)).collect())
        }
        (Type::Variant(cases), Value::Case(case, payload)) => {
            Val::Variant(cases[case].name.clone(), boxed(cases[case].payload.as_ref(), payload))
        }
        (Type::Enum(names), Value::Case(case, _)) => Val::Enum(names[case].clone()),
        (Type::Option(some), Value::Option(value)) => Val::Option(boxed(Some(some), value)),
        (Type::Result { ok, err }, Value::Result(result)) => Val::Result(match result {
            Ok(value) => Ok(boxed(ok.as_deref(), value)),
            Err(value) => Err(boxed(err.as_deref(), value)),
        }),
        (Type::Flags(names), Value::Flags(set)) => Val::Flags(set.into_iter().map(|at| names[at].clone()).collect()),
        (ty, value) => unreachable!("{value:?} was read as a value of {ty}"),
    }
}

fn from_engine(ty: &Type, val: Val) -> wasmtime::Result<Value> {
    let boxed = |ty: Option<&Type>, val: Option<Box<Val>>| {
        ty.zip(val).map(|(ty, val)| from_engine(ty, *val).map(Box::new)).transpose()
    };
    let case = |found: Option<usize>| found.ok_or_else(|| wasmtime::Error::msg("a case that its type does not have"));
    Ok(match (ty, val) {
        (_, Val::Bool(value)) => Value::Bool(value),
        (_, Val::S8(number)) => Value::Signed(number.into()),
        (_, Val::S16(number)) => Value::Signed(number.into()),
        (_, Val::S32(number)) => Value::Signed(number.into()),
        (_, Val::S64(number)) => Value::Signed(number),
        (_, Val::U8(number)) => Value::Unsigned(number.into()),
        (_, Val::U16(number)) => Value::Unsigned(number.into()),
        (_, Val::U32(number)) => Value::Unsigned(number.into()),
        (_, Val::U64(number)) => Value::Unsigned(number),
        (_, Val::Float32(number)) => Value::F32(number),
        (_, Val::Float64(number)) => Value::F64(number),
        (_, Val::Char(char)) => Value::Char(char),
        (_, Val::String(text)) => Value::String(text),
        (ty, Val::List(vals)) if ty.is_bytes() => {
            let byte = |val| if let Val::U8(byte) = val { byte } else { 0 };
            Value::Bytes(vals.into_iter().map(byte).collect())
        }
        (Type::List(element), Val::List(vals)) => {
            Value::Many(vals.into_iter().map(|val| from_engine(element, val)).collect::<wasmtime::Result<_>>()?)
        }
        (Type::Record(fields), Val::Record(members)) => {
            let member = |(field, (_, val)): (&crate::model::typed::Field, (String, Val))| from_engine(&field.ty, val);
            Value::Many(fields.iter().zip(members).map(member).collect::<wasmtime::Result<_>>()?)
        }
        (Type::Tuple(types), Val::Tuple(vals)) => {
            let one = |(ty, val)| from_engine(ty, val);
            Value::Many(types.iter().zip(vals).map(one).collect::<wasmtime::Result<_>>()?)
        }
        (Type::Variant(cases), Val::Variant(name, payload)) => {
            let at = case(cases.iter().position(|case| case.name == name))?;
            Value::Case(at, boxed(cases[at].payload.as_ref(), payload)?)
        }
        (Type::Enum(names), Val::Enum(name)) => Value::Case(case(names.iter().position(|known| *known == name))?, None),
        (Type::Option(some), Val::Option(val)) => Value::Option(boxed(Some(some), val)?),
        (Type::Result { ok, err }, Val::Result(result)) => Value::Result(match result {
            Ok(val) => Ok(boxed(ok.as_deref(), val)?),
            Err(val) => Err(boxed(err.as_deref(), val)?),
        }),
        (Type::Flags(names), Val::Flags(set)) => {
            let at = |(at, name): (usize, &String)| set.contains(name).then_some(at);
            Value::Flags(names.iter().enumerate().filter_map(at).collect())
        }
        (ty, _) => return Err(wasmtime::Error::msg(format!("the engine gave another value than a {ty}"))),
    })
}
