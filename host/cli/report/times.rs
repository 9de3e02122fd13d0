//! Distributions of times, in memory that does not grow with their number.

use std::time::Duration;

use hdrhistogram::Histogram;

/// Longest time that percentiles distinguish. A longer time counts as this one.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);
/// Digits of percentiles: within one percent, for 40 kB each.
const DIGITS: u8 = 2;

/// The distribution of a time.
#[derive(Debug)]
pub struct Times(Histogram<u64>);

impl Default for Times {
    fn default() -> Self {
        let histogram = Histogram::new_with_bounds(1, LONGEST.as_nanos() as u64, DIGITS);
        Times(histogram.expect("the bounds are constants that fit"))
    }
}

impl Times {
    pub fn add(&mut self, time: Duration) {
        self.add_nanos(time.as_nanos().try_into().unwrap_or(u64::MAX));
    }

    pub fn add_nanos(&mut self, nanos: u64) {
        self.0.saturating_record(nanos);
    }

    /// The number of times.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// `None` when nothing was measured.
    pub fn percentiles(&self) -> Option<Percentiles> {
        let at = |quantile| Duration::from_nanos(self.0.value_at_quantile(quantile));
        (!self.0.is_empty()).then(|| Percentiles {
            mean: Duration::from_nanos(self.0.mean() as u64),
            p50: at(0.5),
            p95: at(0.95),
            p99: at(0.99),
            max: at(1.0),
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Percentiles {
    pub mean: Duration,
    pub p50: Duration,
    pub p95: Duration,
    pub p99: Duration,
    pub max: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_within_a_percent_and_time_has_an_end() {
        let mut times = Times::default();
        assert_eq!(times.percentiles(), None);
        (1..=1000).for_each(|ms| times.add(Duration::from_millis(ms)));
        let found = times.percentiles().expect("there are some");
        for (found, ms) in [(found.p50, 500), (found.p95, 950), (found.p99, 990), (found.max, 1000), (found.mean, 500)]
        {
            let ratio = found.as_secs_f64() / Duration::from_millis(ms).as_secs_f64();
            assert!((0.99..1.011).contains(&ratio), "{found:?}");
        }
        times.add(Duration::MAX);
        times.add(Duration::ZERO);
        assert!(times.percentiles().is_some_and(|found| found.max >= LONGEST));
    }
}
