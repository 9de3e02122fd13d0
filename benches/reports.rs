//! What reports cost: no-op rows without a report and with each, in time and in the host's memory; the sizes of the reports;
//! and what making them of a kept run takes.
//!
//! `WPOOL_BENCH_ROWS` (default 1 000 000) and `WPOOL_BENCH_ROUNDS` (default 5) change its length. Every 250th row fails.

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use support::{Sample, WPOOL, cores, guest, kib, setting, time};

/// What is compared to the first.
const CASES: [(&str, &[&str]); 6] = [
    ("no journal", &["--no-journal"]),
    ("journal", &[]),
    ("JUnit, no journal", &["--no-journal", "--junit", "r.xml"]),
    ("JUnit", &["--junit", "r.xml"]),
    ("page and trace", &["--html", "r.html", "--trace", "r.json"]),
    ("all", &["--junit", "r.xml", "--html", "r.html", "--trace", "r.json", "--markdown", "r.md"]),
];

fn main() {
    if !support::is_bench() {
        return;
    }
    let (rows, rounds) = (setting("WPOOL_BENCH_ROWS", 1_000_000), setting("WPOOL_BENCH_ROUNDS", 5));
    let folder = tempfile::tempdir().expect("a folder");
    // The raw no-op takes any row; one that is not JSON is not run.
    let input: String = (0..rows).map(|row| if row % 250 == 7 { "x\n".into() } else { format!("{row}\n") }).collect();
    fs::write(folder.path().join("rows"), input).expect("rows can be written");
    let mut samples = CASES.map(|_| (Sample::default(), Sample::default()));
    // One round more than counts, which compiles the program.
    for round in 0..=rounds {
        // No case is always the one after the same other.
        for at in (0..CASES.len()).map(|at| (at + round) % CASES.len()) {
            let (wall, memory) = measure(&mut command(folder.path(), CASES[at].1));
            if round > 0 {
                samples[at].0.push(rows as f64 / wall.as_secs_f64());
                samples[at].1.push(memory);
            }
        }
    }
    println!("{} cores; rows a second, whole command over {rows} rows; median of {rounds} rounds\n", cores());
    for ((name, _), (sample, memory)) in CASES.iter().zip(&samples) {
        let share = 100.0 * (sample.median() / samples[0].0.median() - 1.0);
        let spread = format!("({:.0} to {:.0})", sample.min(), sample.max());
        println!("{name:<20} {:>10.0} {spread:>24} {share:>+8.1} % {:>8.1} MiB", sample.median(), memory.median());
    }
    afterwards(folder.path());
}

/// The time of a command, and the most memory that its host has had, in MiB.
fn measure(command: &mut Command) -> (Duration, f64) {
    let begun = Instant::now();
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    let mut most = 0;
    while child.try_wait().expect("it can be waited for").is_none() {
        most = most.max(kib(child.id(), "status", "VmHWM:"));
        sleep(Duration::from_millis(2));
    }
    (begun.elapsed(), most as f64 / 1024.0)
}

/// Makes each report of the kept run.
fn afterwards(folder: &Path) {
    measure(&mut command(folder, &[]));
    println!();
    for (option, name) in [("--junit", "r.xml"), ("--html", "r.html"), ("--trace", "r.json"), ("--markdown", "r.md")] {
        let mut report = Command::new(WPOOL);
        report.current_dir(folder).args(["report", "out", "--overwrite", option, name]);
        let wall = time(&mut report);
        let bytes = fs::metadata(folder.join(name)).expect("it is there").len();
        println!("wpool report {option:<12} {:>8.0} ms {:>10} bytes", 1e3 * wall.as_secs_f64(), bytes);
    }
    let length = |name| fs::metadata(folder.join(name)).expect("it is there").len();
    println!("history {} bytes, notes {} bytes", length("out.wpool/history"), length("out.wpool/notes"));
}

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(WPOOL);
    command.current_dir(folder).arg("run").arg(guest("wat/noop.wat")).args(["rows", "-q", "-o", "out", "--overwrite"]);
    command.args(args);
    command
}
