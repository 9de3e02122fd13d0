//! Amounts in policies, as people write them: `1GiB`, `60s`, `1e11`.

use std::time::Duration;

use toml::de::DeValue;

/// What a ceiling counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Nanoseconds.
    Time,
    /// Bytes.
    Size,
    /// Things, of which there is at least this number.
    Count(u64),
}

const SECOND: f64 = 1e9;
const TIMES: &[(&str, f64)] =
    &[("ms", 1e6), ("s", SECOND), ("", SECOND), ("min", 60.0 * SECOND), ("m", 60.0 * SECOND), ("h", 3600.0 * SECOND)];
const SIZES: &[(&str, f64)] = &[
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("TiB", 1_099_511_627_776.0),
    ("kB", 1e3),
    ("KB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("TB", 1e12),
    ("B", 1.0),
    ("", 1.0),
];
const COUNTS: &[(&str, f64)] = &[("", 1.0)];
/// Above this number a float is not exact, and no amount of a policy is so large.
const LARGEST: f64 = (1u64 << 62) as f64;
/// The longest time that a policy may name: a year.
const LONGEST: u64 = 366 * 24 * 3600 * 1_000_000_000;

impl Unit {
    /// Reads an amount: a number, or a text of a number and a unit. There is no word for "no limit", and 0 is one only where
    /// nothing of the kind is allowed.
    pub fn read(self, value: &DeValue<'_>) -> Result<u64, String> {
        let wrong = || format!("expected {}", self.expected());
        let read = match value {
            DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix()).ok(),
            DeValue::Float(number) => {
                let is_fit = |number: &f64| !matches!(self, Unit::Count(_)) || number.fract() == 0.0;
                number.as_str().parse().ok().filter(is_fit).and_then(|number| self.scaled(number, ""))
            }
            // A number of things has no unit, so a text is a mistake.
            DeValue::String(text) if !matches!(self, Unit::Count(_)) => self.parse(text),
            _ => None,
        };
        let scale = if self == Unit::Time && matches!(value, DeValue::Integer(_)) { SECOND as u64 } else { 1 };
        let amount = read.and_then(|amount| amount.checked_mul(scale)).ok_or_else(wrong)?;
        let least = if let Unit::Count(least) = self { least } else { 1 };
        match self {
            _ if amount < least => Err(wrong()),
            Unit::Time if amount > LONGEST => Err("a time is at most a year".to_owned()),
            _ => Ok(amount),
        }
    }

    fn parse(self, text: &str) -> Option<u64> {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        self.scaled(number.parse().ok()?, unit.trim())
    }

    fn scaled(self, number: f64, unit: &str) -> Option<u64> {
        let units = match self {
            Unit::Time => TIMES,
            Unit::Size => SIZES,
            Unit::Count(_) => COUNTS,
        };
        let (_, scale) = units.iter().find(|(name, _)| *name == unit)?;
        let amount = number * scale;
        (0.0..=LARGEST).contains(&amount).then_some(amount as u64)
    }

    fn expected(self) -> String {
        match self {
            Unit::Time => "a time over 0, such as \"60s\"".to_owned(),
            Unit::Size => "a size over 0, such as \"1GiB\"".to_owned(),
            Unit::Count(least) => format!("a whole number, {least} or more"),
        }
    }

    /// An amount as it is typed.
    pub fn show(self, amount: u64) -> String {
        match self {
            Unit::Time => format!("{:?}", Duration::from_nanos(amount)),
            Unit::Count(_) => amount.to_string(),
            Unit::Size => {
                let unit = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
                let unit = unit.into_iter().find(|(_, bits)| amount > 0 && amount.is_multiple_of(1 << bits));
                unit.map_or_else(|| amount.to_string(), |(name, bits)| format!("{}{name}", amount >> bits))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(unit: Unit, text: &str) -> Result<u64, String> {
        unit.read(DeValue::parse(text).expect("a value of TOML").get_ref())
    }

    #[test]
    fn amounts_are_read_as_people_write_them() {
        for (unit, text, amount) in [
            (Unit::Time, "60", 60_000_000_000),
            (Unit::Time, "'60s'", 60_000_000_000),
            (Unit::Time, "'1.5ms'", 1_500_000),
            (Unit::Time, "'2h'", 7_200_000_000_000),
            (Unit::Time, "0.5", 500_000_000),
            (Unit::Size, "'64KiB'", 65_536),
            (Unit::Size, "'1.5 GiB'", 1_610_612_736),
            (Unit::Size, "1000", 1000),
            (Unit::Size, "'1MB'", 1_000_000),
            (Unit::Count(1), "1e11", 100_000_000_000),
            (Unit::Count(1), "0x10", 16),
            (Unit::Count(0), "0", 0),
        ] {
            assert_eq!(read(unit, text), Ok(amount), "{text}");
        }
    }

    #[test]
    fn an_amount_is_never_unlimited() {
        for unit in [Unit::Time, Unit::Size, Unit::Count(1)] {
            for text in [
                "0",
                "-1",
                "'none'",
                "'unlimited'",
                "''",
                "inf",
                "nan",
                "-0.0",
                "-1e9",
                "1e300",
                "true",
                "[1]",
                "{}",
                "99999999999999999999",
                "'-1s'",
                "'1e400s'",
                "'9999999999999999999999GiB'",
                "'1 parsec'",
                "2026-01-01",
            ] {
                assert!(read(unit, text).is_err(), "{unit:?} {text}");
            }
        }
        assert!(read(Unit::Count(1), "'3'").is_err(), "a number is not a text");
        assert!(read(Unit::Count(1), "2.5").is_err(), "half a worker is a mistake");
        assert!(read(Unit::Time, "'367h'").is_ok() && read(Unit::Time, "'9000h'").is_err());
    }

    #[test]
    fn amounts_are_shown_as_they_are_typed() {
        assert_eq!(Unit::Size.show(4 << 30), "4GiB");
        assert_eq!(Unit::Size.show(1000), "1000");
        assert_eq!(Unit::Time.show(1_500_000_000), "1.5s");
        assert_eq!(Unit::Count(1).show(3), "3");
    }
}
