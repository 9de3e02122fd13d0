//! A task that does nothing, to see whether tasks can be run here and what stands around them.

use anyhow::Result;
use wpool::fence::Fence;
use wpool::{Observer, Outcome, Pool, PoolConfig, Program, Shutdown};

use crate::cli::runtime::runtime;

/// A task that answers with nothing.
const TRIAL: &str = r#"(module
    (memory (export "memory") 1)
    (func (export "alloc") (param i32) (result i32) (i32.const 0))
    (func (export "run") (param i32 i32) (result i64) (i64.const 0)))"#;

/// Compiles a program and runs one task, as every run does. Gives what stood of the fence.
pub fn run(mut config: PoolConfig) -> Result<Option<Fence>> {
    // Whoever asks says what is missing.
    config.observer = Observer::default();
    config.workers = 1;
    config.cache = None;
    let program = Program::new("doctor.wat", TRIAL);
    runtime()?.block_on(async {
        let pool = Pool::builder(program).config(config).build().await?;
        let mut results = pool.map([""]);
        match results.next().await?.map(|result| result.outcome) {
            Some(Outcome::Ok(_)) => {}
            Some(Outcome::NotOk(failure)) => anyhow::bail!("it ended as {}: {}", failure.status, failure.error.message),
            None => anyhow::bail!("it has no result"),
        }
        drop(results);
        let fence = pool.fence();
        pool.shutdown(Shutdown::Drain).await;
        Ok(fence)
    })
}
