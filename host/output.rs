//! How a guest's bytes stand in a line of JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::json;

/// Appends a guest's output to a line of JSON: one valid JSON value as it is, on one line and with its numbers' text
/// kept; other UTF-8 as a JSON string; anything else as `{"base64":…}`. One trailing newline is dropped first.
///
/// What is appended is one JSON value without a raw newline, whatever the bytes: the check and the writing are this
/// one function, in the host, so no guest and no captured worker can forge a record.
pub fn push_as_json(output: &[u8], line: &mut Vec<u8>) {
    let output = output.strip_suffix(b"\n").unwrap_or(output);
    match json::check(output) {
        Ok(valid) if valid.newlines => json::push_on_one_line(output, line),
        Ok(_) => line.extend_from_slice(output),
        Err(_) => match std::str::from_utf8(output) {
            Ok(text) => push_string(text, line),
            Err(_) => {
                line.extend_from_slice(br#"{"base64":""#);
                line.extend_from_slice(STANDARD.encode(output).as_bytes());
                line.extend_from_slice(br#""}"#);
            }
        },
    }
}

/// Appends text as a JSON string.
pub fn push_string(text: &str, line: &mut Vec<u8>) {
    serde_json::to_writer(line, text).expect("a string serializes, and a Vec takes every byte");
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

    #[test]
    fn bytes_become_json_text_or_base64() {
        for (output, expected) in [
            (&b"1.50\n"[..], "1.50"),
            (b"", "\"\""),
            (b"two words\n\n", "\"two words\\n\""),
            (b"{\n \"a\": 1\n}\n", "{ \"a\": 1}"),
            (b"\xff\x00", "{\"base64\":\"/wA=\"}"),
            (b"1}\n{\"id\":9", "\"1}\\n{\\\"id\\\":9\""),
        ] {
            assert_eq!(as_json(output), expected);
        }
    }

    proptest! {
        #[test]
        fn every_output_is_one_value_on_one_line(output in proptest::collection::vec(any::<u8>(), 0..60)) {
            let line = as_json(&output);
            prop_assert!(!line.contains('\n'));
            prop_assert!(serde_json::from_str::<serde_json::Value>(&line).is_ok());
        }
    }
}
