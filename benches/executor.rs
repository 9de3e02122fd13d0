//! Submitted tasks: latency and throughput beside ProcessPoolExecutor's, what cancelling a running task costs, and what
//! the host spends on many workers that mostly wait.
//!
//! `WPOOL_BENCH_ROUNDS` (default 5) and `WPOOL_BENCH_TASKS` (default 20 000) change its length.

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

mod support;

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use support::{Sample, WPOOL, cores, guest, has_python, peer_seconds, setting};
use wpool::{Pool, Program, TaskState, WorkerCommand};

/// Workers of the crowd, and for how long each of its tasks sleeps.
const CROWD: usize = 192;
const NAP: Duration = Duration::from_millis(10);

fn main() {
    if !support::is_bench() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let rounds = setting("WPOOL_BENCH_ROUNDS", 5);
    let tasks = setting("WPOOL_BENCH_TASKS", 20_000);
    runtime.block_on(submitting(rounds, tasks));
    runtime.block_on(cancelling(rounds * 4));
    runtime.block_on(crowd(rounds));
}

async fn pool(program: &str, workers: usize) -> Pool {
    let program = Program::read(guest(program)).expect("the guest is there");
    Pool::builder(program).worker(WorkerCommand::at(WPOOL)).workers(workers).build().await.expect("the pool starts")
}

async fn submitting(rounds: usize, tasks: usize) {
    let pool = pool("wat/noop.wat", cores()).await;
    let one_by_one = tasks / 10;
    // Its workers are started before the clock is.
    all_at_once(&pool, 1_000).await;
    let [mut latency, mut their_latency, mut rate, mut their_rate] = std::array::from_fn(|_| Sample::default());
    let arguments = |kind: &'static str, count: usize| [kind.to_owned(), cores().to_string(), count.to_string()];
    let theirs = |kind, count| {
        let arguments = arguments(kind, count);
        has_python().then(|| peer_seconds(&arguments.each_ref().map(String::as_str)))
    };
    for _ in 0..rounds {
        let started = Instant::now();
        for _ in 0..one_by_one {
            pool.submit("1").await.expect("it is taken").await;
        }
        latency.push(micros(started.elapsed(), one_by_one));
        if let Some(seconds) = theirs("one-by-one", one_by_one) {
            their_latency.push(micros(Duration::from_secs_f64(seconds), one_by_one));
        }
        let started = Instant::now();
        all_at_once(&pool, tasks).await;
        rate.push(tasks as f64 / started.elapsed().as_secs_f64());
        if let Some(seconds) = theirs("submit", tasks) {
            their_rate.push(tasks as f64 / seconds);
        }
    }
    println!("no-op tasks, submitted; {} workers; median (min to max)\n", cores());
    row("submit and wait, µs", &latency, &their_latency);
    row("submit all, then wait, tasks/s", &rate, &their_rate);
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

fn micros(time: Duration, tasks: usize) -> f64 {
    time.as_secs_f64() * 1e6 / tasks as f64
}

fn row(what: &str, ours: &Sample, theirs: &Sample) {
    println!("  {what:<32} wpool {}", shown(ours));
    if theirs.is_empty() {
        println!("  {:<32} (no python3)", "");
    } else {
        println!("  {:<32} PPE   {}   wpool/PPE {:.2}", "", shown(theirs), ours.median() / theirs.median());
    }
}

fn shown(sample: &Sample) -> String {
    format!("{:>10.1}  ({:.1} to {:.1})", sample.median(), sample.min(), sample.max())
}

/// From the cancelling of a running task to the answer of the one behind it: a kill, a new worker, a task.
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
    println!("\ncancel a running task to the next answer, ms            {}", shown(&sample));
}

/// Many workers whose tasks sleep: how near to the ideal rate, and what the host's own thread does for a task.
async fn crowd(rounds: usize) {
    let pool = pool("wat/sleep.wat", CROWD).await;
    let row = NAP.as_millis().to_string();
    let tasks = CROWD * 100;
    let ideal = CROWD as f64 / NAP.as_secs_f64();
    let (mut rate, mut cpu) = (Sample::default(), Sample::default());
    for round in 0..=rounds {
        let (started, before) = (Instant::now(), thread_cpu());
        let mut results = pool.map(std::iter::repeat_n(row.clone(), tasks)).unordered();
        while results.next().await.expect("the pool goes on").is_some() {}
        // The first round starts the workers.
        if round > 0 {
            rate.push(tasks as f64 / started.elapsed().as_secs_f64() / ideal);
            cpu.push(micros(thread_cpu() - before, tasks));
        }
    }
    println!("\n{CROWD} workers, tasks that sleep {NAP:?}: tasks/s, of {ideal:.0}   {}", shown_share(&rate));
    println!("  host's processor time a task, µs                      {}", shown(&cpu));
}

fn shown_share(sample: &Sample) -> String {
    format!("{:>10.3}  ({:.3} to {:.3})", sample.median(), sample.min(), sample.max())
}

/// Processor time of this thread, which is all of the host but its spawner.
fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
