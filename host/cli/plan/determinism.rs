//! What was typed about determinism.

use std::time::Duration;

use anyhow::Result;
use wpool::limits::DETERMINISTIC_FUEL;
use wpool::{Determinism, PoolConfig};

use crate::cli::args;
use crate::cli::plan::usage;

/// Fuel that the slowest machine uses in a second: a tenth of what common ones do.
const SLOWEST: u64 = 100_000_000;

/// Refuses what would make outputs depend on other tasks.
pub fn determinism(typed: &args::Run, config: &PoolConfig) -> Result<Option<Determinism>> {
    if !typed.determinism.deterministic {
        return Ok(None);
    }
    if !config.isolation.isolates() {
        return usage("--deterministic cannot be used with --isolation reuse: tasks would see each other".into());
    }
    if config.grants.has_writable_dir() {
        return usage("--deterministic cannot be used with --dir …:rw: tasks would see each other".into());
    }
    let fuel = config.limits.fuel.unwrap_or(DETERMINISTIC_FUEL);
    let how = Determinism::default();
    let backstop = how.backstop.max(Duration::from_secs(fuel / SLOWEST));
    Ok(Some(Determinism { seed: typed.determinism.seed.unwrap_or_default(), backstop }))
}
