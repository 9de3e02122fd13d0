//! Memory: of each worker in a steady state, and of the host however many rows there are, and while a snapshot is made.
//!
//! `WPOOL_BENCH_ROWS` (default 10 000 000) is the largest number of rows, `WPOOL_BENCH_SNAPSHOT` (default 256) the size of
//! the snapshot in MiB.

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use support::Target::AtMost;
use support::{Sample, WPOOL, children, claim, guest, kib, setting};

fn main() {
    if !support::is_bench() {
        return;
    }
    println!("KiB; no-op, rows of 20 bytes, measured when the last record is out\n");
    println!("{:>10} {:>12} {:>14} {:>26}", "rows", "host peak", "a worker's RSS", "of it private and written");
    let most = setting("WPOOL_BENCH_ROWS", 10_000_000).max(1_000);
    let all = [most / 1_000, most / 100, most / 10, most].map(measure);
    let mib = |value: fn(&Measured) -> u64| all.iter().map(|one| value(one) as f64 / 1024.0).collect::<Sample>();
    println!();
    claim("a worker's resident memory", &mib(|one| one.resident), "MiB", Some(AtMost(20.0)));
    claim("… private and written", &mib(|one| one.private), "MiB", Some(AtMost(2.0)));
    let growth = [all[3].host as f64 / all[0].host as f64].into_iter().collect();
    // What is read ahead fills up first: a few MiB, once.
    claim("host's peak, of a thousand times the rows", &growth, "× the least", Some(AtMost(1.5)));
    let mib = setting("WPOOL_BENCH_SNAPSHOT", 256);
    let copies = [snapshot(mib) as f64 / 1024.0 / mib as f64].into_iter().collect();
    claim("host's peak, while a snapshot is made", &copies, "× the snapshot", Some(AtMost(1.3)));
}

/// The host's peak in KiB, when a program whose `init` has filled so many MiB has answered its first row.
fn snapshot(mib: usize) -> u64 {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let task = dir.path().join("filling.wat");
    let wat = format!(
        r#"(module (memory (export "memory") {}) (func (export "alloc") (param i32) (result i32) (i32.const 1024))
            (func (export "wpool_init") (memory.fill (i32.const 65536) (i32.const 7) (i32.const {})))
            (func (export "run") (param i32 i32) (result i64) (i64.const 0)))"#,
        mib * 16 + 1,
        mib << 20,
    );
    std::fs::write(&task, wat).expect("it can be written");
    let mut command = Command::new(WPOOL);
    command.args(["run", "-q", "-j", "1", "--no-cache"]).arg(task).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("wpool starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    writeln!(stdin, "1").expect("it reads");
    let mut line = Vec::new();
    let stdout = child.stdout.take().expect("it is piped");
    assert!(BufReader::new(stdout).read_until(b'\n', &mut line).expect("it writes") > 0, "there is a record");
    let peak = kib(child.id(), "status", "VmHWM");
    drop(stdin);
    assert!(child.wait().is_ok_and(|status| status.success()));
    peak
}

/// In KiB, of workers the most of any.
struct Measured {
    host: u64,
    resident: u64,
    private: u64,
}

/// Streams rows, waits for their records, and looks while nothing moves.
fn measure(rows: usize) -> Measured {
    let mut child = Command::new(WPOOL)
        .args(["run", "-q"])
        .arg(guest("wat/noop.wat"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("wpool starts");
    let mut stdin = std::io::BufWriter::new(child.stdin.take().expect("it is piped"));
    let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
    let feeder = std::thread::spawn(move || {
        (0..rows).for_each(|i| writeln!(stdin, "\"{i:017}\"").expect("it reads"));
        stdin.flush().expect("it reads");
        stdin
    });
    let mut line = Vec::new();
    for _ in 0..rows {
        line.clear();
        assert!(stdout.read_until(b'\n', &mut line).expect("it writes") > 0, "there is a record for each row");
    }
    let stdin = feeder.join().expect("the feeder does not panic");
    let workers = children(child.id());
    let most = |file: &str, field: &str| workers.iter().map(|&pid| kib(pid, file, field)).max().unwrap_or(0);
    let (resident, private) = (most("smaps_rollup", "Rss"), most("smaps_rollup", "Private_Dirty"));
    let host = kib(child.id(), "status", "VmHWM");
    println!("{rows:>10} {host:>12} {resident:>14} {private:>26}");
    drop(stdin);
    assert!(child.wait().is_ok_and(|status| status.success()));
    Measured { host, resident, private }
}
