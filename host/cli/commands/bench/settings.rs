//! The settings to measure beside the requested ones.

use std::time::Duration;

use serde::Serialize;
use wpool::limits::MAX_WORKERS;
use wpool::{Interrupt, Isolation, PoolConfig};

use crate::cli::commands::bench::measure::Measured;

/// A deadline that no task reaches.
const FAR: Duration = Duration::from_secs(3600);

const ISOLATIONS: [(Instances, Isolation); 3] = [
    (Instances::Fresh, Isolation::Fresh),
    (Instances::Reset, Isolation::Reset),
    (Instances::Reuse, Isolation::Reuse(None)),
];

/// The treatment of a program's instances after their tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Instances {
    Fresh,
    Reset,
    Reuse,
}

impl Instances {
    /// The value of `--isolation`.
    pub fn as_str(self) -> &'static str {
        match self {
            Instances::Fresh => "fresh",
            Instances::Reset => "reset",
            Instances::Reuse => "reuse",
        }
    }
}

/// One way to run the rows.
#[derive(Debug)]
pub struct Setting {
    pub kind: Kind,
    pub config: PoolConfig,
    /// The reason for which the program cannot run with it.
    pub inapplicable: Option<String>,
    pub measured: Measured,
}

/// The difference from the requested settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The number of workers, and nothing else.
    Workers(usize),
    /// How much tasks see of each other.
    Isolation(Instances),
    /// A deadline where there was none.
    Timeout(Interrupt),
    /// No deadline where there was one.
    NoTimeout,
    /// Another enforcer of the deadline.
    Interrupt(Interrupt),
    /// Leases by time, where a number of rows was requested.
    Chunks,
}

impl Kind {
    /// Its option as typed, or in words where an option is left out. `None` for a number of workers.
    pub fn option(self) -> Option<String> {
        Some(match self {
            Kind::Workers(_) => return None,
            Kind::Isolation(instances) => format!("--isolation {}", instances.as_str()),
            Kind::Timeout(Interrupt::Epoch) => "--timeout".to_owned(),
            Kind::Timeout(Interrupt::Kill) => "--timeout --interrupt kill".to_owned(),
            Kind::NoTimeout => "no --timeout".to_owned(),
            Kind::Interrupt(Interrupt::Epoch) => "--interrupt epoch".to_owned(),
            Kind::Interrupt(Interrupt::Kill) => "--interrupt kill".to_owned(),
            Kind::Chunks => "no --chunksize".to_owned(),
        })
    }
}

impl Setting {
    fn new(kind: Kind, config: PoolConfig) -> Setting {
        Setting { kind, config, inapplicable: None, measured: Measured::default() }
    }

    /// Marks what the policy would refuse or change. Returns false for a number of workers that it does not allow.
    pub fn keep_within_policy(&mut self) -> bool {
        let is_allowed = self.config.clone().bind().is_ok_and(|bounds| bounds.is_empty());
        if !is_allowed {
            self.inapplicable = Some("the policy does not allow it".to_owned());
        }
        is_allowed || !self.is_asked_for()
    }

    /// Whether only the number of workers differs, so that the program can run with it.
    pub fn is_asked_for(&self) -> bool {
        matches!(self.kind, Kind::Workers(_))
    }
}

/// All settings of this build.
pub fn settings(asked: &PoolConfig) -> Vec<Setting> {
    let with = |change: &dyn Fn(&mut PoolConfig)| {
        let mut config = asked.clone();
        change(&mut config);
        config
    };
    let workers = worker_counts(asked.workers).into_iter();
    let workers = workers.map(|count| Setting::new(Kind::Workers(count), with(&|config| config.workers = count)));
    let isolations = ISOLATIONS.into_iter().filter(|(_, isolation)| *isolation != asked.task.isolation);
    let isolations = isolations.map(|(instances, isolation)| {
        Setting::new(Kind::Isolation(instances), with(&|config| config.task.isolation = isolation))
    });
    let deadline =
        |interrupt, limit| with(&|config| (config.task.limits.deadline, config.interrupt) = (limit, interrupt));
    let timeouts = match (asked.task.limits.deadline, asked.interrupt) {
        (None, _) => [Interrupt::Epoch, Interrupt::Kill]
            .map(|interrupt| Setting::new(Kind::Timeout(interrupt), deadline(interrupt, Some(FAR)))),
        (limit, interrupt) => {
            let other = match interrupt {
                Interrupt::Epoch => Interrupt::Kill,
                Interrupt::Kill => Interrupt::Epoch,
            };
            let other = Setting::new(Kind::Interrupt(other), deadline(other, limit));
            [Setting::new(Kind::NoTimeout, deadline(interrupt, None)), other]
        }
    };
    let chunks = asked.chunksize.map(|_| Setting::new(Kind::Chunks, with(&|config| config.chunksize = None)));
    workers.chain(isolations).chain(timeouts).chain(chunks).collect()
}

/// The treatment of instances with the requested settings, with `auto` resolved.
pub fn instances(asked: &PoolConfig, settings: &[Setting]) -> Instances {
    let is_refused =
        |setting: &Setting| setting.kind == Kind::Isolation(Instances::Reset) && setting.inapplicable.is_some();
    match asked.task.isolation {
        Isolation::Auto if settings.iter().any(is_refused) => Instances::Fresh,
        Isolation::Auto | Isolation::Reset => Instances::Reset,
        Isolation::Fresh => Instances::Fresh,
        Isolation::Reuse(_) | Isolation::Checked => Instances::Reuse,
    }
}

/// 1, 2, 4 … below the requested number, that number, and twice as many.
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
        let isolations = [Kind::Isolation(Instances::Fresh), Kind::Isolation(Instances::Reuse)];
        let timeouts = [Kind::Timeout(Interrupt::Epoch), Kind::Timeout(Interrupt::Kill)];
        assert_eq!(kinds(asked.clone()), [&workers[..], &isolations, &timeouts].concat());
        let chunksize = std::num::NonZeroUsize::new(1);
        let others = [Kind::NoTimeout, Kind::Interrupt(Interrupt::Kill), Kind::Chunks];
        asked.task.limits.deadline = Some(FAR);
        assert_eq!(kinds(PoolConfig { chunksize, ..asked }), [&workers[..], &isolations, &others].concat());
    }
}
