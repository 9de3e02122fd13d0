//! The first result: a whole command that runs one small task, beside a whole Python program that submits one.
//!
//! `WPOOL_BENCH_ROUNDS` (default 21) changes its length.

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

mod support;

use std::process::Command;

use support::{Sample, WPOOL, cores, guest, has_python, peer, setting, time};

fn main() {
    if !support::is_bench() {
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary folder");
    let row = dir.path().join("row.jsonl");
    std::fs::write(&row, "7\n").expect("a row can be written");
    let mut wpool = Command::new(WPOOL);
    wpool.args(["run", "-q"]).arg(guest("largest-prime-factor.wasm")).arg(row);
    let workers = cores().to_string();
    // The first run compiles the program.
    time(&mut wpool);
    let (mut ours, mut theirs) = (Sample::default(), Sample::default());
    for _ in 0..setting("WPOOL_BENCH_ROUNDS", 21) {
        ours.push(time(&mut wpool).as_secs_f64() * 1e3);
        if has_python() {
            theirs.push(time(&mut peer(&["first", &workers])).as_secs_f64() * 1e3);
        }
    }
    println!("first result, whole command, program cached; milliseconds, median (min to max)\n");
    for (name, sample) in [("wpool run", &ours), ("ProcessPoolExecutor.submit", &theirs)] {
        if sample.is_empty() {
            println!("  {name:<28} (no python3)");
            continue;
        }
        let (median, min, max) = (sample.median(), sample.min(), sample.max());
        println!(
            "  {name:<28} {median:>8.2}  ({min:.2} to {max:.2})   wpool takes {:.3} of it",
            ours.median() / median
        );
    }
}
