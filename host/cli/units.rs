//! Sizes and times as people write them.

use std::num::{NonZeroU64, NonZeroUsize};
use std::str::FromStr;
use std::time::Duration;

use bytesize::ByteSize;
use wpool::{RetryOn, Status};

/// Largest number that may be meant as MiB.
const MOST_MIB: u32 = 4 << 10;
/// Bytes of a page of memory.
const PAGE: u64 = 64 << 10;

/// A size such as `64KiB`, `1.5GiB` or `1000`, in bytes.
pub fn size(text: &str) -> Result<u64, String> {
    let size = text.parse::<ByteSize>().map_err(|_| "expected a size such as 64KiB or 1.5GiB".to_owned())?;
    if size.as_u64() == 0 { Err("it must be over 0".into()) } else { Ok(size.as_u64()) }
}

/// The size of a memory.
pub fn memory(text: &str) -> Result<u64, String> {
    match size(text)? {
        bytes if bytes < PAGE => Err(format!("a memory has at least one page of 64KiB{}", did_you_mean(text))),
        bytes => Ok(bytes),
    }
}

/// A size that is never only some bytes.
pub fn large_size(text: &str) -> Result<u64, String> {
    match (size(text)?, did_you_mean(text)) {
        (bytes, meant) if bytes < 1 << 20 && !meant.is_empty() => Err(format!("that is {bytes} bytes{meant}")),
        (bytes, _) => Ok(bytes),
    }
}

/// A question where a unit was forgotten.
fn did_you_mean(text: &str) -> String {
    match text.trim().parse::<u32>() {
        Ok(number) if number <= MOST_MIB => format!("; did you mean {number}MiB?"),
        _ => String::new(),
    }
}

/// How many workers were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jobs {
    /// As many as there are cores.
    Auto,
    Count(NonZeroUsize),
    /// A percentage of the cores.
    Percent(NonZeroUsize),
}

impl Jobs {
    /// The number for so many cores: one at least.
    pub fn of(self, cores: usize) -> usize {
        match self {
            Jobs::Auto => cores,
            Jobs::Count(count) => count.get(),
            Jobs::Percent(percent) => (cores.saturating_mul(percent.get()) / 100).max(1),
        }
    }
}

/// A number of workers, such as `4`, `50%` or `auto`.
pub fn jobs(text: &str) -> Result<Jobs, String> {
    let jobs = match text.strip_suffix('%') {
        _ if text == "auto" => Some(Jobs::Auto),
        Some(percent) => percent.parse().ok().map(Jobs::Percent),
        None => text.parse().ok().map(Jobs::Count),
    };
    jobs.ok_or_else(|| "expected a whole number, 1 or more, a percentage of the cores such as 50%, or auto".to_owned())
}

/// What a time is written like.
const TIME: &str = "expected a time such as 200ms, 1.5s, 2m, 1h or 7d";

/// A time such as `1.5s`, `200ms` or `2m`; a bare number is seconds.
pub fn time(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let seconds = match unit.trim() {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "d" => 24.0 * 3600.0,
        _ => return Err(TIME.into()),
    };
    let number: f64 = number.parse().map_err(|_| TIME.to_owned())?;
    let time = Duration::try_from_secs_f64(number * seconds).map_err(|error| error.to_string())?;
    if time < Duration::from_millis(1) {
        return Err("it must be at least 1ms".into());
    }
    if time > Duration::from_secs(366 * 24 * 3600) {
        return Err("it must be at most a year".into());
    }
    Ok(time)
}

/// The first and the longest delay before a retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delays {
    pub first: Duration,
    pub longest: Duration,
}

/// Delays such as `100ms..30s`. A single time is the delay of every retry.
pub fn delays(text: &str) -> Result<Delays, String> {
    let (first, longest) = text.split_once("..").unwrap_or((text, text));
    let delays = Delays { first: time(first)?, longest: time(longest)? };
    if delays.first > delays.longest {
        return Err("the first delay is over the longest".into());
    }
    Ok(delays)
}

