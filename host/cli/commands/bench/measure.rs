//! One measurement: a pool, a warm-up, and rows against the clock.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Serialize;
use wpool::bulk::Settled;
use wpool::{Pool, PoolConfig, Program, Shutdown, Status};

use crate::cli::commands::bench::sample::Sample;
use crate::cli::run::measured::cpu_time;

/// Time of the run that finds the number of rows in a second, and the most rows of it.
const PROBE: Duration = Duration::from_millis(100);
const MOST_ROWS: usize = 20_000_000;
/// Rows that are measured in full, to learn their nature.
const LOOKED_AT: usize = 32;

/// The sum of all measurements of a setting.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// Rows a second, round by round.
    pub rates: Vec<f64>,
    /// Sums over all rounds.
    pub total: Measurement,
}

impl Measured {
    pub fn add(&mut self, one: Measurement) {
        self.rates.push(one.rows as f64 / one.wall.as_secs_f64().max(f64::MIN_POSITIVE));
        let total = &mut self.total;
        total.rows += one.rows;
        total.not_ok += one.not_ok;
        total.wall += one.wall;
        total.busy += one.busy;
        total.start += one.start;
        total.host += one.host;
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Measurement {
    pub rows: u64,
    pub not_ok: u64,
    pub wall: Duration,
    /// Time of workers on tasks, and the part of it for making instances.
    pub busy: Duration,
    pub start: Duration,
    /// CPU time of this process.
    pub host: Duration,
}

/// Runs this many rows in a new pool, and repeats the sample as needed.
pub async fn measure(program: &Program, config: &PoolConfig, sample: &Sample, count: usize) -> Result<Measurement> {
    let pool = Pool::builder(program.clone()).config(config.clone()).build().await?;
    // Workers start with the first rows, and learn the size of their leases.
    pass(&pool, sample, (count / 10).max(config.workers)).await?;
    let measurement = pass(&pool, sample, count).await?;
    pool.shutdown(Shutdown::Kill).await;
    Ok(measurement)
}

/// Checks that the program can run with these settings. Afterwards it is in the cache.
pub async fn can_run(program: &Program, config: &PoolConfig) -> Result<()> {
    let pool = Pool::builder(program.clone()).config(config.clone()).build().await?;
    pool.shutdown(Shutdown::Kill).await;
    Ok(())
}

async fn pass(pool: &Pool, sample: &Sample, count: usize) -> Result<Measurement> {
    let (before, cpu, began) = (pool.stats(), cpu_time(), Instant::now());
    let (mut rows, mut not_ok) = (0, 0);
    let mut results = pool.map(sample.rows(count));
    loop {
        let mut any = false;
        for settled in results.next_settled().await? {
            any = true;
            rows += settled.len() as u64;
            // Tasks that came in one piece are all ok.
            if let Settled::One(result) = settled {
                not_ok += u64::from(result.outcome.status() != Status::Ok);
            }
        }
        if !any {
            break;
        }
    }
    let (wall, host, after) = (began.elapsed(), cpu_time().saturating_sub(cpu), pool.stats());
    let (busy, start) = (after.busy.saturating_sub(before.busy), after.start.saturating_sub(before.start));
    Ok(Measurement { rows, not_ok, wall, busy, start, host })
}

/// The number of rows that take about a second, and at least two for each of the most workers.
pub async fn rows_of_a_second(program: &Program, config: &PoolConfig, sample: &Sample) -> Result<usize> {
    let pool = Pool::builder(program.clone()).config(config.clone()).build().await?;
    let least = 4 * config.workers;
    let mut count = least;
    let rate = loop {
        let one = pass(&pool, sample, count).await?;
        if one.wall >= PROBE || count >= MOST_ROWS {
            break count as f64 / one.wall.as_secs_f64().max(f64::MIN_POSITIVE);
        }
        count *= 4;
    };
    pool.shutdown(Shutdown::Kill).await;
    Ok((rate as usize).clamp(least, MOST_ROWS))
}

/// Measurements of some tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Seen {
    pub tasks: u64,
    /// The number of tasks that had more memory at the end than at the start.
    pub grown: u64,
    /// Bytes at the start, and the highest peak of any task.
    pub initial_memory: u64,
    pub peak_memory: u64,
    /// The part of their time in which they used no processor, from 0 to 1.
    pub idle_share: f64,
}

/// Measures some tasks, and checks that the program can run at all.
pub async fn look(program: &Program, config: &PoolConfig, sample: &Sample) -> Result<Seen> {
    let mut config = config.clone();
    config.task.receipts = true;
    let pool = Pool::builder(program.clone()).config(config).build().await?;
    let initial = pool.report().resources.initial_memory;
    let mut seen = Seen { initial_memory: initial, ..Seen::default() };
    let (mut wall, mut cpu) = (Duration::ZERO, Duration::ZERO);
    let mut results = pool.map(sample.rows(LOOKED_AT.min(sample.different)));
    while let Some(result) = results.next().await? {
        let Some(measured) = result.receipt.measured else { continue };
        let peak = measured.peak_memory.unwrap_or(initial);
        seen.tasks += 1;
        seen.grown += u64::from(peak > initial);
        seen.peak_memory = seen.peak_memory.max(peak);
        if let Some(used) = measured.cpu {
            (wall, cpu) = (wall + result.receipt.wall, cpu + used);
        }
    }
    drop(results);
    pool.shutdown(Shutdown::Kill).await;
    seen.idle_share = (1.0 - cpu.as_secs_f64() / wall.as_secs_f64().max(f64::MIN_POSITIVE)).clamp(0.0, 1.0);
    Ok(seen)
}
