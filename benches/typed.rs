//! Typed functions: what turning rows into values and back costs, beside a task that gets the same bytes.
//!
//! `WPOOL_BENCH_ROWS` (default 100 000) rows, `WPOOL_BENCH_ROUNDS` (default 5) rounds, one worker.

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use support::{Sample, WPOOL, guest, setting, time};

/// What is called, and rows for it. `None` is the task `run`.
const CASES: [(&str, Option<&str>, &str); 4] = [
    ("run, bytes", None, ORDER),
    ("record of five fields", Some("echo.order"), ORDER),
    ("run, bytes", None, POINTS),
    ("three parameters, two of them records", Some("shapes.between"), POINTS),
];
const ORDER: &str = r#"{"id":12345,"name":"a name of some length","price":99.95,"tags":["red","large"],"active":true}"#;
const POINTS: &str = r#"{"a":{"x":1.5,"y":2.5},"b":{"x":3.25,"y":-4.0},"t":0.75}"#;

fn main() {
    if !support::is_bench() {
        return;
    }
    let (rows, rounds) = (setting("WPOOL_BENCH_ROWS", 100_000), setting("WPOOL_BENCH_ROUNDS", 5));
    let folder = tempfile::tempdir().expect("a folder");
    let mut samples = CASES.map(|_| Sample::default());
    for (at, (_, _, row)) in CASES.iter().enumerate() {
        fs::write(folder.path().join(at.to_string()), format!("{row}\n").repeat(rows)).expect("it is written");
    }
    // One round more than counts, which compiles the program.
    for round in 0..=rounds {
        for (at, ((_, function, _), sample)) in CASES.iter().zip(&mut samples).enumerate() {
            let wall = time(&mut command(*function, &folder.path().join(at.to_string())));
            if round > 0 {
                sample.push(wall.as_secs_f64() * 1e6 / rows as f64);
            }
        }
    }
    println!("µs a task, one worker, whole command over {rows} rows; median of {rounds} rounds (least, most)\n");
    println!("{:<42} {:>8} {:>18} {:>12}", "", "µs", "", "over run");
    for (pair, cases) in samples.chunks(2).zip(CASES.chunks(2)) {
        for (sample, (name, _, _)) in pair.iter().zip(cases) {
            let spread = format!("({:.2}, {:.2})", sample.min(), sample.max());
            println!("{name:<42} {:>8.2} {spread:>18} {:>12.2}", sample.median(), sample.median() - pair[0].median());
        }
    }
}

fn command(function: Option<&str>, rows: &Path) -> Command {
    let mut command = Command::new(WPOOL);
    command.args(["run", "-q", "-j", "1"]).arg(guest("typed.wasm")).arg(rows);
    if let Some(function) = function {
        command.args(["--call", function]);
    }
    command
}