/// A status of a task that ran, or `exit=N`.
pub fn retry_on(text: &str) -> Result<RetryOn, String> {
    let text = text.trim();
    if let Some(code) = text.strip_prefix("exit=") {
        let code = code.parse().ok().filter(|code| (0..=255).contains(code));
        return code.map(RetryOn::Exit).ok_or_else(|| "expected an exit code from 0 to 255".to_owned());
    }
    // A retry cannot change a row that does not fit, or a run that ends.
    let fixed = [Status::Ok, Status::InvalidInput, Status::Cancelled, Status::Skipped];
    let status = Status::ALL.into_iter().filter(|status| !fixed.contains(status));
    status.clone().find(|status| status.as_str() == text).map(RetryOn::Status).ok_or_else(|| {
        let names: Vec<_> = status.map(Status::as_str).collect();
        format!("expected exit=N or one of {}", names.join(", "))
    })
}

/// A status of a task that is not ok.
pub fn not_ok(text: &str) -> Result<Status, String> {
    let mut statuses = Status::ALL.into_iter().filter(|status| *status != Status::Ok);
    statuses.clone().find(|status| status.as_str() == text.trim()).ok_or_else(|| {
        let names: Vec<_> = statuses.by_ref().map(Status::as_str).collect();
        format!("expected one of {}", names.join(", "))
    })
}

/// A time with two or three digits that say something: `4.2µs`, `120ms`, `3.4s`, `2m05s`, `1h02m`.
pub fn show_time(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    let scaled =
        |value: f64, unit| if value < 9.95 { format!("{value:.1}{unit}") } else { format!("{value:.0}{unit}") };
    let whole = seconds.round() as u64;
    match seconds {
        _ if seconds < 0.999_5e-6 => format!("{}ns", time.as_nanos()),
        _ if seconds < 0.999_5e-3 => scaled(seconds * 1e6, "µs"),
        _ if seconds < 0.999_5 => scaled(seconds * 1e3, "ms"),
        _ if seconds < 59.5 => scaled(seconds, "s"),
        _ if seconds < 3_599.5 => format!("{}m{:02}s", whole / 60, whole % 60),
        _ => format!("{}h{:02}m", whole / 3600, whole / 60 % 60),
    }
}

/// `1 task`, `2 tasks`.
pub fn plural(count: u64, noun: &str) -> String {
    let end = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{end}")
}

/// A number of tasks or workers, 1 or more.
pub fn at_least_one<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| "expected a whole number, 1 or more".to_owned())
}

/// A difference of numbers, 0 or more.
pub fn share(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0);
    number.ok_or_else(|| "expected a number, 0 or more, such as 1e-9".to_owned())
}

/// A factor, 1 or more, such as `1.5` or `2x`.
pub fn factor(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('x').unwrap_or(text).parse().ok();
    let number = number.filter(|number: &f64| number.is_finite() && *number >= 1.0);
    number.ok_or_else(|| "expected a factor, 1 or more, such as 1.5 or 2x".to_owned())
}

/// A number of failures, 1 or more.
pub fn failures(text: &str) -> Result<NonZeroU64, String> {
    if text.ends_with('%') {
        return Err("expected a number of tasks; a percentage is for --halt, such as --halt soon,fail=10%".into());
    }
    at_least_one(text)
}

