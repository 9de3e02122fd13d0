//! What keeping a journal costs: no-op rows with it, without it, and with `--durable`; and its bytes a row.
//!
//! `WPOOL_BENCH_ROWS` (default 1 000 000) and `WPOOL_BENCH_ROUNDS` (default 7) change its length.

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use support::{Sample, WPOOL, cores, guest, setting, time};

/// What is compared to the first.
const CASES: [(&str, &[&str]); 3] =
    [("without a journal", &["--no-journal"]), ("with it", &[]), ("--durable", &["--durable"])];

fn main() {
    if !support::is_bench() {
        return;
    }
    let (rows, rounds) = (setting("WPOOL_BENCH_ROWS", 1_000_000), setting("WPOOL_BENCH_ROUNDS", 7));
    let folder = tempfile::tempdir().expect("a folder");
    let input: String = (0..rows).map(|row| format!("\"{row:017}\"\n")).collect();
    fs::write(folder.path().join("rows"), input).expect("rows can be written");
    let mut samples = CASES.map(|_| Sample::default());
    // One round more than counts, which compiles the program.
    for round in 0..=rounds {
        // No case is always the one after the same other.
        for at in (0..CASES.len()).map(|at| (at + round) % CASES.len()) {
            let wall = time(&mut command(folder.path(), CASES[at].1));
            if round > 0 {
                samples[at].push(rows as f64 / wall.as_secs_f64());
            }
            if CASES[at].0 == "with it" && round == 0 {
                let length = |name| fs::metadata(folder.path().join(name)).expect("it is there").len() as f64;
                let (journal, file) = (length("out.wpool/journal"), length("out"));
                let each = |bytes: f64| bytes / rows as f64;
                println!("journal: {:.2} bytes a row, beside {:.2} of FILE", each(journal), each(file));
            }
        }
    }
    println!("{} cores; rows a second, whole command over {rows} rows; median of {rounds} rounds\n", cores());
    for ((name, _), sample) in CASES.iter().zip(&samples) {
        let spread = format!("({:.0} to {:.0})", sample.min(), sample.max());
        let share = 100.0 * (sample.median() / samples[0].median() - 1.0);
        println!("{name:<20} {:>10.0} {spread:>24} {share:>+8.1} %", sample.median());
    }
    resume(folder.path(), rows);
}

/// What it takes to find that all is done.
fn resume(folder: &Path, rows: usize) {
    let mut sample = Sample::default();
    // What was measured last may have left no journal.
    time(&mut command(folder, &["--durable"]));
    for _ in 0..3 {
        let mut resume = command(folder, &["--durable", "--resume"]);
        sample.push(rows as f64 / time(&mut resume).as_secs_f64());
    }
    println!("\n--resume with all rows in their places: {:.0} rows a second", sample.median());
}

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(WPOOL);
    command.current_dir(folder).arg("run").arg(guest("wat/noop.wat")).args(["rows", "-q", "-o", "out"]).args(args);
    if !args.contains(&"--resume") {
        command.arg("--overwrite");
    }
    command
}
