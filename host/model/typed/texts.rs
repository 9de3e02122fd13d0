//! Reads the texts of a table as values of types.

use serde::de::{DeserializeSeed, Error, Visitor};

use super::read::Reader;
use super::types::Type;
use super::value::{Made, Value};
use super::words::quoted;

impl<V: Made> Reader<'_, V> {
    /// The value that a text stands for, as a field of a table.
    pub fn text<E: Error>(self, text: &str) -> Result<V, E> {
        match self.ty {
            Type::Option(_) if text.is_empty() => Ok(V::option(None)),
            Type::Option(some) if !some.is_option() => {
                Reader { ty: some, ..self }.text(text).map(|value| V::option(Some(Box::new(value))))
            }
            Type::Bool if text == "true" || text == "false" => Ok(V::simple(|| Value::Bool(text == "true"))),
            Type::F32 | Type::F64 => match number(text) {
                Some(number) => self.visit_f64(number),
                None => self.string(text),
            },
            ty if ty.range().is_some() => match text.parse() {
                Ok(number) if !text.starts_with('+') => self.integer(number),
                _ => Err(self.wrong(quoted(text))),
            },
            Type::Variant(cases) if cases.iter().any(|case| case.name == text && case.payload.is_none()) => {
                self.string(text)
            }
            ty if ty.is_bytes() => self.string(text),
            Type::List(_) | Type::Record(_) | Type::Tuple(_) | Type::Flags(_) | Type::Variant(_) => self.json(text),
            Type::Result { .. } | Type::Option(_) => self.json(text),
            _ => self.string(text),
        }
    }

    /// The value in a text of JSON.
    fn json<E: Error>(self, text: &str) -> Result<V, E> {
        let mut json = serde_json::Deserializer::from_str(text);
        let reader = Reader { texts: false, ..self };
        let value = reader.deserialize(&mut json).and_then(|value| json.end().map(|()| value));
        value.map_err(|_| self.wrong(quoted(text)))
    }
}

/// The number that a text is, as JSON writes numbers or with zeros in front.
fn number(text: &str) -> Option<f64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_number = digits.starts_with(|c: char| c.is_ascii_digit()) && !digits.ends_with('.');
    text.parse().ok().filter(|number: &f64| is_number && number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::super::arguments::Parameters;
    use super::super::types::{Field, Signature};
    use super::*;

    #[test]
    fn texts_are_read_by_their_types_and_nothing_else() {
        let read = |ty: Type, text: &str| {
            let row = serde_json::json!({ "a": text }).to_string();
            let function = Parameters::new(&Signature {
                params: vec![
                    Field { name: "a".to_owned(), ty },
                    Field { name: "b".to_owned(), ty: option(Type::Bool) },
                ],
                result: None,
            });
            assert_eq!(function.check(row.as_bytes(), true), function.read(row.as_bytes(), true).map(drop), "{row}");
            function.read(row.as_bytes(), true).map(|mut values| values.remove(0)).map_err(|error| error.message)
        };
        let some = |value: Value| Value::Option(Some(Box::new(value)));
        for (ty, text, value) in [
            (Type::String, "004", Value::String("004".into())),
            (Type::U32, "004", Value::Unsigned(4)),
            (Type::S8, "-4", Value::Signed(-4)),
            (Type::U64, "18446744073709551615", Value::Unsigned(u64::MAX)),
            (Type::F64, "007.50", Value::F64(7.5)),
            (Type::F64, "-Infinity", Value::F64(f64::NEG_INFINITY)),
            (Type::F32, "2", Value::F32(2.0)),
            (Type::Bool, "true", Value::Bool(true)),
            (option(Type::U8), "", Value::Option(None)),
            (option(Type::U8), "7", some(Value::Unsigned(7))),
            (option(Type::String), "", Value::Option(None)),
            (Type::String, "", Value::String(String::new())),
            (Type::List(Box::new(Type::U16)), "[1, 2]", Value::Many(vec![Value::Unsigned(1), Value::Unsigned(2)])),
            (Type::List(Box::new(Type::U8)), "AQI=", Value::Bytes(vec![1, 2])),
            (Type::Enum(vec!["red".to_owned()]), "red", Value::Case(0, None)),
            (option(option(Type::Bool)), "{\"some\":null}", some(Value::Option(None))),
        ] {
            assert_eq!(read(ty.clone(), text), Ok(value), "{ty} {text}");
        }
        for (ty, text) in [
            (Type::U32, "4.0"),
            (Type::U32, "+4"),
            (Type::U32, " 4"),
            (Type::U32, ""),
            (Type::U8, "256"),
            (Type::F64, "1e999"),
            (Type::F64, "inf"),
            (Type::F64, "1."),
            (Type::Bool, "True"),
            (Type::Bool, "1"),
            (Type::List(Box::new(Type::U16)), "[\"1\"]"),
            (Type::List(Box::new(Type::U16)), "1,2"),
        ] {
            let message = read(ty.clone(), text).expect_err(text);
            assert!(message.starts_with("at /a"), "{ty} {text}: {message}");
        }
    }

    fn option(ty: Type) -> Type {
        Type::Option(Box::new(ty))
    }
}
