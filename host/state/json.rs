//! Shared state as a file: a JSON object of keys and values.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::StateError;
use crate::inert;

/// Bytes that are not text.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Binary {
    base64: String,
}

/// Gives each key and value of an object.
pub(super) fn read(text: &[u8], mut set: impl FnMut(&str, Bytes) -> Result<(), StateError>) -> Result<(), StateError> {
    let wrong = |error: serde_json::Error| StateError::Json(error.to_string());
    let entries: BTreeMap<String, &RawValue> = serde_json::from_slice(text).map_err(wrong)?;
    for (key, value) in entries {
        set(&key, bytes(value.get()).map_err(|why| StateError::Json(format!("the value of {key:?} {why}")))?)?;
    }
    Ok(())
}

fn bytes(value: &str) -> Result<Bytes, String> {
    if value.starts_with('"') {
        let text: String = serde_json::from_str(value).map_err(|error| format!("is no text: {error}"))?;
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
