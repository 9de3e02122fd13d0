//! Workers that break, in every way and at every moment: no task is lost, done twice, forged or blamed wrongly.
//!
//! The workers of `tests/workers/faulty.rs` break themselves. Signals break real workers.

mod deadlines;
mod death_of_host;
mod no_start;
mod once;
mod poison;
mod started_ahead;
mod stopping;
mod struck;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;
use tokio::time::sleep;
use wpool::bulk::{Cuts, Span, Supply};
use wpool::outcome::Layer;
use wpool::{Error, Event, Failure, Interrupt, Limits, Outcome, Pool, PoolConfig, Program, Shutdown, Status, TaskResult, TaskSettings, WorkerCommand};

use crate::support::*;

/// A pool's worker that breaks a rule, and what it notes about that.
struct Faulty {
    args: [&'static str; 3],
    notes: TempDir,
    events: Events,
}

impl Faulty {
    /// The first worker to whom the moment comes breaks; all others are real.
    fn once(fault: &'static str, moment: &'static str) -> Faulty {
        Faulty { args: [fault, moment, "once"], notes: tempfile::tempdir().unwrap(), events: Events::default() }
    }

    fn always(fault: &'static str, moment: &'static str) -> Faulty {
        Faulty { args: [fault, moment, "always"], ..Faulty::once(fault, moment) }
    }

    /// Settings under which what hangs is found out soon.
    fn config(&self, workers: usize) -> PoolConfig {
        let [fault, moment, repeat] = self.args;
        let program = example("faulty-worker");
        assert!(program.exists(), "`cargo test` or `cargo build --release --examples` builds {}", program.display());
        let args = [env!("CARGO_BIN_EXE_wpool"), fault, moment, repeat].map(Into::into);
        let notes = self.notes.path().as_os_str().to_owned();
        let worker = WorkerCommand { program, args: args.into_iter().chain([notes]).collect() };
        PoolConfig {
            workers,
            task: TaskSettings { limits: Limits { output: 1 << 20, ..Limits::default() }, ..TaskSettings::default() },
            grace: Duration::from_millis(500),
            patience: Duration::from_secs(1),
            observer: self.events.observer(),
            worker: Some(worker),
            ..PoolConfig::default()
        }
    }

    async fn pool(&self, workers: usize) -> Pool {
        echo(self.config(workers)).await.expect("the pool starts")
    }

    fn note(&self, name: &str) -> PathBuf {
        self.notes.path().join(name)
    }

    /// The row that a worker broke on.
    fn broke_on(&self) -> Option<String> {
        std::fs::read_to_string(self.note("fault")).ok()
    }

    /// Process ids of all workers that were started.
    fn starts(&self) -> Vec<u32> {
        let starts = std::fs::read_to_string(self.note("starts")).unwrap_or_default();
        starts.lines().map(|pid| pid.parse().unwrap()).collect()
    }

    /// Waits until a worker has the row `hold`, and does something.
    async fn once_holding(&self, act: impl FnOnce()) {
        until("a worker holds its row", || self.note("holding").exists()).await;
        act();
    }

    /// Waits until a worker has the row `hold`, does something, and lets the worker go.
    async fn while_holding(&self, act: impl FnOnce()) {
        self.once_holding(act).await;
        std::fs::write(self.note("go"), "").unwrap();
    }
}

async fn echo(config: PoolConfig) -> Result<Pool, Error> {
    Pool::builder(Program::read(wat("echo"))?).config(config).build().await
}

/// Workers without faults.
fn real(workers: usize, events: &Events) -> PoolConfig {
    let worker = WorkerCommand::at(env!("CARGO_BIN_EXE_wpool"));
    PoolConfig { workers, observer: events.observer(), worker: Some(worker), ..PoolConfig::default() }
}

async fn start(guest: &str, config: PoolConfig) -> Pool {
    Pool::builder(Program::read(wat(guest)).unwrap()).config(config).build().await.expect("the pool starts")
}

/// The rows `0`, `1` and so on.
fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}

/// Rows in stretches that travel together, with some between them that travel alone.
fn supply(rows: &[String]) -> Vec<Supply> {
    let mut all = Vec::new();
    for (rows, alone) in rows.chunks(11).zip([false, false, true].into_iter().cycle()) {
        if alone {
            all.extend(rows.iter().cloned().map(Supply::from));
            continue;
        }
        let mut cuts = Cuts::default();
        let mut at = 0;
        for row in rows {
            cuts.push(at..at + row.len(), 0);
            at += row.len();
        }
        all.push(Span::new(rows.concat(), cuts).into());
    }
    all
}

async fn collect(pool: &Pool, rows: &[String]) -> Result<Vec<TaskResult>, Error> {
    let mut results = pool.map(supply(rows));
    let mut all = Vec::new();
    while let Some(result) = results.next().await? {
        all.push(result);
    }
    Ok(all)
}

fn failure(result: &TaskResult) -> &Failure {
    match &result.outcome {
        Outcome::NotOk(failure) => failure,
        Outcome::Ok(output) => panic!("{:?} is ok: {output:?}", result.id),
    }
}

/// Every task has one result, in order, with its own input.
fn assert_in_order(results: &[TaskResult], rows: &[String]) {
    let ids: Vec<u64> = results.iter().map(|result| result.id.0).collect();
    assert_eq!(ids, (0..rows.len() as u64).collect::<Vec<_>>());
    results.iter().zip(rows).for_each(|(result, row)| assert!(result.input.bytes == row, "task {}", result.id.0));
}

/// Every task has one result, in order, and its output is its row.
fn assert_echoed(results: &[TaskResult], rows: &[String]) {
    assert_in_order(results, rows);
    for (result, row) in results.iter().zip(rows) {
        let is_echoed = result.outcome.output().is_some_and(|output| output == row);
        assert!(is_echoed, "task {} is {}", result.id.0, result.outcome.status());
    }
}

async fn assert_gone(pids: &[u32]) {
    assert!(!pids.is_empty(), "there were workers");
    until("all workers are gone and reaped", || !pids.iter().any(|&pid| is_child(pid))).await;
}

/// Runs a check for each of many cases, some at a time: they mostly wait.
fn for_each<T: Sync>(cases: &[T], name: impl Fn(&T) -> String, check: impl Fn(&T) + Sync) {
    for some in cases.chunks(8) {
        std::thread::scope(|scope| {
            for case in some {
                let thread = std::thread::Builder::new().name(name(case));
                thread.spawn_scoped(scope, || check(case)).expect("a thread");
            }
        });
    }
}
