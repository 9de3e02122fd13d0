//! The limits that a policy gave a run, for when it runs again where there may be no such policy.

use std::fmt::Display;
use std::num::NonZeroU64;
use std::str::FromStr;

use anyhow::{Result, anyhow};

use crate::cli::args::{Run, isolation};
use crate::cli::policy::{Change, PolicyFacts};
use crate::cli::units::{at_least_one, memory, size, time};

/// Gives options the values that they had in the run. Those on which neither outputs nor records depend stay as typed.
pub fn as_then(typed: &mut Run, policy: &PolicyFacts) -> Result<()> {
    policy.changes().try_for_each(|change| option(typed, change).map_err(|why| anyhow!("{}: {why}", change.option)))
}

fn option(typed: &mut Run, Change { option, to, .. }: &Change) -> Result<(), String> {
    let limits = &mut typed.tasks.limits;
    match option.as_str() {
        "--timeout" => limits.timeout = Some(time(to)?),
        "--cpu-time" => limits.cpu_time = Some(time(to)?),
        "--fuel" => limits.fuel = Some(at_least_one::<NonZeroU64>(to)?),
        "--memory" => limits.memory = memory(to)?,
        "--max-output" => limits.max_output = size(to)?,
        "--init-timeout" => typed.initializer.init_timeout = Some(time(to)?),
        "--retries" => typed.stopping.retries = number(to)?,
        "--crash-limit" => typed.stopping.crash_limit = number(to)?,
        "--isolation" => typed.pool.isolation = isolation(to)?,
        "--deterministic" => typed.tasks.determinism.deterministic = true,
        _ => {}
    }
    // A backstop, which is not a limit that was typed.
    if typed.tasks.determinism.deterministic {
        (typed.tasks.limits.timeout, typed.tasks.limits.cpu_time) = (None, None);
    }
    Ok(())
}

fn number<T: FromStr<Err: Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}
