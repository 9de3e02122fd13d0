//! The JSON check against serde_json, and against noise.

use proptest::prelude::*;

use super::*;

fn serde_accepts(text: &[u8]) -> bool {
    // Parsed as a value, because `serde_json` does not look into the strings of a raw value. A number too large for a
    // float is JSON all the same.
    match serde_json::from_slice::<serde_json::Value>(text) {
        Err(error) if error.to_string().starts_with("number out of range") => {
            serde_json::from_slice::<&serde_json::value::RawValue>(text).is_ok()
        }
        parsed => parsed.is_ok(),
    }
}

#[test]
fn the_offset_of_a_mistake_is_the_offending_byte() {
    for (text, at) in [("{\"a\" 1}", 5), ("[1,]", 3), ("", 0), ("[1", 2), ("nul", 0), ("1 2", 2), ("\"a\nb\"", 2)] {
        assert_eq!(check(text.as_bytes()).map_err(|e| e.at), Err(at), "{text:?}");
    }
}

#[test]
fn nesting_ends_at_the_limit_without_a_deep_stack() {
    let nested = |depth: usize| [vec![b'['; depth], vec![b']'; depth]].concat();
    assert!(check(&nested(MAX_DEPTH as usize)).is_ok());
    assert!(check(&nested(MAX_DEPTH as usize + 1)).is_err());
    assert!(check(&vec![b'['; 1 << 20]).is_err());
}

#[test]
fn line_ends_between_tokens_go_and_those_in_strings_cannot_be() {
    let mut out = Vec::new();
    let text = b"{\n  \"a\\\"\": [1,\r\n\t 2]\n}";
    assert_eq!(check(text), Ok(Valid { spaced: true, ascii: true }));
    push_on_one_line(text, &mut out);
    assert_eq!(out, b"{  \"a\\\"\": [1, 2]}");
}

proptest! {
    #![proptest_config(crate::cases::many())]

    #[test]
    fn accepts_what_serde_json_accepts(text in "[\\[\\]{}\",:0-9.eE+\\- tfnrualse\\\\\n]{0,12}") {
        prop_assert_eq!(check(text.as_bytes()).is_ok(), serde_accepts(text.as_bytes()));
    }

    #[test]
    fn accepts_the_escapes_that_serde_json_accepts(text in "\"(\\\\[u\"\\\\nx]|[dD][89c-fC-F]|[0-9a-f]{2,4}|\\\\ud[8-9c-f]0[0-9]){0,5}\"") {
        prop_assert_eq!(check(text.as_bytes()).is_ok(), serde_accepts(text.as_bytes()), "{}", text);
    }

    #[test]
    fn accepts_what_serde_json_writes(text in "\\PC{0,8}", number in any::<f64>(), n in any::<i64>()) {
        let value = serde_json::json!({ text.clone(): [number, n, text, null, true, {}, []] });
        let pretty = serde_json::to_vec_pretty(&value).unwrap();
        prop_assert!(check(&pretty).is_ok_and(|valid| valid.spaced));
        let mut line = Vec::new();
        push_on_one_line(&pretty, &mut line);
        prop_assert!(check(&line).is_ok_and(|valid| !valid.spaced));
        let parse = |text: &[u8]| serde_json::from_slice::<serde_json::Value>(text).unwrap();
        prop_assert_eq!(parse(&line), parse(&pretty));
    }

    #[test]
    fn text_beyond_ascii_is_seen_wherever_it_stands(texts in proptest::collection::vec("[ -~]{0,70}|[\u{7e}-\u{81}]", 1..4)) {
        let json = serde_json::to_vec(&texts).unwrap();
        let ascii = texts.iter().all(|text| text.bytes().all(|byte| byte < 0x7f));
        prop_assert_eq!(check(&json), Ok(Valid { spaced: false, ascii }));
    }

    #[test]
    fn noise_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..24)) {
        prop_assert_eq!(check(&bytes).is_ok(), serde_accepts(&bytes));
    }
}
