//! Shared state as a file: a JSON object of keys and values.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::model::inert;
use crate::protocol::state_limits::StateError;

/// Bytes that are not text.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Binary {
    base64: String,
}

/// Passes each key and value of an object to `set`, one by one, so that the entries are in memory only once.
pub(super) fn read(text: &[u8], set: impl FnMut(&str, Bytes) -> Result<(), StateError>) -> Result<(), StateError> {
    let mut refused = None;
    let mut json = serde_json::Deserializer::from_slice(text);
    let read = json.deserialize_map(Entries { set, refused: &mut refused }).and_then(|()| json.end());
    match (read, refused) {
        (Err(_), Some(refused)) => Err(refused),
        (Err(error), None) => Err(StateError::Json(error.to_string())),
        (Ok(()), _) => Ok(()),
    }
}

struct Entries<'a, F> {
    set: F,
    /// The reason why reading stopped, unless the JSON was invalid.
    refused: &'a mut Option<StateError>,
}

impl<'de, F: FnMut(&str, Bytes) -> Result<(), StateError>> Visitor<'de> for Entries<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some((key, value)) = map.next_entry::<String, &RawValue>()? {
            let value = bytes(value.get()).map_err(|why| StateError::Json(format!("the value of {key:?} {why}")));
            if let Err(error) = value.and_then(|value| (self.set)(&key, value)) {
                *self.refused = Some(error);
                return Err(A::Error::custom("an entry that is refused"));
            }
        }
        Ok(())
    }
}

fn bytes(value: &str) -> Result<Bytes, String> {
    if value.starts_with('"') {
        let text: String = serde_json::from_str(value).map_err(|error| format!("is not text: {error}"))?;
        return Ok(text.into());
    }
    match serde_json::from_str::<Binary>(value) {
        Ok(Binary { base64 }) => {
            let bytes = STANDARD.decode(base64).map_err(|error| format!("is not base64: {error}"))?;
            Ok(bytes.into())
        }
        Err(_) => Ok(value.to_owned().into()),
    }
}

pub(super) fn write(entries: Vec<(Box<str>, Bytes)>) -> Vec<u8> {
    let mut text = b"{".to_vec();
    for (at, (key, value)) in entries.iter().enumerate() {
        text.extend_from_slice(if at == 0 { b"\n" } else { b",\n" });
        push(&mut text, key);
        text.push(b':');
        match std::str::from_utf8(value) {
            Ok(value) => push(&mut text, value),
            Err(_) => {
                text.extend_from_slice(b"{\"base64\":");
                push(&mut text, &STANDARD.encode(value));
                text.push(b'}');
            }
        }
    }
    text.extend_from_slice(if entries.is_empty() { b"}\n" } else { b"\n}\n" });
    text
}

fn push(text: &mut Vec<u8>, string: &str) {
    inert::push_json(string, text).expect("a string can be written to memory");
}
