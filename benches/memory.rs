//! Memory: of each worker in a steady state, and of the host however many rows there are.
//!
//! `WPOOL_BENCH_ROWS` (default 10 000 000) is the largest number of rows.

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
