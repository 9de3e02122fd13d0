//! Tasks per second: wpool end to end, beside the engine alone (the limit) and Python's ProcessPoolExecutor.
//!
//! `WPOOL_BENCH_ROWS` (default 1 000 000) and `WPOOL_BENCH_ROUNDS` (default 5) change its length.

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

mod bare;
mod support;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::{Sample, WPOOL, cores, guest, has_python, peer_seconds, setting, time};

/// Chunk sizes of which the peer's best is taken.
const CHUNKSIZES: [usize; 4] = [64, 512, 4_096, 16_384];

/// Rows of which the peer's rate with chunksize 1 is taken; a million would take a minute a round.
const SINGLE_ROWS: usize = 30_000;

fn main() {
    if bare::ran_as_loop() || !support::is_bench() {
        return;
    }
    println!("{} cores; medians of interleaved rounds, in tasks per second (min to max)\n", cores());
    for bytes in [20, 100] {
        noop(bytes);
    }
    squares();
}

/// A no-op program over many small rows, a fresh instance each.
fn noop(bytes: usize) {
    let (count, rounds) = (setting("WPOOL_BENCH_ROWS", 1_000_000), setting("WPOOL_BENCH_ROUNDS", 5));
    let rows = Rows::write(count, bytes);
    let program = guest("wat/noop.wat");
    // Puts the program into the cache.
    wpool_seconds(&program, &rows.path, &[]);
    let mut measured: [Sample; 5] = Default::default();
    for _ in 0..rounds {
        let [bare, wpool, reuse, single, best] = &mut measured;
        bare.push(count as f64 / bare::seconds(&program, &rows.path, cores()));
        wpool.push(count as f64 / wpool_seconds(&program, &rows.path, &[]));
        reuse.push(count as f64 / wpool_seconds(&program, &rows.path, &["--isolation", "reuse"]));
        if has_python() {
            let few = SINGLE_ROWS.min(count);
            single.push(few as f64 / peer_noop(&rows.path, 1, few));
            let all = CHUNKSIZES.map(|chunksize| count as f64 / peer_noop(&rows.path, chunksize, count));
            best.push(all.into_iter().fold(0.0, f64::max));
        }
    }
    println!("no-op, {count} rows of {bytes} bytes");
    let names =
        ["engine alone", "wpool run", "… --isolation reuse", "ProcessPoolExecutor, chunksize 1", "… best chunksize"];
    report(names, &measured, 1);
}

/// A loop that takes time: what a task costs that is worth a process.
fn squares() {
    const N: &str = "10000000";
    const ROWS: usize = 8;
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("rows.jsonl");
    std::fs::write(&path, format!("{N}\n").repeat(ROWS)).expect("rows can be written");
    let program = guest("sum-of-squares.wasm");
    let mut measured = [Sample::default(), Sample::default()];
    for _ in 0..setting("WPOOL_BENCH_ROUNDS", 5) {
        measured[0].push(ROWS as f64 / wpool_seconds(&program, &path, &[]));
        if has_python() {
            measured[1].push(ROWS as f64 / peer_seconds(&["squares", N, &ROWS.to_string(), &cores().to_string()]));
        }
    }
    println!("sum of squares below 10^7, {ROWS} rows");
    report(["wpool run", "ProcessPoolExecutor"], &measured, 0);
}

/// Prints each sample and what wpool, the one at `subject`, makes of the others.
fn report<const N: usize>(names: [&str; N], measured: &[Sample; N], subject: usize) {
    for (name, sample) in names.iter().zip(measured) {
        if sample.is_empty() {
            println!("  {name:<34} (no python3)");
            continue;
        }
        let ratio = measured[subject].median() / sample.median();
        let (median, min, max) = (sample.median(), sample.min(), sample.max());
        println!("  {name:<34} {median:>12.0}  ({min:.0} to {max:.0})   wpool is {ratio:.2} of it");
    }
    println!();
}

/// The whole command, from exec to exit, with the program in the cache.
fn wpool_seconds(program: &Path, rows: &Path, args: &[&str]) -> f64 {
    let mut command = Command::new(WPOOL);
    command.args(["run", "-q"]).args(args).arg(program).arg(rows);
    time(&mut command).as_secs_f64()
}

fn peer_noop(rows: &Path, chunksize: usize, count: usize) -> f64 {
    let rows = rows.to_str().expect("the path is UTF-8");
    peer_seconds(&["noop", rows, &cores().to_string(), &chunksize.to_string(), &count.to_string()])
}

/// A file of JSON strings, each as long as asked for with its line end.
struct Rows {
    path: PathBuf,
    _dir: tempfile::TempDir,
}

impl Rows {
    fn write(count: usize, bytes: usize) -> Rows {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("rows.jsonl");
        let mut file = std::io::BufWriter::new(std::fs::File::create(&path).expect("a file"));
        for i in 0..count {
            writeln!(file, "\"{i:0width$}\"", width = bytes - 3).expect("rows can be written");
        }
        file.flush().expect("rows can be written");
        Rows { path, _dir: dir }
    }
}
