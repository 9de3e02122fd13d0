//! A storm beside calm: the same rows with and without workers being struck by signals. The records must be the same, byte
//! for byte, and the ratio of the rates is what the storm costs.
//!
//! `WPOOL_BENCH_ROWS` (default 1 000 000), `WPOOL_BENCH_ROUNDS` (default 1) and `WPOOL_BENCH_STRIKES` (a minute, default
//! 700) change it.

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

mod support;

#[path = "../tests/chaos.rs"]
mod chaos;

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use chaos::{OPTIONS, Row, Striker, Struck};
use support::{Sample, WPOOL, cores, guest, setting};

const SEED: u64 = 7;

fn main() {
    if !support::is_bench() {
        return;
    }
    let (rows, rounds) = (setting("WPOOL_BENCH_ROWS", 1_000_000), setting("WPOOL_BENCH_ROUNDS", 1));
    let strikes = setting("WPOOL_BENCH_STRIKES", 700) as u32;
    let folder = tempfile::tempdir().expect("a folder");
    let input = folder.path().join("rows");
    write(&input, rows as u64);
    // Puts the program into the cache.
    run(Path::new("/dev/null"), None);
    let [mut calm, mut storm, mut ratio] = <[Sample; 3]>::default();
    for round in 0..rounds {
        let (quiet, before, _) = run(&input, None);
        let (rough, after, struck) = run(&input, Some(Duration::from_secs(60) / strikes));
        let struck = struck.expect("there was a storm");
        assert_eq!(before, after, "round {round}: a storm has changed the records");
        println!("round {round}: {} strikes, {:.0} a minute", struck.count, struck.per_minute());
        println!("round {round}: host {} MiB at most", struck.host_peak >> 10);
        calm.push(rows as f64 / quiet.as_secs_f64());
        storm.push(rows as f64 / rough.as_secs_f64());
        ratio.push(quiet.as_secs_f64() / rough.as_secs_f64());
    }
    println!("\n{} cores, {rows} rows of mixed kinds, medians of {rounds} rounds, in tasks per second", cores());
    println!("  calm   {:9.0}", calm.median());
    println!("  storm  {:9.0}", storm.median());
    println!("  ratio  {:9.2}", ratio.median());
}

fn write(path: &Path, rows: u64) {
    let mut file = BufWriter::new(File::create(path).expect("a file"));
    (0..rows).for_each(|id| file.write_all(Row::new(SEED, id).text().as_bytes()).expect("there is room"));
    file.flush().expect("there is room");
}

/// A run over a file of rows: its time, the hash of its records, and what struck it.
fn run(rows: &Path, pause: Option<Duration>) -> (Duration, blake3::Hash, Option<Struck>) {
    let mut command = Command::new(WPOOL);
    command
        .arg("run")
        .arg(guest("wat/storm.wat"))
        .args(OPTIONS.split(' '))
        .arg("-j")
        .arg(cores().to_string())
        .arg(rows);
    let began = Instant::now();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
    let striker = pause.map(|pause| Striker::start(child.id(), cores() as u64, SEED, pause));
    let mut stdout = child.stdout.take().expect("it is piped");
    let (mut hasher, mut block) = (blake3::Hasher::new(), vec![0; 1 << 20]);
    loop {
        match stdout.read(&mut block).expect("it can be read") {
            0 => break,
            count => hasher.update(&block[..count]),
        };
    }
    child.wait().expect("it can be waited for");
    let time = began.elapsed();
    (time, hasher.finalize(), striker.map(Striker::end))
}
