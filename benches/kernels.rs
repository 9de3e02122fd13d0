//! What a timeout costs tight loops: eight kernels, by the processor time that the worker measured for the task, beside the
//! engine alone without any checks.
//!
//! `WPOOL_BENCH_ROUNDS` (default 7) changes its length.

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

mod bare;
mod support;

use std::path::Path;
use std::process::Command;

use support::Target::{self, AtMost};
use support::{NOT_IN_THIS_BUILD, Rows, Sample, WPOOL, claim, guest, lacks, rounds, shown, verdict};

/// Each takes some tens of milliseconds.
const KERNELS: [&str; 8] = [
    "sums 40000000",
    "sieve 4000000",
    "hash 30000000",
    "sort 400000",
    "nbody 200000",
    "collatz 150000",
    "fib 32",
    "matmul 256",
];
/// Options, what they are called, and what the loops may take of the time without any checks.
const WAYS: [(&str, &[&str], Option<Target>); 3] = [
    ("no timeout", &[], Some(AtMost(1.03))),
    ("--timeout", &["--timeout", "60s"], None),
    ("--interrupt kill", &["--timeout", "60s", "--interrupt", "kill"], Some(AtMost(1.03))),
];
/// Times that a kernel runs in a round, of which the fastest counts.
const TIMES: usize = 3;

fn main() {
    if !support::is_bench() {
        return;
    }
    let program = guest("kernels.wasm");
    let rows = Rows::write(KERNELS.len() * TIMES, |i| KERNELS[i % KERNELS.len()]);
    let bare = bare::Loop::new(&program, 1, bare::Images::Large).expect("the program compiles");
    let mut limit = KERNELS.map(|_| Sample::default());
    let mut ours = WAYS.map(|_| KERNELS.map(|_| Sample::default()));
    let is_there = |options: &[&str]| !options.contains(&"kill") || lacks("--interrupt", "kill").is_none();
    for _ in 0..rounds(7) {
        for (sample, kernel) in limit.iter_mut().zip(KERNELS) {
            sample.push(bare.fastest(kernel.as_bytes(), TIMES).as_secs_f64() * 1e3);
        }
        for ((_, options, _), samples) in WAYS.iter().zip(&mut ours).filter(|((_, options, _), _)| is_there(options)) {
            let times = times(&program, rows.path(), options);
            samples.iter_mut().zip(times).for_each(|(sample, time)| sample.push(time));
        }
    }
    report(&limit, &ours);
}

/// Milliseconds of processor time of each kernel, as its worker measured them.
fn times(program: &Path, rows: &Path, options: &[&str]) -> [f64; KERNELS.len()] {
    let mut command = Command::new(WPOOL);
    command.args(["run", "-q", "-j", "1", "--lines", "--receipts"]).args(options).arg(program).arg(rows);
    let output = command.output().expect("wpool runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut fastest = [f64::INFINITY; KERNELS.len()];
    for (at, line) in String::from_utf8_lossy(&output.stdout).lines().enumerate() {
        let record: serde_json::Value = serde_json::from_str(line).expect("a record");
        let best = &mut fastest[at % KERNELS.len()];
        *best = best.min(record["receipt"]["cpu_us"].as_f64().expect("a time") / 1e3);
    }
    fastest
}

fn report(limit: &[Sample; 8], ours: &[[Sample; 8]; 3]) {
    println!("milliseconds of the engine alone, and what a task takes of it; medians of interleaved rounds\n");
    println!("{:<16} {:>10} {:>12} {:>12} {:>18}", "kernel", "bare", WAYS[0].0, WAYS[1].0, WAYS[2].0);
    for (at, kernel) in KERNELS.iter().enumerate() {
        let ratio = |way: usize| ours[way][at].over(&limit[at]);
        let shown_or_not = |ratio: Sample| if ratio.is_empty() { "-".to_owned() } else { shown(ratio.median()) };
        let [none, epoch, kill] = [0, 1, 2].map(|way| shown_or_not(ratio(way)));
        println!("{kernel:<16} {:>10} {none:>12} {epoch:>12} {kill:>18}", shown(limit[at].median()));
    }
    println!();
    for ((name, _, target), samples) in WAYS.iter().zip(ours) {
        if samples[0].is_empty() {
            println!("  8 kernels, {name:<31} ({NOT_IN_THIS_BUILD})");
            continue;
        }
        let ratios: Sample = samples.iter().zip(limit).map(|(own, limit)| own.over(limit).median()).collect();
        claim(&format!("8 kernels, {name}, each"), &ratios, "× bare engine", None);
        let mean = geometric_mean(samples.iter().zip(limit).map(|(own, limit)| own.over(limit).median()));
        println!("  8 kernels, {name:<31} {:>9}  geometric mean  {}", shown(mean), verdict(mean, *target));
    }
}

fn geometric_mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    (values.map(f64::ln).sum::<f64>() / count).exp()
}
