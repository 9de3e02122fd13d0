//! What a prepared task costs: with a snapshot, with `--init-each`, and for the same program without an `init`.
//!
//! `WPOOL_BENCH_ROWS` (default 20000) and `WPOOL_BENCH_ROUNDS` (default 5) change its length.

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use support::{Sample, WPOOL, guest, setting, time};

/// Rows with which each of them works for a fifth of a second.
const EACH: usize = 10;

fn main() {
    if !support::is_bench() {
        return;
    }
    let (rows, rounds) = (setting("WPOOL_BENCH_ROWS", 20_000), setting("WPOOL_BENCH_ROUNDS", 5));
    let dir = tempfile::tempdir().expect("a temporary folder");
    let prepared = guest("wat/init-raw.wat");
    let source = fs::read_to_string(&prepared).expect("the guest is there");
    let bare = dir.path().join("bare.wat");
    fs::write(&bare, source.replace(" (export \"wpool_init\")", "")).expect("it can be written");
    // Puts the programs and the snapshot into the cache.
    per_task(&prepared, &[], dir.path(), 2);
    per_task(&bare, &[], dir.path(), 2);
    let mut measured = [Sample::default(), Sample::default(), Sample::default()];
    for _ in 0..rounds {
        let [snapshot, without, each] = &mut measured;
        snapshot.push(per_task(&prepared, &[], dir.path(), rows));
        without.push(per_task(&bare, &[], dir.path(), rows));
        each.push(per_task(&prepared, &["--init-each"], dir.path(), EACH));
    }
    println!("a task on one worker, of a program whose init takes some 0.2 s; medians of {rounds} interleaved rounds");
    let snapshot = measured[0].median();
    for (name, sample) in ["snapshot", "no init", "--init-each"].iter().zip(&measured) {
        let (median, min, max) = (sample.median(), sample.min(), sample.max());
        println!("  {name:<12} {median:>12.2} µs  ({min:.2} to {max:.2})   {:.2} × the snapshot", median / snapshot);
    }
}

/// Microseconds that a further row adds to a run.
fn per_task(task: &Path, args: &[&str], dir: &Path, rows: usize) -> f64 {
    let whole = |rows: usize| {
        let inputs = dir.join("rows");
        fs::write(&inputs, "1\n".repeat(rows)).expect("rows can be written");
        time(Command::new(WPOOL).args(["run", "-q", "-j", "1"]).args(args).arg(task).arg(inputs)).as_secs_f64()
    };
    (whole(rows) - whole(1)) * 1e6 / (rows - 1) as f64
}
