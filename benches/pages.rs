//! What tasks that write many pages cost, in instances that are fresh or put back.
//!
//! The time is that of the whole command, because putting back comes after a task's answer.
//! `WPOOL_BENCH_ROUNDS` (default 3) changes its length.

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

mod support;

use std::fs;

use support::{Comparison, guest, rounds, wpool_seconds};

/// Rows of `scatter.wat`, and their number in a run.
const ROWS: [(&str, usize); 7] = [
    ("100 1", 2_000),
    ("1000 1", 400),
    ("5000 1", 80),
    ("20000 1", 40),
    ("100 2", 2_000),
    ("1000 2", 400),
    ("20000 2", 40),
];

fn main() {
    if !support::is_bench() {
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary folder");
    let program = guest("wat/scatter.wat");
    println!("a task on one worker that writes so many pages, so far apart; medians of interleaved rounds\n");
    for (row, count) in ROWS {
        let rows = |name: &str, count: usize| {
            let path = dir.path().join(name);
            fs::write(&path, format!("{row}\n").repeat(count)).expect("it can be written");
            path
        };
        let (one, many) = (rows("one", 1), rows("many", count));
        let per_task = |isolation: &str| {
            let options = ["-j", "1", "--lines", "--isolation", isolation];
            let [one, many] = [&one, &many].map(|rows| wpool_seconds(&program, rows, &options));
            (many - one) * 1e6 / (count - 1) as f64
        };
        let mut all = Comparison::new("µs");
        let fresh = all.side(&format!("{row}, fresh"), || per_task("fresh"));
        let reset = all.side(&format!("{row}, put back"), || per_task("reset"));
        all.run(rounds(3));
        all.claim(&format!("{row}, put back"), reset, fresh, None);
        println!();
    }
}
