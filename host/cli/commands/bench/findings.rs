//! The findings, as printed for programs.

use serde::Serialize;
use wpool::{PoolConfig, Program};

use crate::cli::commands::bench::measure::{Measured, Seen};
use crate::cli::commands::bench::settings::{Instances, Kind, Setting, instances};
use crate::cli::plan::Plan;

/// All findings of `wpool bench`. Times are in microseconds.
#[derive(Debug, Serialize)]
pub struct Findings {
    pub version: &'static str,
    pub program: String,
    #[serde(flatten)]
    pub size: Size,
    pub cores: usize,
    /// The treatment of instances where a variant does not say otherwise.
    pub isolation: Instances,
    /// Tasks that were not ok, of all measured tasks.
    pub not_ok: u64,
    pub tasks: u64,
    /// By number of workers, the fewest first.
    pub workers: Vec<Scale>,
    /// The parts of a row's time with the requested number of workers.
    pub row: Split,
    /// Other settings, with the requested number of workers.
    pub variants: Vec<Variant>,
    pub seen: Seen,
    /// Derived from all other findings.
    pub advice: Vec<String>,
}

/// The size of the measurement.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Size {
    /// Rows of one measurement, and the number of different ones.
    pub rows: usize,
    pub sample: usize,
    /// Measurements of each setting.
    pub rounds: usize,
}

/// Rows a second: the median and the extremes of all rounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Rate {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Scale {
    pub workers: usize,
    pub rate: Rate,
    /// Relative to the rate of one worker.
    pub speed_up: f64,
    /// CPU time of the host for each second.
    pub host_share: f64,
}

/// Parts of a row's time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Split {
    pub workers: usize,
    pub start_us: f64,
    pub guest_us: f64,
    pub host_us: f64,
    pub waiting_us: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Variant {
    #[serde(skip)]
    pub kind: Kind,
    /// As typed, or in words where an option is left out.
    pub name: String,
    pub rate: Option<Rate>,
    /// Relative to the rate with the requested settings.
    pub ratio: Option<f64>,
    /// The reason for a missing rate.
    pub inapplicable: Option<String>,
}

impl Split {
    /// All parts but the waiting.
    pub fn work(&self) -> f64 {
        self.start_us + self.guest_us + self.host_us
    }

    fn new(config: &PoolConfig, sample: &Measured) -> Split {
        let total = &sample.total;
        let each = |seconds: f64| seconds * 1e6 / total.rows.max(1) as f64;
        let (busy, start) = (each(total.busy.as_secs_f64()), each(total.start.as_secs_f64()));
        let (host, all) = (each(total.host.as_secs_f64()), each(total.wall.as_secs_f64() * config.workers as f64));
        Split {
            workers: config.workers,
            start_us: start,
            guest_us: (busy - start).max(0.0),
            host_us: host,
            // Without a spare core, the host has taken its own time from the workers'.
            waiting_us: (all - busy - host).max(0.0),
        }
    }
}

impl Rate {
    fn of(sample: &Measured) -> Rate {
        let mut rates = sample.rates.clone();
        rates.sort_unstable_by(f64::total_cmp);
        let at = |index: usize| rates.get(index).copied().unwrap_or_default();
        Rate { median: at(rates.len() / 2), min: at(0), max: at(rates.len().saturating_sub(1)) }
    }
}

impl Findings {
    pub fn new(program: &Program, plan: &Plan, settings: &[Setting], seen: Seen, size: Size) -> Findings {
        let asked = settings.iter().find(|setting| setting.kind == Kind::Workers(plan.config.workers));
        let (row, rate) = asked.map_or_else(Default::default, |asked| {
            (Split::new(&asked.config, &asked.measured), Rate::of(&asked.measured))
        });
        let total = |value: fn(&Measured) -> u64| settings.iter().map(|setting| value(&setting.measured)).sum();
        Findings {
            version: env!("CARGO_PKG_VERSION"),
            program: program.name().to_owned(),
            size,
            isolation: instances(&plan.config, settings),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            not_ok: total(|sample| sample.total.not_ok),
            tasks: total(|sample| sample.total.rows),
            workers: scales(settings),
            row,
            variants: settings.iter().filter_map(|setting| variant(setting, rate.median)).collect(),
            seen,
            advice: Vec::new(),
        }
    }

    /// The rate with this number of workers.
    pub fn scale(&self, workers: usize) -> Option<&Scale> {
        self.workers.iter().find(|scale| scale.workers == workers)
    }

    pub fn variant(&self, kind: Kind) -> Option<&Variant> {
        self.variants.iter().find(|variant| variant.kind == kind)
    }
}

fn scales(settings: &[Setting]) -> Vec<Scale> {
    let by_workers = settings.iter().filter_map(|setting| match setting.kind {
        Kind::Workers(workers) => Some((workers, &setting.measured)),
        _ => None,
    });
    let one = by_workers.clone().next().map_or(1.0, |(_, sample)| Rate::of(sample).median);
    let scale = |(workers, sample): (usize, &Measured)| {
        let (rate, total) = (Rate::of(sample), &sample.total);
        let host_share = total.host.as_secs_f64() / total.wall.as_secs_f64().max(f64::MIN_POSITIVE);
        Scale { workers, rate, speed_up: rate.median / one.max(f64::MIN_POSITIVE), host_share }
    };
    by_workers.map(scale).collect()
}

fn variant(setting: &Setting, asked: f64) -> Option<Variant> {
    let (kind, name) = (setting.kind, setting.kind.option()?);
    let rate = setting.inapplicable.is_none().then(|| Rate::of(&setting.measured));
    let ratio = rate.map(|rate| rate.median / asked.max(f64::MIN_POSITIVE));
    Some(Variant { kind, name, rate, ratio, inapplicable: setting.inapplicable.clone() })
}

impl Rate {
    /// Whether this rate is above the other by the factor `worth`, and was above it in every round.
    pub fn is_over(&self, other: &Rate, worth: f64) -> bool {
        self.median >= worth * other.median && self.min > other.max
    }
}
