//! What a run of 10⁹ and 10¹² rows takes on 10 to 100 000 machines, by simulation with constants that are measured here; and
//! what the same simulation says of 1, 2 and 4 shards on this machine, beside what they really take.
//!
//! `WPOOL_BENCH_ROWS` (default 400 000) and `WPOOL_BENCH_ROUNDS` (default 3) change the length of the measurements.

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

#[path = "scale/farm.rs"]
mod farm;
mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use farm::{Constants, Input, Plan, Taken, best, run};
use support::{WPOOL, guest, rounds, setting, time};

/// Guests by their kind, with the part of the rows that they are measured with.
const GUESTS: [(&str, &str, f64); 4] = [
    ("no-op", "wat/noop.wat", 1.0),
    ("JSON in and out", "transform.wasm", 1.0),
    ("WASI command", "word-count.wasm", 0.2),
    ("arithmetic, 0.15 ms", "sum-of-squares.wasm", 0.02),
];
/// The guest that real shards run, which has enough to do.
const REAL: &str = "word-count.wasm";
/// How far the simulation may be off a real run on a machine that does nothing else.
const TARGET: f64 = 1.25;

/// The constants that nobody can measure here, each a guess that a reader can replace.
const GUESSED: Constants = Constants {
    rate: 0.0,
    read: 0.0,
    start: 0.0,
    merge: 0.0,
    row_bytes: 100.0,
    kept_bytes: 0.0,
    cores: 8.0,
    engine: 20.0,
    requeue: 160.0,
    failures: 0.002,
    spread: 0.08,
    storage: 100e9,
    files: 10_000.0,
    price: 0.04,
};

fn main() {
    if !support::is_bench() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let rows = setting("WPOOL_BENCH_ROWS", 400_000);
    let lines = (0..rows).map(|row| format!("\"{row:097}\"\n")).collect::<String>();
    fs::write(folder.path().join("rows"), lines).expect("rows can be written");
    let small = (0..rows / 50).map(|row| format!("{}\n", 40_000 + row % 100)).collect::<String>();
    fs::write(folder.path().join("small"), small).expect("rows can be written");
    let constants = measure(folder.path(), rows as f64);
    let rates =
        GUESTS.map(|(kind, program, part)| (kind, rate(folder.path(), program, rows as f64 * part, &constants)));
    println!("measured on this machine, best of {} rounds:", rounds(3));
    println!(
        "  start of a shard {:.3} s, reading {:.0} MB/s, merge {:.0} records/s",
        constants.start,
        constants.read / 1e6,
        constants.merge
    );
    println!("  {:.0} bytes kept for a row: record, journal, history", constants.kept_bytes);
    for (kind, rate) in rates {
        println!("  {kind:<20} {rate:>10.0} tasks/s on a core");
    }
    check(folder.path(), rows as f64, &constants);
    for (kind, rate) in rates {
        table(kind, &Constants { rate, ..constants });
    }
}

/// The shortest of some rounds.
fn seconds(mut command: impl FnMut() -> Command) -> f64 {
    (0..rounds(3)).map(|_| time(&mut command()).as_secs_f64()).fold(f64::INFINITY, f64::min)
}

/// `wpool run` of a guest with one worker.
fn shard(folder: &Path, program: &str, rows: &str, options: &str) -> Command {
    let mut command = Command::new(WPOOL);
    command.current_dir(folder).args(["run", "-q", "-j", "1", "--lines", "--overwrite"]);
    command.arg(guest(program)).arg(rows).args(options.split_whitespace());
    command
}

fn measure(folder: &Path, rows: f64) -> Constants {
    // The first run compiles the program.
    let start = seconds(|| shard(folder, "wat/noop.wat", "small", "-o start --shard 1/100000 --shard-by block"));
    let none = seconds(|| shard(folder, "wat/noop.wat", "rows", "-o none --shard 99999/100000 --shard-by block"));
    let bytes = fs::metadata(folder.join("rows")).expect("it is there").len() as f64;
    for number in 1..=4 {
        time(&mut shard(folder, "wat/noop.wat", "rows", &format!("-o part.{number} --shard {number}/4")));
    }
    let merge = seconds(|| merge(folder, 4));
    let kept: u64 =
        ["part.1", "part.1.wpool/journal", "part.1.wpool/history"].iter().map(|name| size(&folder.join(name))).sum();
    Constants {
        start,
        read: bytes / (none - start).max(1e-3),
        merge: rows / merge,
        row_bytes: bytes / rows,
        kept_bytes: kept as f64 / (rows / 4.0),
        ..GUESSED
    }
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |file| file.len())
}

fn merge(folder: &Path, shards: u32) -> Command {
    let mut command = Command::new(WPOOL);
    command.current_dir(folder).args(["merge", "-q", "--overwrite", "-o", "merged"]);
    command.args((1..=shards).map(|number| format!("part.{number}")));
    command
}

