//! What is measured beside what was asked for.

use std::time::Duration;

use wpool::{Interrupt, Isolation, MAX_WORKERS, PoolConfig};

use crate::cli::commands::bench::measure::Measured;

/// A deadline that no task meets.
const FAR: Duration = Duration::from_secs(3600);

/// As one types them.
const ISOLATIONS: [(&str, Isolation); 3] =
    [("fresh", Isolation::Fresh), ("reset", Isolation::Reset), ("reuse", Isolation::Reuse(None))];

/// One way to run the rows.
#[derive(Debug)]
pub struct Setting {
    pub kind: Kind,
    pub config: PoolConfig,
    /// Why the program cannot be run like this.
    pub inapplicable: Option<String>,
    pub measured: Measured,
}

/// What is different from what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The number of workers, or nothing.
    Workers(usize),
    /// How much tasks see of each other, as one types it.
    Isolation(&'static str),
    /// A deadline where there was none.
    Timeout(Interrupt),
    /// None where there was one.
    NoTimeout,
    /// What keeps the deadline, as one types it.
    Interrupt(&'static str),
    /// Leases by time, where a number of rows was asked for.
    Chunks,
}

impl Setting {
    fn new(kind: Kind, config: PoolConfig) -> Setting {
        Setting { kind, config, inapplicable: None, measured: Measured::default() }
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
    let isolations = ISOLATIONS.into_iter().filter(|(_, isolation)| *isolation != asked.task.isolation);
    let isolations = isolations.map(|(name, isolation)| {
        Setting::new(Kind::Isolation(name), with(&|config| config.task.isolation = isolation))
    });
    let deadline =
        |interrupt, limit| with(&|config| (config.task.limits.deadline, config.interrupt) = (limit, interrupt));
    let timeouts = match (asked.task.limits.deadline, asked.interrupt) {
        (None, _) => [Interrupt::Epoch, Interrupt::Kill]
            .map(|interrupt| Setting::new(Kind::Timeout(interrupt), deadline(interrupt, Some(FAR)))),
        (limit, interrupt) => {
            let (name, other) = match interrupt {
                Interrupt::Epoch => ("kill", Interrupt::Kill),
                Interrupt::Kill => ("epoch", Interrupt::Epoch),
            };
            let other = Setting::new(Kind::Interrupt(name), deadline(other, limit));
            [Setting::new(Kind::NoTimeout, deadline(interrupt, None)), other]
        }
    };
    let chunks = asked.chunksize.map(|_| Setting::new(Kind::Chunks, with(&|config| config.chunksize = None)));
    workers.chain(isolations).chain(timeouts).chain(chunks).collect()
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
        let kinds = |asked: PoolConfig| settings(&asked).iter().map(|setting| setting.kind).collect::<Vec<_>>();
        let mut asked = PoolConfig { workers: 1, ..PoolConfig::default() };
        asked.task.isolation = Isolation::Reset;
        let workers = [Kind::Workers(1), Kind::Workers(2)];
        let isolations = [Kind::Isolation("fresh"), Kind::Isolation("reuse")];
        let timeouts = [Kind::Timeout(Interrupt::Epoch), Kind::Timeout(Interrupt::Kill)];
        assert_eq!(kinds(asked.clone()), [&workers[..], &isolations, &timeouts].concat());
        let chunksize = std::num::NonZeroUsize::new(1);
        let others = [Kind::NoTimeout, Kind::Interrupt("kill"), Kind::Chunks];
        asked.task.limits.deadline = Some(FAR);
        assert_eq!(kinds(PoolConfig { chunksize, ..asked }), [&workers[..], &isolations, &others].concat());
    }
}
