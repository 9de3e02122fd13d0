//! What a prepared task costs: with a snapshot, with `--init-each`, and for the same program without an `init`.
//!
//! `WPOOL_BENCH_ROWS` (default 20000) and `WPOOL_BENCH_ROUNDS` (default 5) change its length.

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

mod support;

use std::fs;
use std::path::Path;

use support::{Comparison, Rows, guest, rounds, setting, wpool_seconds};

/// Rows with which each of them works for a fifth of a second.
const EACH: usize = 10;

fn main() {
    if !support::is_bench() {
        return;
    }
    let count = setting("WPOOL_BENCH_ROWS", 20_000);
    let dir = tempfile::tempdir().expect("a temporary folder");
    let prepared = guest("wat/init-raw.wat");
    let source = fs::read_to_string(&prepared).expect("the guest is there");
    let bare = dir.path().join("bare.wat");
    fs::write(&bare, source.replace(" (export \"wpool_init\")", "")).expect("it can be written");
    // Puts the programs and the snapshot into the cache.
    per_task(&prepared, &[], 2);
    per_task(&bare, &[], 2);
    println!("a task on one worker, of a program whose init takes some 0.2 s; medians of interleaved rounds\n");
    let mut all = Comparison::new("µs");
    let snapshot = all.side("snapshot", || per_task(&prepared, &[], count));
    let without = all.side("no init", || per_task(&bare, &[], count));
    let each = all.side("--init-each", || per_task(&prepared, &["--init-each"], EACH));
    all.run(rounds(5));
    println!();
    all.claim("a task after init, time", snapshot, without, None);
    all.claim("--init-each, time", each, snapshot, None);
}

/// Microseconds that a further row adds to a run.
fn per_task(task: &Path, options: &[&str], rows: usize) -> f64 {
    let options = [&["-j", "1"], options].concat();
    let whole = |rows: usize| wpool_seconds(task, Rows::write(rows, |_| 1).path(), &options);
    (whole(rows) - whole(1)) * 1e6 / (rows - 1) as f64
}
