//! A guest's bytes as JSON on one line.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::model::inert;
use crate::model::json;
use crate::model::outcome::ErrorDetail;

/// Appends a guest's output to a line of JSON. A valid JSON value stays as it is, on one line and with the text of its
/// numbers; other UTF-8 becomes a JSON string, as does JSON that is nested too deeply to be read in a record; anything
/// else becomes `{"base64":…}`. A trailing newline is dropped first.
///
/// Whatever the bytes are, this appends one JSON value without a raw newline and without active characters ([`inert`]).
/// This one function in the host both checks and writes, so no guest and no captured worker can forge a record.
pub fn push_as_json(output: &[u8], line: &mut Vec<u8>) {
    let output = output.strip_suffix(b"\n").unwrap_or(output);
    if output.is_empty() {
        return line.extend_from_slice(b"\"\"");
    }
    let start = line.len();
    match json::check_output(output) {
        Ok(valid) => {
            if valid.spaced {
                json::push_on_one_line(output, line);
            } else {
                line.extend_from_slice(output);
            }
            if !valid.ascii {
                inert::json(line, start);
            }
        }
        Err(_) => match std::str::from_utf8(output) {
            Ok(text) => push_string(text, line),
            Err(_) => push_base64(output, line),
        },
    }
}

/// The type of outputs, if the caller knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OutputType {
    /// The type that its bytes suggest, as in [`push_as_json`].
    #[default]
    Auto,
    /// A JSON value.
    Json,
    /// Text, always a JSON string; one trailing newline is dropped.
    Text,
    /// Bytes, always `{"base64":…}`, and all of them.
    Base64,
}

impl OutputType {
    /// The reason why an output is not of this type, with the code `not-json` or `not-text` and the place.
    pub fn flaw(self, output: &[u8]) -> Option<ErrorDetail> {
        match self {
            OutputType::Auto | OutputType::Base64 => None,
            OutputType::Json => json::check_output(output).err().map(|error| {
                ErrorDetail::new("not-json", format!("its output is not JSON: {} at byte {}", error.what, error.at))
            }),
            OutputType::Text => std::str::from_utf8(output).err().map(|error| {
                ErrorDetail::new("not-text", format!("its output is not UTF-8 at byte {}", error.valid_up_to()))
            }),
        }
    }

    /// Appends an output to a line of JSON. An output of another type is written as with [`OutputType::Auto`].
    pub fn push(self, output: &[u8], line: &mut Vec<u8>) {
        match self {
            OutputType::Auto | OutputType::Json => push_as_json(output, line),
            OutputType::Text => match std::str::from_utf8(output) {
                Ok(text) => push_string(text.strip_suffix('\n').unwrap_or(text), line),
                Err(_) => push_as_json(output, line),
            },
            OutputType::Base64 => push_base64(output, line),
        }
    }
}

fn push_base64(output: &[u8], line: &mut Vec<u8>) {
    line.extend_from_slice(br#"{"base64":""#);
    line.extend_from_slice(STANDARD.encode(output).as_bytes());
    line.extend_from_slice(br#""}"#);
}

/// Appends text as a JSON string without active characters ([`inert`]).
pub fn push_string(text: &str, line: &mut Vec<u8>) {
    inert::push_json(text, line).expect("a string serializes, and a Vec takes every byte");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn as_json(output: &[u8]) -> String {
        let mut line = Vec::new();
        push_as_json(output, &mut line);
        String::from_utf8(line).unwrap()
    }

    /// Noise, and JSON of texts with active characters.
    fn outputs() -> impl Strategy<Value = Vec<u8>> {
        let noise = proptest::collection::vec(any::<u8>(), 0..24);
        let texts = proptest::collection::vec("[ -~\u{7f}-\u{a0}\u{2027}-\u{202f}\u{feff}\u{e0001}]{0,40}", 0..3);
        prop_oneof![noise, texts.prop_map(|texts| serde_json::to_vec_pretty(&texts).unwrap())]
    }

    #[test]
    fn bytes_become_json_text_or_base64() {
        for (output, expected) in [
            (&b"1.50\n"[..], "1.50"),
            (b"", "\"\""),
            (b"two words\n\n", "\"two words\\n\""),
            (b"{\n \"a\": 1\n}\n", "{ \"a\": 1}"),
            (b"\xff\x00", "{\"base64\":\"/wA=\"}"),
            (b"1}\n{\"id\":9", "\"1}\\n{\\\"id\\\":9\""),
            (b"{\t\"\x7f\":\n\"\xc2\x9b\xc3\xa9\"}", "{\"\\u007f\":\"\\u009b\u{e9}\"}"),
            ("\u{202e}b\u{85}".as_bytes(), "\"\\u202eb\\u0085\""),
        ] {
            assert_eq!(as_json(output), expected);
        }
    }

    #[test]
    fn a_type_fixes_what_an_output_becomes() {
        for (kind, output, expected) in [
            (OutputType::Text, &b"1.50\n"[..], "\"1.50\""),
            (OutputType::Base64, b"1\n", "{\"base64\":\"MQo=\"}"),
            (OutputType::Json, b"1.50\n", "1.50"),
        ] {
            let mut line = Vec::new();
            kind.push(output, &mut line);
            assert_eq!((kind.flaw(output), String::from_utf8(line).unwrap().as_str()), (None, expected));
        }
        assert_eq!(OutputType::Json.flaw(b"one\n").unwrap().code, "not-json");
        assert_eq!(OutputType::Text.flaw(b"\xff").unwrap().code, "not-text");
    }

    proptest! {
        #![proptest_config(crate::cases::many())]

        #[test]
        fn every_output_is_one_value_on_one_inert_line(output in outputs()) {
            for kind in [OutputType::Auto, OutputType::Json, OutputType::Text, OutputType::Base64] {
                let mut line = Vec::new();
                kind.push(&output, &mut line);
                let line = String::from_utf8(line).unwrap();
                prop_assert!(!line.chars().any(inert::is_active), "{}", line);
                let value = serde_json::from_str::<serde_json::Value>(&line);
                prop_assert!(value.is_ok(), "{}", line);
                if kind == OutputType::Auto && json::check_output(&output).is_ok() {
                    prop_assert_eq!(value.unwrap(), serde_json::from_slice::<serde_json::Value>(&output).unwrap());
                }
            }
        }
    }
}
