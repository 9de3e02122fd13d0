//! What was typed about determinism.

use std::time::Duration;

use wpool::limits::DETERMINISTIC_FUEL;
use wpool::{Determinism, Limits};

use crate::cli::args;

/// Fuel that the slowest machine uses in a second: a tenth of what common ones do.
const SLOWEST: u64 = 100_000_000;

/// A deterministic run's seed, and a backstop that leaves the slowest machine time for all of the fuel.
pub fn determinism(typed: &args::Determinism, limits: &Limits) -> Option<Determinism> {
    let fuel = limits.fuel.unwrap_or(DETERMINISTIC_FUEL);
    let backstop = Determinism::default().backstop.max(Duration::from_secs(fuel / SLOWEST));
    typed.deterministic.then(|| Determinism { seed: typed.seed.unwrap_or_default(), backstop })
}
