//! Memory: of each worker in a steady state, and of the host however many rows there are.
//!
//! `WPOOL_BENCH_ROWS` (default 1 000 000) is the largest number of rows.

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use support::{WPOOL, guest, setting};

fn main() {
    if !support::is_bench() {
        return;
    }
    println!("KiB; no-op, rows of 20 bytes, measured when the last record is out\n");
    println!("{:>10} {:>12} {:>14} {:>26}", "rows", "host peak", "a worker's RSS", "of it private and written");
    let most = setting("WPOOL_BENCH_ROWS", 1_000_000).max(100);
    for rows in [most / 100, most / 10, most] {
        measure(rows);
    }
}

/// Streams rows, waits for their records, and looks while nothing moves.
fn measure(rows: usize) {
    let mut child = Command::new(WPOOL)
        .args(["run", "-q"])
        .arg(guest("wat/noop.wat"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("wpool starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
    let feeder = std::thread::spawn(move || {
        for i in 0..rows {
            writeln!(stdin, "\"{i:017}\"").expect("it reads");
        }
        stdin.flush().expect("it reads");
        stdin
    });
    let records = stdout.lines().take(rows).count();
    assert_eq!(records, rows);
    let stdin = feeder.join().expect("the feeder does not panic");
    let workers = children(&child);
    let mean =
        |field: &dyn Fn(u32) -> u64| workers.iter().map(|&pid| field(pid)).sum::<u64>() / workers.len().max(1) as u64;
    let host = kib(child.id(), "status", "VmHWM");
    let resident = mean(&|pid| kib(pid, "status", "VmRSS"));
    let private = mean(&|pid| kib(pid, "smaps_rollup", "Private_Dirty"));
    println!("{rows:>10} {host:>12} {resident:>14} {private:>26}");
    drop(stdin);
    assert!(child.wait().is_ok_and(|status| status.success()));
}

/// Children of any of its threads.
fn children(parent: &Child) -> Vec<u32> {
    let threads = std::fs::read_dir(format!("/proc/{}/task", parent.id())).expect("it lives").flatten();
    let text: String = threads.map(|thread| read(&thread.path().join("children").to_string_lossy())).collect();
    text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

fn kib(pid: u32, file: &str, field: &str) -> u64 {
    let text = read(&format!("/proc/{pid}/{file}"));
    let line = text.lines().find(|line| line.starts_with(field)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
