//! Shared state: operations per second from 1, 2 and 8 workers, beside Python's `multiprocessing.Manager().dict`.
//!
//! `WPOOL_BENCH_CALLS` (default 40 000) calls in each measurement, `WPOOL_BENCH_ROUNDS` (default 5) rounds.

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use support::{Sample, WPOOL, cores, guest, has_python, peer_seconds, setting, time};

const WORKERS: [usize; 3] = [1, 2, 8];
/// Calls in each task.
const EACH: usize = 100;

fn main() {
    if !support::is_bench() {
        return;
    }
    let (calls, rounds) = (setting("WPOOL_BENCH_CALLS", 40_000), setting("WPOOL_BENCH_ROUNDS", 5));
    let folder = tempfile::tempdir().expect("a folder");
    let rows = folder.path().join("rows");
    fs::write(&rows, format!("{EACH}\n").repeat(calls / EACH)).expect("rows can be written");
    // Puts the program into the cache.
    time(&mut count(&rows, 1));
    println!("{} cores; operations per second, medians of {rounds} interleaved rounds (min to max)\n", cores());
    for workers in WORKERS {
        let mut measured = [Sample::default(), Sample::default(), Sample::default()];
        for _ in 0..rounds {
            let [ours, set, add] = &mut measured;
            ours.push(calls as f64 / time(&mut count(&rows, workers)).as_secs_f64());
            if has_python() {
                set.push(peer("dict", calls, workers));
                add.push(peer("counter", calls / 4, workers));
            }
        }
        println!("{workers} workers");
        report(&measured);
    }
}

/// The whole command: every task increments one counter.
fn count(rows: &Path, workers: usize) -> Command {
    let mut command = Command::new(WPOOL);
    command.args(["run", "-q", "--state", "--call", "shared.count", "-j", &workers.to_string()]);
    command.arg(guest("shared-state.wasm")).arg(rows);
    command
}

/// Operations per second, without the start of Python and its workers.
fn peer(kind: &str, calls: usize, workers: usize) -> f64 {
    let each = calls / workers;
    (each * workers) as f64 / peer_seconds(&[kind, &each.to_string(), &workers.to_string()])
}

fn report(measured: &[Sample; 3]) {
    let names = ["wpool run, increments", "Manager().dict, sets", "…, increments under a lock"];
    for (name, sample) in names.iter().zip(measured) {
        if sample.is_empty() {
            println!("  {name:<28} (no python3)");
            continue;
        }
        let (median, min, max) = (sample.median(), sample.min(), sample.max());
        let ratio = measured[0].median() / median;
        println!("  {name:<28} {median:>10.0}  ({min:.0} to {max:.0})   wpool is {ratio:.2} of it");
    }
    println!();
}
