//! The meaning of the options about determinism.

use std::time::Duration;

use wpool::limits::DETERMINISTIC_FUEL;
use wpool::{Determinism, Limits};

use crate::cli::args;

/// Fuel that the slowest machine uses in a second: a tenth of what common ones do.
const SLOWEST: u64 = 100_000_000;

/// A deterministic run's seed, and a backstop that leaves the slowest machine time for all of the fuel.
pub fn determinism(seed: u64, limits: &Limits) -> Determinism {
    let fuel = limits.fuel.unwrap_or(DETERMINISTIC_FUEL);
    Determinism { seed, backstop: Determinism::default().backstop.max(Duration::from_secs(fuel / SLOWEST)) }
}

/// The same as it was typed, if it was.
pub(super) fn typed(typed: &args::Determinism, limits: &Limits) -> Option<Determinism> {
    typed.deterministic.then(|| determinism(typed.seed.unwrap_or_default(), limits))
}
