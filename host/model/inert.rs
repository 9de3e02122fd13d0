//! Text of others (programs, rows, file names, children), made readable and harmless.
//!
//! An *active* character acts on a terminal, ends a line, turns the direction of the text behind it, or is invisible.
//! For people it is written out as in Rust ([`text`]), and in JSON as an escape, which changes no value ([`json`],
//! [`push_json`]). All records and all messages go through this module.

use std::borrow::Cow;

use serde::Serialize;

/// Bytes that are tested together.
const BLOCK: usize = 32;

/// Whether a character is active. The joiners U+200C and U+200D are not, because scripts and emoji need them.
pub fn is_active(c: char) -> bool {
    match c {
        // Controls of ASCII and of Latin-1, including newline and tab.
        '\0'..='\x1f' | '\x7f'..='\u{9f}' => true,
        // Ends of lines.
        '\u{2028}' | '\u{2029}' => true,
        // Directions: marks, embeddings, overrides and isolates.
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{206f}' => true,
        // Invisible: a space without width, joiners of words, byte order marks, annotations, tags.
        '\u{200b}' | '\u{2060}'..='\u{2065}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' => true,
        _ => false,
    }
}

/// A text with its active characters written out (`\n`, `\u{1b}`). It fits into a line.
pub fn text(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_active) {
        return Cow::Borrowed(text);
    }
    let mut inert = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_active(c) { inert.extend(c.escape_default()) } else { inert.push(c) }
    }
    Cow::Owned(inert)
}

/// Appends a value as JSON on one line.
///
/// # Errors
/// If `serde_json` refuses the value, such as a map with keys that are not text.
pub fn push_json(value: &(impl Serialize + ?Sized), line: &mut Vec<u8>) -> serde_json::Result<()> {
    let start = line.len();
    serde_json::to_writer(&mut *line, value)?;
    json(line, start);
    Ok(())
}

/// Appends a value as JSON that is laid out for people.
///
/// # Errors
/// As [`push_json`].
pub fn push_pretty_json(value: &(impl Serialize + ?Sized), text: &mut Vec<u8>) -> serde_json::Result<()> {
    let start = text.len();
    serde_json::to_writer_pretty(&mut *text, value)?;
    json(text, start);
    Ok(())
}

/// Escapes the active characters in JSON from an offset on. Valid JSON has characters outside printable ASCII only in
/// its strings, so its values stay the same. White space between tokens stays.
pub fn json(text: &mut Vec<u8>, from: usize) {
    // Nearly all JSON is printable ASCII. Testing every byte without an early end compiles to a few instructions for
    // many bytes.
    let ascii = text[from..].iter().fold(true, |all, byte| all & (*byte < 0x7f));
    if ascii || next_active(&text[from..], 0).is_none() {
        return;
    }
    let rest = text.split_off(from);
    let mut done = 0;
    while let Some((at, active)) = next_active(&rest, done) {
        text.extend_from_slice(&rest[done..at]);
        for unit in active.encode_utf16(&mut [0; 2]) {
            text.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
        }
        done = at + active.len_utf8();
    }
    text.extend_from_slice(&rest[done..]);
}

/// The first active character outside printable ASCII, and its offset.
fn next_active(text: &[u8], from: usize) -> Option<(usize, char)> {
    (from..text.len()).step_by(BLOCK).find_map(|start| {
        let block = &text[start..text.len().min(start + BLOCK)];
        if !block.iter().fold(false, |any, byte| any | may_begin_active(*byte)) {
            return None;
        }
        let begins = block.iter().zip(start..).filter(|(byte, _)| may_begin_active(**byte));
        begins.map(|(_, at)| at).find_map(|at| Some((at, char_at(&text[at..]).filter(|c| is_active(*c))?)))
    })
}

/// Whether an active character can begin with this byte. A test compares this with [`is_active`].
fn may_begin_active(byte: u8) -> bool {
    matches!(byte, 0x7f | 0xc2 | 0xd8 | 0xe2 | 0xef | 0xf3)
}

fn char_at(text: &[u8]) -> Option<char> {
    let length = match *text.first()? {
        0..0x80 => 1,
        0x80..0xe0 => 2,
        0xe0..0xf0 => 3,
        0xf0.. => 4,
    };
    std::str::from_utf8(text.get(..length)?).ok()?.chars().next()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn json_of(value: &str) -> String {
        let mut json = Vec::new();
        push_json(value, &mut json).unwrap();
        String::from_utf8(json).unwrap()
    }

    #[test]
    fn what_is_active_is_written_out_and_the_rest_stays() {
        assert_eq!(text("a\u{1b}[31m\r\u{9b}2J\n\tb\u{202e}"), "a\\u{1b}[31m\\r\\u{9b}2J\\n\\tb\\u{202e}");
        let plain = "naïve – 東京 مرحبا 👨\u{200d}👩 \"\\ne";
        assert!(matches!(text(plain), Cow::Borrowed(same) if same == plain));
        assert_eq!(json_of("\u{7f}\u{9b}ü\u{2028}\u{feff}\u{e0041}"), r#""\u007f\u009bü\u2028\ufeff\udb40\udc41""#);
    }

    #[test]
    fn every_active_character_is_found_by_its_first_byte() {
        for c in (char::MIN..=char::MAX).filter(|c| *c >= '\x7f' && is_active(*c)) {
            let mut bytes = [0; 4];
            let bytes = c.encode_utf8(&mut bytes).as_bytes();
            assert!(may_begin_active(bytes[0]), "{c:?}");
            assert_eq!(next_active(bytes, 0), Some((0, c)));
        }
    }

    #[test]
    fn keys_and_white_space_of_laid_out_json_are_as_they_were() {
        let value = serde_json::json!({"a\u{85}": ["\\\u{7f}", {}]});
        let mut json = b"before".to_vec();
        push_pretty_json(&value, &mut json).unwrap();
        let json = String::from_utf8(json).unwrap();
        assert_eq!(json, "before{\n  \"a\\u0085\": [\n    \"\\\\\\u007f\",\n    {}\n  ]\n}");
    }

    proptest! {
        #![proptest_config(crate::cases::many())]

        #[test]
        fn json_of_any_text_is_inert_and_says_the_same(
            parts in proptest::collection::vec("[\\x00-\\x1f\u{7f}-\u{a3}]|[\u{61b}-\u{61d}\u{2000}-\u{2070}]|[\u{fe00}-\u{ffff}]|\\PC{0,40}|.", 0..8)
        ) {
            let value = parts.concat();
            let json = json_of(&value);
            prop_assert!(!json.chars().any(is_active), "{}", json);
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), value);
            prop_assert!(!text(&parts.concat()).chars().any(is_active));
        }

        #[test]
        fn bytes_that_are_not_text_stay(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut same = bytes.clone();
            json(&mut same, 0);
            if std::str::from_utf8(&bytes).is_err() && !String::from_utf8_lossy(&bytes).chars().any(is_active) {
                prop_assert_eq!(same, bytes);
            }
        }
    }
}
