//! What the fence around workers costs: without it and with all of it, at the start and for each task.
//!
//! `WPOOL_BENCH_ROWS` (default 300 000) and `WPOOL_BENCH_ROUNDS` (default 15) change its length.

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use support::{Sample, WPOOL, guest, setting, time};

const MODES: [&str; 2] = ["off", "strict"];

fn main() {
    if !support::is_bench() {
        return;
    }
    let (rows, rounds) = (setting("WPOOL_BENCH_ROWS", 300_000), setting("WPOOL_BENCH_ROUNDS", 15));
    println!("one worker, program cached; medians of {rounds} interleaved rounds (min to max)");
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (one, many) = (dir.path().join("one"), dir.path().join("many"));
    fs::write(&one, "7\n").expect("a row can be written");
    for (program, name, rows) in [
        ("wat/noop.wat", "no-op, raw", rows),
        ("wat/cat.wat", "a command that copies its input", rows / 4),
        ("largest-prime-factor.wasm", "a command in Rust", rows / 10),
    ] {
        fs::write(&many, "7\n".repeat(rows)).expect("rows can be written");
        let program = guest(program);
        // Puts the program into the cache.
        run(&program, MODES[0], &one);
        let (mut starts, mut tasks) = ([Sample::default(), Sample::default()], [Sample::default(), Sample::default()]);
        for _ in 0..rounds {
            for (at, mode) in MODES.iter().enumerate() {
                let start = run(&program, mode, &one);
                starts[at].push(start * 1e3);
                tasks[at].push((run(&program, mode, &many) - start) * 1e6 / (rows - 1) as f64);
            }
        }
        println!("\n{name}");
        report("a whole run of one task, ms", &starts);
        report("a further task, µs", &tasks);
    }
}

fn run(program: &Path, mode: &str, rows: &Path) -> f64 {
    let mut command = Command::new(WPOOL);
    command.args(["run", "-q", "-j", "1", "--sandbox", mode]).arg(program).arg(rows);
    time(&mut command).as_secs_f64()
}

fn report(what: &str, samples: &[Sample; 2]) {
    let [off, strict] = samples;
    let (more, ratio) = (strict.median() - off.median(), strict.median() / off.median());
    println!("  {what:<30} strict is {more:+.3}, {ratio:.3} of off");
    for (mode, sample) in MODES.iter().zip(samples) {
        println!("    {mode:<28} {:>9.3}  ({:.3} to {:.3})", sample.median(), sample.min(), sample.max());
    }
}
