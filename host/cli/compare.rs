//! Comparing the output of a task with the text that was expected of it.

use std::fmt;

use wpool::inert;

/// Characters of each side that a difference shows.
const SHOWN: usize = 60;
/// Bytes before the first that differs that a difference shows.
const BEFORE: usize = 20;
/// How far numbers may be apart if nothing else was typed.
const TOLERANCE: f64 = 1e-6;

/// How an output is compared with the expected one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Compare {
    /// Byte by byte.
    Exact,
    /// Line by line, without white space at the ends of lines and empty lines at the end.
    Trimmed,
    /// Word by word: numbers may be this far apart, absolutely or in relation to the expected one.
    Number(f64),
}

impl fmt::Display for Compare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Compare::Exact => f.write_str("exact"),
            Compare::Trimmed => f.write_str("trimmed"),
            Compare::Number(tolerance) => write!(f, "number={tolerance}"),
        }
    }
}

/// A way to compare, such as `number=1e-9`.
pub fn compare(text: &str) -> Result<Compare, String> {
    match text.split_once('=') {
        None if text == "exact" => Ok(Compare::Exact),
        None if text == "trimmed" => Ok(Compare::Trimmed),
        None if text == "number" => Ok(Compare::Number(TOLERANCE)),
        Some(("number", tolerance)) => {
            let tolerance = tolerance.parse().ok().filter(|typed: &f64| typed.is_finite() && *typed >= 0.0);
            tolerance.map(Compare::Number).ok_or_else(|| "expected a tolerance of 0 or more, such as 1e-9".to_owned())
        }
        _ => Err("expected exact, trimmed, number or number=TOLERANCE".to_owned()),
    }
}

impl Compare {
    /// The first difference between an output and the expected one, in a short sentence without active characters.
    pub fn difference(self, expected: &str, output: &[u8]) -> Option<String> {
        let expected = expected.as_bytes();
        match self {
            Compare::Exact if expected == output => None,
            Compare::Exact => of_lines(expected.split_inclusive(is_end), output.split_inclusive(is_end)),
            Compare::Trimmed => of_lines(trimmed(expected), trimmed(output)),
            Compare::Number(tolerance) => of_words(words(expected), words(output), tolerance),
        }
    }
}

fn is_end(byte: &u8) -> bool {
    *byte == b'\n'
}

/// Lines without the white space at their ends, up to the last that is not empty.
fn trimmed(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.trim_ascii_end().split(is_end).map(<[u8]>::trim_ascii_end)
}

/// Words, and the numbers of their lines.
fn words(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let of_line = |(line, number): (_, usize)| {
        let words = <[u8]>::split(line, u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        words.map(move |word| (number, word))
    };
    text.split(is_end).zip(1..).flat_map(of_line)
}

fn of_lines<'a>(
    mut expected: impl Iterator<Item = &'a [u8]>,
    mut output: impl Iterator<Item = &'a [u8]>,
) -> Option<String> {
    for line in 1.. {
        match (expected.next(), output.next()) {
            (None, None) => break,
            (expected, output) if expected == output => {}
            (expected, output) => return Some(format!("line {line}: {}", sides(expected, output))),
        }
    }
    None
}

