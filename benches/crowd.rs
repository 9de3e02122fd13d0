//! Many workers: what the host spends on a row with few workers and with many, and how near to the ideal a crowd of
//! workers comes whose tasks wait, where all that the host does is overhead.
//!
//! `WPOOL_BENCH_ROWS` (default 1 000 000) and `WPOOL_BENCH_ROUNDS` (default 5) change its length.

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

mod support;

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use support::Target::{AtLeast, AtMost};
use support::{Comparison, Rows, Sample, WPOOL, claim, cores, cpu_of, guest, rounds, setting, wpool_run};
use wpool::{Pool, Program, WorkerCommand};

/// Workers of the crowd, and for how long each of its tasks sleeps.
const CROWD: usize = 192;
const NAP: Duration = Duration::from_millis(10);

fn main() {
    if !support::is_bench() {
        return;
    }
    println!("{} cores; medians of interleaved rounds (min to max)\n", cores());
    host_of_a_row();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(crowd());
}

/// Processor time of the whole host for rows of 100 bytes that cost nothing else: what nine tenths of them add to the
/// rest, so that starting the workers does not count.
fn host_of_a_row() {
    let count = setting("WPOOL_BENCH_ROWS", 1_000_000);
    let (rows, tenth) = (Rows::strings(count, 100), Rows::strings(count / 10, 100));
    let program = guest("wat/noop.wat");
    let cpu = |workers: usize, options: &[&str]| {
        let host = |rows: &Rows| {
            let mut command = wpool_run(&program, rows.path(), options);
            cpu_of(command.args(["-j", &workers.to_string()])).as_secs_f64()
        };
        (host(&rows) - host(&tenth)) * 1e9 / (count - count / 10) as f64
    };
    cpu(1, &[]);
    let mut all = Comparison::new("ns a row");
    let few = all.side("host CPU, 2 workers", || cpu(2, &[]));
    let many = all.side(&format!("host CPU, {CROWD} workers"), || cpu(CROWD, &[]));
    all.side("host CPU, 2 workers, --lines", || cpu(2, &["--lines"]));
    all.run(rounds(5));
    println!();
    all.reach("host CPU per row, 100 B", few, AtMost(200.0));
    all.claim("host CPU per row, 192 workers", many, few, Some(AtMost(3.0)));
}

/// How near to the ideal rate, and what the host's own thread does meanwhile.
async fn crowd() {
    let program = Program::read(guest("wat/sleep.wat")).expect("the guest is there");
    let builder = Pool::builder(program).worker(WorkerCommand::at(WPOOL)).workers(CROWD);
    let pool = builder.build().await.expect("the pool starts");
    let row = NAP.as_millis().to_string();
    let tasks = CROWD * 100;
    let ideal = CROWD as f64 / NAP.as_secs_f64();
    let (mut rate, mut share) = (Sample::default(), Sample::default());
    for round in 0..=rounds(5) {
        let (started, before) = (Instant::now(), thread_cpu());
        let mut results = pool.map(std::iter::repeat_n(row.clone(), tasks)).unordered();
        while results.next().await.expect("the pool goes on").is_some() {}
        let wall = started.elapsed().as_secs_f64();
        // The first round starts the workers.
        if round > 0 {
            rate.push(tasks as f64 / wall / ideal);
            share.push((thread_cpu() - before).as_secs_f64() / wall);
        }
    }
    println!("\n{CROWD} workers whose tasks sleep {NAP:?}");
    claim("tasks/s", &rate, &format!("× ideal, {ideal:.0} tasks/s"), Some(AtLeast(0.95)));
    claim("host CPU", &share, "of a core", Some(AtMost(0.2)));
}

/// Processor time of this thread, which is all of the host but its spawner.
fn thread_cpu() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
}