/// Tasks in a second of a guest with one worker.
fn rate(folder: &Path, program: &str, rows: f64, constants: &Constants) -> f64 {
    let (input, rows) = if program == "sum-of-squares.wasm" { ("small", rows) } else { ("rows", rows) };
    let of = (setting("WPOOL_BENCH_ROWS", 400_000) as f64 / rows).round();
    let options =
        if input == "small" { "-o rate".to_owned() } else { format!("-o rate --shard 1/{of} --shard-by block") };
    time(&mut shard(folder, program, input, &options));
    rows / (seconds(|| shard(folder, program, input, &options)) - constants.start).max(1e-3)
}

/// Real shards, one after the other with one worker each, beside what the simulation says of them.
fn check(folder: &Path, rows: f64, constants: &Constants) {
    let rows_of = |name: &str| folder.join(name);
    let head: String = fs::read_to_string(rows_of("rows"))
        .expect("rows")
        .lines()
        .take(rows as usize / 5)
        .map(|line| line.to_owned() + "\n")
        .collect();
    fs::write(rows_of("real"), head).expect("rows can be written");
    let rows = (rows / 5.0).floor();
    let one = seconds(|| shard(folder, REAL, "real", "-o part.1 --shard 1/1 --shard-by block"));
    let rate = rows / (one - constants.start);
    // One core, no engine, no failures: what is left is the command.
    let here =
        Constants { rate, cores: 1.0, engine: 0.0, failures: 0.0, spread: 0.0, storage: f64::INFINITY, ..*constants };
    println!("\nreal shards beside simulated ones ({REAL}, {rows} rows; the first one sets the rate):");
    for of in [1, 2, 4] {
        let taken = |number: u32| {
            seconds(|| shard(folder, REAL, "real", &format!("-o part.{number} --shard {number}/{of} --shard-by block")))
        };
        let real = (1..=of).map(taken).fold(0.0, f64::max);
        let (said, _) =
            farm::shard(&here, rows / f64::from(of), &Plan { rows, machines: 1, each: 1, input: Input::Whole });
        let merged = seconds(|| merge(folder, of));
        let ratio = real / said;
        let verdict = if (1.0 / TARGET..=TARGET).contains(&ratio) { "" } else { "  MISSED" };
        println!(
            "  {of} shards: the longest took {real:.3} s, simulated {said:.3} s, ratio {ratio:.2}{verdict}; merge {merged:.3} s, simulated {:.3} s",
            rows / here.merge
        );
    }
}

fn table(kind: &str, constants: &Constants) {
    println!("\n{kind}, {:.0} bytes a row, machines of {} cores:", constants.row_bytes, constants.cores);
    println!(
        "  {:>6} {:>8} {:>6} {:>10} {:>9} {:>8} {:>8} {:>9} {:>9} {:>9} {:>10} {:>9}",
        "rows",
        "machines",
        "input",
        "shards",
        "wall",
        "reading",
        "idle end",
        "failures",
        "files",
        "merge",
        "dollars",
        "kept"
    );
    for rows in [1e9, 1e12] {
        for machines in [10, 1_000, 100_000] {
            for input in [Input::Whole, Input::Cut] {
                let (each, taken) = best(constants, rows, machines, input);
                row(rows, machines, each, input, &taken);
            }
        }
    }
    let one = run(constants, &Plan { rows: 1e9, machines: 1, each: 1, input: Input::Cut });
    println!("  one machine, 10⁹ rows: {}", shown(one.wall));
}

fn row(rows: f64, machines: usize, each: usize, input: Input, taken: &Taken) {
    let input = if input == Input::Whole { "whole" } else { "cut" };
    println!(
        "  {rows:>6.0e} {machines:>8} {input:>6} {:>10} {:>9} {:>7.0}% {:>7.0}% {:>9.0} {:>9} {:>9} {:>10.2} {:>9}",
        machines * each,
        shown(taken.wall),
        100.0 * taken.reading,
        100.0 * taken.straggling,
        taken.failures,
        shown(taken.making),
        shown(taken.merge),
        taken.dollars,
        bytes(taken.kept),
    );
}

fn shown(seconds: f64) -> String {
    match seconds {
        _ if seconds < 99.5 => format!("{seconds:.0} s"),
        _ if seconds < 5_970.0 => format!("{:.0} min", seconds / 60.0),
        _ if seconds < 172_800.0 => format!("{:.1} h", seconds / 3_600.0),
        _ if seconds < 63e6 => format!("{:.0} days", seconds / 86_400.0),
        _ => format!("{:.0} years", seconds / 31_557_600.0),
    }
}

fn bytes(bytes: f64) -> String {
    if bytes < 1e12 { format!("{:.0} GB", bytes / 1e9) } else { format!("{:.0} TB", bytes / 1e12) }
}
