//! Which rows are dealt to which shard, and which are started first, by the times that are expected of them. Pure, and the
//! same everywhere: times are whole microseconds, and of equal ones the row that stands first comes first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Rows that take less than one part in so many of a worker's share need no place in front: at the end of the run the
/// workers are at most as far apart as the longest row that is left.
const PARTS: u64 = 50;

/// The time of a row in whole microseconds. A row without a time takes one.
pub fn micros(seconds: f32) -> u64 {
    ((f64::from(seconds) * 1e6) as u64).max(1)
}

/// The shard of each row, from 0 to `of` - 1: the longest rows first, each to the shard with the least to do.
pub fn deal(seconds: &[f32], of: u32) -> Vec<u32> {
    let mut shards: BinaryHeap<_> = (0..of).map(|shard| Reverse((0, shard))).collect();
    let mut dealt = vec![0; seconds.len()];
    for row in longest_first(seconds) {
        let Some(mut least) = shards.peek_mut() else { break };
        let Reverse((load, shard)) = &mut *least;
        *load += micros(seconds[row]);
        dealt[row] = *shard;
    }
    dealt
}

/// The rows that are started before all others, the longest first: those that take more than a fiftieth of a worker's share
/// of the whole, so at most fifty for each worker.
pub fn ahead(seconds: &[f32], workers: usize) -> Vec<u64> {
    let total: u64 = seconds.iter().filter(|time| **time > 0.0).map(|time| micros(*time)).sum();
    let least = total / (workers as u64 * PARTS);
    let long =
        longest_first(seconds).into_iter().take_while(|row| seconds[*row] > 0.0 && micros(seconds[*row]) > least);
    long.map(|row| row as u64).collect()
}

fn longest_first(seconds: &[f32]) -> Vec<usize> {
    let mut rows: Vec<_> = (0..seconds.len()).collect();
    rows.sort_unstable_by_key(|row| (Reverse(micros(seconds[*row])), *row));
    rows
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Numbers between 0 and 1 that look random and are the same in every run.
    struct Dice(u64);

    impl Dice {
        fn roll(&mut self) -> f64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 11) as f64 / (1_u64 << 53) as f64
        }

        /// Most rows are short, and few are very long: 1 in 1000 is a hundred times the shortest.
        fn pareto(&mut self) -> f32 {
            (1.0 - self.roll()).powf(-1.0 / 1.5) as f32
        }
    }

    /// When the last worker is done, if each takes the next row as soon as it is idle.
    fn end(order: impl Iterator<Item = f32>, workers: usize) -> f64 {
        let mut idle: BinaryHeap<_> = (0..workers).map(|_| Reverse(0)).collect();
        for time in order {
            if let Some(mut first) = idle.peek_mut() {
                first.0 += micros(time);
            }
        }
        idle.into_iter().map(|Reverse(at)| at).max().unwrap_or_default() as f64 / 1e6
    }

    /// No order ends sooner than this.
    fn bound(times: &[f32], workers: usize) -> f64 {
        let total: f64 = times.iter().map(|time| f64::from(*time)).sum();
        times.iter().map(|time| f64::from(*time)).fold(total / workers as f64, f64::max)
    }

    /// The longest time of a run, as a multiple of the least that is possible, in the order of the input and with the rows
    /// of [`ahead`] first. `wrong` is the relative error of the expected times.
    fn ratios(rows: usize, wrong: f64, seed: u64) -> [f64; 2] {
        const WORKERS: usize = 16;
        let mut dice = Dice(seed);
        let times: Vec<f32> = (0..rows).map(|_| dice.pareto()).collect();
        let expected: Vec<f32> =
            times.iter().map(|time| time * (1.0 + wrong * (2.0 * dice.roll() - 1.0)) as f32).collect();
        let first = ahead(&expected, WORKERS);
        let rest = (0..rows as u64).filter(|row| !first.contains(row));
        let ordered: Vec<f32> = first.iter().copied().chain(rest).map(|row| times[row as usize]).collect();
        [end(times.iter().copied(), WORKERS), end(ordered.into_iter(), WORKERS)].map(|end| end / bound(&times, WORKERS))
    }

    #[test]
    fn sixteen_workers_end_together_where_few_rows_are_very_long() {
        let mut worst = 0.0_f64;
        for (rows, seeds) in [(500, 40), (5_000, 20), (50_000, 3)] {
            for seed in 1..=seeds {
                let [input, ahead] = ratios(rows, 0.0, seed);
                assert!(ahead <= 1.05, "{rows} rows, seed {seed}: {ahead}, in the order of the input {input}");
                worst = worst.max(input);
            }
        }
        assert!(worst > 1.2, "the rows would be no test: {worst}");
        let wrong: Vec<f64> = (1..=20).map(|seed| ratios(2_000, 0.3, seed)[1]).collect();
        assert!(wrong.iter().all(|ratio| *ratio <= 1.1), "with times that are 30 % wrong: {wrong:?}");
    }

    #[test]
    fn shards_take_equally_long() {
        let mut dice = Dice(7);
        let times: Vec<f32> = (0..2_000).map(|_| dice.pareto()).collect();
        for of in [1, 2, 3, 7, 64] {
            let dealt = deal(&times, of);
            let loads: Vec<f64> = (0..of)
                .map(|shard| {
                    times.iter().zip(&dealt).filter(|(_, own)| **own == shard).map(|(time, _)| f64::from(*time)).sum()
                })
                .collect();
            let longest = loads.iter().copied().fold(0.0, f64::max);
            assert!(longest <= 1.05 * bound(&times, of as usize), "{of} shards: {loads:?}");
        }
    }

    #[test]
    fn rows_without_times_are_dealt_in_turn_and_none_of_them_is_ahead() {
        assert_eq!(deal(&[0.0; 6], 3), [0, 1, 2, 0, 1, 2]);
        assert_eq!(ahead(&[0.0; 6], 2), [] as [u64; 0]);
        assert_eq!(deal(&[], 3), [] as [u32; 0]);
        assert_eq!(ahead(&[1.0, 9.0, 0.0, 9.0], 2), [1, 3, 0]);
    }

    proptest! {
        #![proptest_config(crate::cases::many())]

        #[test]
        fn few_rows_are_ahead(times in prop::collection::vec(0.0_f32..1e6, 0..400), workers in 1..9_usize) {
            let first = ahead(&times, workers);
            prop_assert!(first.len() <= workers * PARTS as usize);
            prop_assert!(deal(&times, workers as u32).iter().all(|shard| (*shard as usize) < workers));
        }
    }
}
