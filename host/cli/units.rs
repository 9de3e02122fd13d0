//! Sizes and times as people write them.

use std::time::Duration;

use bytesize::ByteSize;

/// A size such as `64KiB`, `1.5GiB` or `1000`, in bytes.
pub fn size(text: &str) -> Result<u64, String> {
    let size = text.parse::<ByteSize>().map_err(|_| "expected a size such as 64KiB or 1.5GiB".to_owned())?;
    if size.as_u64() == 0 { Err("it must be over 0".into()) } else { Ok(size.as_u64()) }
}

/// A time such as `1.5s`, `200ms` or `2m`; a bare number is seconds.
pub fn time(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let seconds = match unit.trim() {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err("expected a time such as 200ms, 1.5s or 2m".into()),
    };
    let number: f64 = number.parse().map_err(|_| "expected a time such as 200ms, 1.5s or 2m".to_owned())?;
    let time = Duration::try_from_secs_f64(number * seconds).map_err(|error| error.to_string())?;
    if time < Duration::from_millis(1) {
        return Err("it must be at least 1ms".into());
    }
    if time > Duration::from_secs(366 * 24 * 3600) {
        return Err("it must be at most a year".into());
    }
    Ok(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units_and_fractions() {
        for (text, millis) in [("1.5s", 1500), ("200ms", 200), ("2m", 120_000), ("3", 3000), ("0.5h", 1_800_000)] {
            assert_eq!(time(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "s", "-1s", "0", "1.2.3s", "5 parsecs", "1e9", "99999999999h", "0.1ms"] {
            assert!(time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_have_units_and_fractions() {
        for (text, bytes) in [("64KiB", 64 << 10), ("1.5GiB", 3 << 29), ("1000", 1000), ("2MB", 2_000_000)] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "0", "-1", "12 apples"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
