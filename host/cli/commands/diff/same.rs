//! Whether two texts of JSON are the same value. Numbers are compared as they are written, however long they are.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::value::RawValue;

use crate::cli::errors::usage;

/// Deeper values are compared as texts. Records of wpool are not as deep.
const MOST_DEPTH: usize = 128;

/// When two values are the same.
#[derive(Debug)]
pub struct Sameness {
    tolerance: Option<f64>,
    /// The names on the way to each member that is left out.
    ignored: Vec<Vec<String>>,
}

/// Members that are left out below a value.
type Ignored<'a> = Vec<&'a [String]>;

impl Sameness {
    pub fn new(tolerance: Option<f64>, ignored: &[String]) -> Result<Sameness> {
        let path = |text: &String| match text.strip_prefix('.') {
            Some(rest) if rest.split('.').all(|name| !name.is_empty()) => {
                Ok(rest.split('.').map(str::to_owned).collect())
            }
            _ => usage(format!("--ignore {text}: expected a member of the outputs, such as .time or .stats.seconds")),
        };
        Ok(Sameness { tolerance, ignored: ignored.iter().map(path).collect::<Result<_>>()? })
    }

    pub fn are_same(&self, a: &str, b: &str) -> bool {
        a == b || self.values(a, b, &self.ignored.iter().map(Vec::as_slice).collect(), 0)
    }

    fn values(&self, a: &str, b: &str, ignored: &Ignored<'_>, depth: usize) -> bool {
        let (a, b) = (a.trim_ascii(), b.trim_ascii());
        if a == b {
            return true;
        }
        if depth == MOST_DEPTH {
            return false;
        }
        let kind = |text: &str| text.as_bytes().first().copied().unwrap_or_default();
        match (kind(a), kind(b)) {
            (b'{', b'{') => self.objects(a, b, ignored, depth).unwrap_or(false),
            (b'[', b'[') => self.arrays(a, b, ignored, depth).unwrap_or(false),
            (b'"', b'"') => serde_json::from_str::<String>(a).ok() == serde_json::from_str(b).ok(),
            (a_first, b_first) if is_number(a_first) && is_number(b_first) => self.numbers(a, b),
            _ => false,
        }
    }

    fn objects(&self, a: &str, b: &str, ignored: &Ignored<'_>, depth: usize) -> Option<bool> {
        type Members<'a> = BTreeMap<String, &'a RawValue>;
        let mut a: Members<'_> = serde_json::from_str(a).ok()?;
        let mut b: Members<'_> = serde_json::from_str(b).ok()?;
        for path in ignored.iter().filter(|path| path.len() == 1) {
            a.remove(&path[0]);
            b.remove(&path[0]);
        }
        let same = a.len() == b.len()
            && a.iter().zip(&b).all(|((name, a), (other, b))| {
                let below = ignored.iter().filter(|path| path.len() > 1 && path[0] == *name).map(|path| &path[1..]);
                name == other && self.values(a.get(), b.get(), &below.collect(), depth + 1)
            });
        Some(same)
    }

    /// Members that are left out are those of each element.
    fn arrays(&self, a: &str, b: &str, ignored: &Ignored<'_>, depth: usize) -> Option<bool> {
        let a: Vec<&RawValue> = serde_json::from_str(a).ok()?;
        let b: Vec<&RawValue> = serde_json::from_str(b).ok()?;
        Some(a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| self.values(a.get(), b.get(), ignored, depth + 1)))
    }

    fn numbers(&self, a: &str, b: &str) -> bool {
        if decimal(a) == decimal(b) {
            return true;
        }
        let Some(tolerance) = self.tolerance else { return false };
        let (Ok(a), Ok(b)) = (a.parse::<f64>(), b.parse::<f64>()) else { return false };
        let most = tolerance * a.abs().max(b.abs()).max(1.0);
        a.is_finite() && b.is_finite() && (a - b).abs() <= most
    }
}

fn is_number(first: u8) -> bool {
    first == b'-' || first.is_ascii_digit()
}

/// A number as its sign, its digits without zeros at the ends, and its exponent. `None` where the exponent is too long.
fn decimal(text: &str) -> Option<(bool, String, i64)> {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (number, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0');
    let trimmed = significant.trim_end_matches('0');
    if trimmed.is_empty() {
        return Some((false, String::new(), 0));
    }
    let exponent: i64 = exponent.parse().ok()?;
    let shift = (significant.len() - trimmed.len()) as i64 - fraction.len() as i64;
    Some((negative, trimmed.to_owned(), exponent.checked_add(shift)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sameness(tolerance: Option<f64>, ignored: &[&str]) -> Sameness {
        let ignored: Vec<_> = ignored.iter().map(|text| (*text).to_owned()).collect();
        Sameness::new(tolerance, &ignored).expect("they are members")
    }

    #[test]
    fn values_are_the_same_however_they_are_written() {
        let exact = sameness(None, &[]);
        for (a, b, same) in [
            (r#"{"a":1,"b":[2, 3]}"#, r#"{ "b":[2,3],"a":1.0 }"#, true),
            (r#""\u0061\/""#, r#""a/""#, true),
            ("1e3", "1000", true),
            ("-0.0", "0", true),
            ("0.10", "1E-1", true),
            ("2666666866666670000000", "2666666866666670000001", false),
            ("1", "\"1\"", false),
            ("[1,2]", "[2,1]", false),
            (r#"{"a":1}"#, r#"{"a":1,"b":null}"#, false),
            ("null", "false", false),
            ("1e99999999999999999999", "2", false),
        ] {
            assert_eq!(exact.are_same(a, b), same, "{a} {b}");
        }
    }

    #[test]
    fn a_tolerance_is_absolute_below_one_and_relative_above() {
        let near = sameness(Some(1e-3), &[]);
        for (a, b, same) in
            [("0", "0.0009", true), ("0", "0.0011", false), ("1000", "1000.9", true), ("1000", "1001.1", false)]
        {
            assert_eq!((near.are_same(a, b), near.are_same(b, a)), (same, same), "{a} {b}");
        }
        assert!(near.are_same(r#"[{"x":1.0001}]"#, r#"[{"x":1}]"#));
        assert!(!near.are_same("1e999", "2e999"));
    }

    #[test]
    fn members_can_be_left_out() {
        let without = sameness(None, &[".t", ".a.t"]);
        assert!(without.are_same(r#"{"x":1,"t":1}"#, r#"{"x":1}"#));
        assert!(without.are_same(r#"{"a":{"t":1,"y":2}}"#, r#"{"a":{"y":2,"t":7}}"#));
        assert!(without.are_same(r#"[{"t":1}]"#, r#"[{"t":2}]"#), "of each element");
        assert!(!without.are_same(r#"{"b":{"t":1}}"#, r#"{"b":{"t":2}}"#));
        assert!(Sameness::new(None, &["t".to_owned()]).is_err() && Sameness::new(None, &[".".to_owned()]).is_err());
    }

    #[test]
    fn nothing_is_too_deep() {
        let deep = |inner: &str| format!("{}{inner}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(!sameness(None, &[]).are_same(&deep("1"), &deep("2")));
    }

    proptest! {
        #![proptest_config(crate::cases::many())]

        #[test]
        fn numbers_are_the_same_as_those_of_a_parser(a in any::<f64>(), b in any::<f64>()) {
            prop_assume!(a.is_finite() && b.is_finite());
            let text = |number: f64| serde_json::to_string(&number).expect("a number");
            let exact = sameness(None, &[]);
            prop_assert_eq!(exact.are_same(&text(a), &text(b)), a == b);
        }
    }
}
