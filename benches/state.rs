//! Shared state: operations per second from 1, 2 and 8 workers, beside Python's `multiprocessing.Manager().dict`.
//!
//! `WPOOL_BENCH_CALLS` (default 40 000) calls in each measurement, `WPOOL_BENCH_ROUNDS` (default 5) rounds.

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

mod support;

use support::{Comparison, Rows, cores, guest, lacks_python, peer_seconds, rounds, setting, wpool_seconds};

const WORKERS: [usize; 3] = [1, 2, 8];
/// Calls in each task.
const EACH: usize = 100;

fn main() {
    if !support::is_bench() {
        return;
    }
    let calls = setting("WPOOL_BENCH_CALLS", 40_000);
    let rows = Rows::write(calls / EACH, |_| EACH);
    println!("{} cores; medians of interleaved rounds (min to max)", cores());
    for workers in WORKERS {
        // The whole command: every task increments one counter.
        let jobs = workers.to_string();
        let options = ["--state", "--call", "shared.count", "-j", &jobs];
        let program = guest("shared-state.wasm");
        let increments = || calls as f64 / wpool_seconds(&program, rows.path(), &options);
        // Puts the program into the cache.
        increments();
        println!("\n{workers} workers");
        let mut all = Comparison::new("operations/s");
        let ours = all.side("wpool run, increments", increments);
        let set = all.side_unless(lacks_python(), "Manager().dict, sets", || peer("dict", calls, workers));
        let add = all.side_unless(lacks_python(), "Manager().dict, increments under a lock", || {
            peer("counter", calls / 4, workers)
        });
        all.run(rounds(5));
        all.claim("increments", ours, set, None);
        all.claim("increments", ours, add, None);
    }
}

/// Operations per second, without the start of Python and its workers.
fn peer(kind: &str, calls: usize, workers: usize) -> f64 {
    let each = calls / workers;
    (each * workers) as f64 / peer_seconds(&[kind, &each.to_string(), &workers.to_string()])
}
