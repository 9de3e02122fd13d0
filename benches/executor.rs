//! Submitted tasks: latency and throughput beside ProcessPoolExecutor's, and what cancelling a running task costs.
//!
//! `WPOOL_BENCH_ROUNDS` (default 5) and `WPOOL_BENCH_TASKS` (default 20 000) change its length.

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

mod support;

use std::time::{Duration, Instant};

use support::Target::AtMost;
use support::{Comparison, Sample, WPOOL, claim, cores, guest, lacks_python, peer_seconds, rounds, setting};
use tokio::runtime::Runtime;
use wpool::{Pool, Program, TaskState, WorkerCommand};

fn main() {
    if !support::is_bench() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let tasks = setting("WPOOL_BENCH_TASKS", 20_000);
    submitting(&runtime, tasks);
    runtime.block_on(cancelling(rounds(5) * 4));
}

async fn pool(program: &str, workers: usize) -> Pool {
    let program = Program::read(guest(program)).expect("the guest is there");
    Pool::builder(program).worker(WorkerCommand::at(WPOOL)).workers(workers).build().await.expect("the pool starts")
}

fn submitting(runtime: &Runtime, tasks: usize) {
    let pool = runtime.block_on(pool("wat/noop.wat", cores()));
    let single = tasks / 10;
    // Its workers are started before the clock is.
    runtime.block_on(all_at_once(&pool, 1_000));
    let theirs = |kind: &str, count: usize| peer_seconds(&[kind, &cores().to_string(), &count.to_string()]);
    println!("no-op tasks, submitted; {} workers; medians of interleaved rounds (min to max)\n", cores());
    let each = |seconds: f64| seconds * 1e6 / single as f64;
    let mut wait = Comparison::new("µs");
    let ours = wait.side("wpool, submit and wait", || each(seconds(runtime, one_by_one(&pool, single))));
    let peer = wait.side_unless(lacks_python(), "PPE, submit and wait", || each(theirs("one-by-one", single)));
    wait.run(rounds(5));
    wait.claim("submit and wait, time", ours, peer, None);
    println!();
    let of = |seconds: f64| tasks as f64 / seconds;
    let mut rate = Comparison::new("tasks/s");
    let ours = rate.side("wpool, submit all, then wait", || of(seconds(runtime, all_at_once(&pool, tasks))));
    let peer = rate.side_unless(lacks_python(), "PPE, submit all, then wait", || of(theirs("submit", tasks)));
    rate.run(rounds(5));
    rate.claim("submit all, then wait", ours, peer, None);
}

fn seconds(runtime: &Runtime, work: impl Future<Output = ()>) -> f64 {
    let started = Instant::now();
    runtime.block_on(work);
    started.elapsed().as_secs_f64()
}

async fn one_by_one(pool: &Pool, tasks: usize) {
    for _ in 0..tasks {
        pool.submit("1").await.expect("it is taken").await;
    }
}

async fn all_at_once(pool: &Pool, tasks: usize) {
    let mut handles = Vec::with_capacity(tasks);
    for _ in 0..tasks {
        handles.push(pool.submit("1").await.expect("it is taken"));
    }
    for handle in handles {
        handle.await;
    }
}

/// From the cancelling of an endless task to the answer of the next one, which needs a new worker.
async fn cancelling(rounds: usize) {
    let pool = pool("wat/spin-on-bang.wat", 1).await;
    let mut sample = Sample::default();
    for _ in 0..rounds {
        let endless = pool.submit("!").await.expect("it is taken");
        while endless.state() != TaskState::Running {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let next = pool.submit("1").await.expect("it is taken");
        let started = Instant::now();
        endless.cancel();
        next.await;
        sample.push(started.elapsed().as_secs_f64() * 1e3);
    }
    println!();
    claim("cancel a running task, to the next answer", &sample, "ms", Some(AtMost(4.0)));
}