/// A number of bytes, such as `1.5 MiB`.
pub fn show_size(bytes: u64) -> String {
    ByteSize(bytes).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(crate::cases::many())]

        #[test]
        fn every_text_is_within_the_bounds_or_refused(text in "([0-9.]{0,25} ?(ms|s|min|m|h|KiB|GB|TiB|B)?|\\PC{0,8})") {
            if let Ok(time) = time(&text) {
                prop_assert!((Duration::from_millis(1)..=Duration::from_secs(366 * 24 * 3600)).contains(&time));
                prop_assert!(!show_time(time).is_empty());
            }
            prop_assert!(size(&text).map_or(true, |size| size > 0 && !show_size(size).is_empty()));
            prop_assert!(memory(&text).is_err() || large_size(&text).is_ok());
            prop_assert!(jobs(&text).is_err() || jobs(&text).is_ok_and(|jobs| (1..=64).all(|cores| jobs.of(cores) > 0)));
            prop_assert!(failures(&text).is_err() || text.parse::<u64>().is_ok_and(|count| count > 0));
            let _ = (delays(&format!("{text}..{text}")), retry_on(&text), retry_on(&format!("exit={text}")));
        }

        #[test]
        fn whole_units_are_what_they_say(count in 1..500u64) {
            prop_assert_eq!(time(&format!("{count}ms")), Ok(Duration::from_millis(count)));
            prop_assert_eq!(time(&format!("{count} h")), Ok(Duration::from_secs(3_600 * count)));
            prop_assert_eq!(size(&format!("{count}KiB")), Ok(count << 10));
        }

        #[test]
        fn every_time_can_be_shown(nanos in any::<u64>()) {
            let shown = show_time(Duration::from_nanos(nanos));
            prop_assert!(shown.chars().count() <= 12, "{shown}");
        }
    }

    #[test]
    fn delays_are_one_time_or_two() {
        let of = |first, longest| {
            Ok(Delays { first: Duration::from_millis(first), longest: Duration::from_millis(longest) })
        };
        assert_eq!(delays("100ms..30s"), of(100, 30_000));
        assert_eq!(delays("2s"), of(2_000, 2_000));
        for text in ["", "..", "1s..", "..1s", "2s..1s", "1s..2s..3s", "0..1s"] {
            assert!(delays(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_ran_can_be_retried() {
        assert_eq!(retry_on("exit=75"), Ok(RetryOn::Exit(75)));
        assert_eq!(retry_on("out-of-memory"), Ok(RetryOn::Status(Status::OutOfMemory)));
        for text in ["", "ok", "skipped", "cancelled", "invalid-input", "exit", "exit=", "exit=256", "exit=-1", "Trap"]
        {
            assert!(retry_on(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_are_shown_with_the_digits_that_matter() {
        for (nanos, shown) in [
            (0, "0ns"),
            (999, "999ns"),
            (4_200, "4.2µs"),
            (999_900, "1.0ms"),
            (120_000_000, "120ms"),
            (3_400_000_000, "3.4s"),
            (9_960_000_000, "10s"),
            (59_700_000_000, "1m00s"),
            (125_000_000_000, "2m05s"),
            (3_720_000_000_000, "1h02m"),
        ] {
            assert_eq!(show_time(Duration::from_nanos(nanos)), shown);
        }
    }

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
    fn a_share_of_the_cores_is_one_core_at_least() {
        for (text, of_eight, of_one) in
            [("auto", 8, 1), ("3", 3, 3), ("50%", 4, 1), ("100%", 8, 1), ("1%", 1, 1), ("150%", 12, 1)]
        {
            let jobs = jobs(text).expect("a number of workers");
            assert_eq!((jobs.of(8), jobs.of(1)), (of_eight, of_one), "{text}");
        }
        for text in ["", "0", "0%", "%", "-1", "1.5", "all", "50 %"] {
            assert!(jobs(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_memory_without_a_unit_is_asked_about() {
        assert_eq!((memory("64KiB"), memory("65536"), large_size("1KiB")), (Ok(65_536), Ok(65_536), Ok(1_024)));
        assert!(memory("512").is_err_and(|why| why.ends_with("did you mean 512MiB?")));
        assert!(memory("1KiB").is_err_and(|why| !why.contains("mean")));
        assert!(large_size("4").is_err_and(|why| why.ends_with("did you mean 4MiB?")));
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