fn of_words<'a>(
    mut expected: impl Iterator<Item = (usize, &'a [u8])>,
    mut output: impl Iterator<Item = (usize, &'a [u8])>,
    tolerance: f64,
) -> Option<String> {
    let mut line = 1;
    for word in 1.. {
        let (expected, found) = (expected.next(), output.next());
        line = found.map_or(line, |(line, _)| line);
        let sides = match (expected, found) {
            (None, None) => break,
            (Some((_, expected)), Some((_, found))) if is_near(expected, found, tolerance) => continue,
            (expected, found) => sides(expected.map(|it| it.1), found.map(|it| it.1)),
        };
        return Some(format!("line {line}, word {word}: {sides}"));
    }
    None
}

/// Whether two words are equal, or numbers that are near each other.
fn is_near(expected: &[u8], found: &[u8], tolerance: f64) -> bool {
    let number = |word: &[u8]| std::str::from_utf8(word).ok()?.parse().ok().filter(|number: &f64| number.is_finite());
    expected == found
        || number(expected)
            .zip(number(found))
            .is_some_and(|(expected, found)| (expected - found).abs() <= tolerance * expected.abs().max(1.0))
}

/// Both sides around the first byte that differs.
fn sides(expected: Option<&[u8]>, found: Option<&[u8]>) -> String {
    let pair = [expected, found].map(Option::unwrap_or_default);
    let same = pair[0].iter().zip(pair[1]).take_while(|(a, b)| a == b).count();
    format!("expected {}, got {}", shown(expected, same), shown(found, same))
}

/// A part of a text, around a byte, between quotes.
fn shown(text: Option<&[u8]>, at: usize) -> String {
    let Some(text) = text else { return "the end".to_owned() };
    let mut from = if text.len() <= SHOWN { 0 } else { at.saturating_sub(BEFORE) };
    // Not in the middle of a character.
    while from > 0 && text.get(from).is_some_and(|byte| byte & 0xc0 == 0x80) {
        from -= 1;
    }
    let rest = &text[from..text.len().min(from + 4 * SHOWN)];
    let cut: String = String::from_utf8_lossy(rest).chars().take(SHOWN).collect();
    let is_cut = from + cut.len() < text.len();
    let (before, after) = (if from > 0 { "…" } else { "" }, if is_cut { "…" } else { "" });
    format!("{before}{}{after}", inert::text(&format!("{cut:?}")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn difference(how: &str, expected: &str, output: &str) -> Option<String> {
        compare(how).expect("a way").difference(expected, output.as_bytes())
    }

    #[test]
    fn each_way_takes_what_it_says_as_equal() {
        for (expected, output, ways) in [
            ("4\n", "4\n", "exact trimmed number"),
            ("4", "4\n", "trimmed number"),
            ("4\n2", "4 \t\r\n2\n\n", "trimmed number"),
            ("4 2", "4\n2", "number"),
            ("0.5 x", "0.5000001 x", "number"),
            ("1e9", "1000000500.0", "number"),
            ("", "\n \n", "trimmed number"),
            (" 4", "4", "number"),
            ("4 2", "4  2", "number"),
            ("nan", "nan", "exact trimmed number"),
            ("x", "X", ""),
            ("inf", "-inf", ""),
            ("1e9", "1000002000", ""),
            ("4", "4 2", ""),
            ("4", "", ""),
            ("4", "4x", ""),
        ] {
            for way in ["exact", "trimmed", "number"] {
                let is_equal = difference(way, expected, output).is_none();
                assert_eq!(is_equal, ways.contains(way), "{way}: {expected:?} {output:?}");
            }
        }
        assert_eq!(difference("number=0", "5", "5.0"), None);
        assert!(difference("number=0.1", "5", "5.6").is_some());
    }

    #[test]
    fn a_difference_is_short_and_names_its_place() {
        for (way, expected, output, told) in [
            ("trimmed", "1\n2\n3", "1\n5\n3", "line 2: expected \"2\", got \"5\""),
            ("trimmed", "1\n2", "1", "line 2: expected \"2\", got the end"),
            ("trimmed", "1", "1\n\u{1b}[2J", "line 2: expected the end, got \"\\u{1b}[2J\""),
            ("exact", "1\n", "1", "line 1: expected \"1\\n\", got \"1\""),
            ("number", "1 2\n3", "1\n2 4", "line 2, word 3: expected \"3\", got \"4\""),
            ("number", "1 2", "1", "line 1, word 2: expected \"2\", got the end"),
        ] {
            assert_eq!(difference(way, expected, output).as_deref(), Some(told), "{way}");
        }
        let long = "é".repeat(1_000);
        let told = difference("exact", &format!("{long}a{long}"), &format!("{long}b{long}")).expect("another");
        assert!(told.contains("éa") && told.contains("éb") && told.chars().count() < 200, "{told}");
    }

    #[test]
    fn a_tolerance_is_a_number_of_0_or_more() {
        assert_eq!(compare("number=1e-9"), Ok(Compare::Number(1e-9)));
        for typed in ["", "number=", "number=-1", "number=nan", "number=inf", "exact=1", "Exact"] {
            assert!(compare(typed).is_err(), "{typed}");
        }
        for way in ["exact", "trimmed", "number=0.000001"] {
            assert_eq!(compare(way).expect("a way").to_string(), way);
        }
    }

    proptest! {
        #![proptest_config(crate::cases::many())]

        #[test]
        fn any_two_outputs_are_compared(
            way in prop::sample::select(&["exact", "trimmed", "number"][..]),
            expected in "[ a\n\t0-2.\u{e9}\u{202e}]{0,90}",
            output in prop::collection::vec(any::<u8>(), 0..90),
        ) {
            let compare = compare(way).expect("a way");
            prop_assert_eq!(compare.difference(&expected, expected.as_bytes()), None);
            if let Some(told) = compare.difference(&expected, &output) {
                prop_assert!(!told.chars().any(inert::is_active), "{}", told);
                prop_assert!(told.len() < 2_000);
            }
        }
    }
}
