//! What is measured beside what was asked for.

use std::time::Duration;

use wpool::{MAX_WORKERS, PoolConfig};

use super::super::args::isolation;
use super::Sample;

/// A deadline that no task meets.
const FAR: Duration = Duration::from_secs(3600);

/// One way to run the rows.
#[derive(Debug)]
pub struct Setting {
    pub kind: Kind,
    pub config: PoolConfig,
    /// Why the program cannot be run like this.
    pub inapplicable: Option<String>,
    pub sample: Sample,
}

/// What is different from what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The number of workers, or nothing.
    Workers(usize),
    /// How much tasks see of each other, as one types it.
    Isolation(&'static str),
    /// A deadline where there was none, or none where there was one.
    Timeout(bool),
    /// Leases by time, where a number of rows was asked for.
    Chunks,
}

impl Setting {
    fn new(kind: Kind, config: PoolConfig) -> Setting {
        Setting { kind, config, inapplicable: None, sample: Sample::default() }
    }

    /// Whether it is a number of workers, at which any program can be run.
    pub fn is_asked_for(&self) -> bool {
        matches!(self.kind, Kind::Workers(_))
    }
}

/// All settings that this build has.
pub fn settings(asked: &PoolConfig) -> Vec<Setting> {
    let with = |change: &dyn Fn(&mut PoolConfig)| {
        let mut config = asked.clone();
        change(&mut config);
        config
    };
    let workers = worker_counts(asked.workers).into_iter();
    let workers = workers.map(|count| Setting::new(Kind::Workers(count), with(&|config| config.workers = count)));
    let isolations = ["fresh", "reset", "reuse"].into_iter().filter_map(|name| {
        let isolation = isolation(name).ok().filter(|isolation| *isolation != asked.isolation)?;
        Some(Setting::new(Kind::Isolation(name), with(&|config| config.isolation = isolation)))
    });
    let deadline = if asked.limits.deadline.is_some() { None } else { Some(FAR) };
    let timeout = Setting::new(Kind::Timeout(deadline.is_some()), with(&|config| config.limits.deadline = deadline));
    let chunks = asked.chunksize.map(|_| Setting::new(Kind::Chunks, with(&|config| config.chunksize = None)));
    workers.chain(isolations).chain([timeout]).chain(chunks).collect()
}

/// 1, 2, 4 … below the number that was asked for, that number, and twice as many.
fn worker_counts(asked: usize) -> Vec<usize> {
    let doubled = std::iter::successors(Some(1), |count| Some(2 * count)).take_while(|count| *count < asked);
    let mut counts: Vec<_> = doubled.chain([asked, (2 * asked).min(MAX_WORKERS)]).collect();
    counts.dedup();
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worker_counts_double_up_to_twice_what_was_asked_for() {
        assert_eq!(worker_counts(1), [1, 2]);
        assert_eq!(worker_counts(2), [1, 2, 4]);
        assert_eq!(worker_counts(6), [1, 2, 4, 6, 12]);
        assert_eq!(worker_counts(MAX_WORKERS).last(), Some(&MAX_WORKERS));
    }

    #[test]
    fn what_was_asked_for_is_measured_once() {
        let kinds: Vec<_> = settings(&PoolConfig { workers: 2, ..PoolConfig::default() })
            .iter()
            .filter(|setting| setting.config.isolation == PoolConfig::default().isolation)
            .map(|setting| setting.kind)
            .collect();
        assert_eq!(kinds, [Kind::Workers(1), Kind::Workers(2), Kind::Workers(4), Kind::Timeout(true)]);
    }
}
