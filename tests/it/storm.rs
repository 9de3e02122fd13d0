//! The storm: signals from outside strike workers many times a second, while rows of all kinds run. Every row gets one
//! answer, and the right one.
//!
//! `WPOOL_STORM` is the number of rows, and `WPOOL_STORM_SEED` selects another storm.

#[path = "../chaos.rs"]
pub mod chaos;

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ExitStatus};
use std::thread;
use std::time::Duration;

use crate::support::*;
use chaos::{OPTIONS, Row, Striker, Struck};

/// Rows of each run in a short storm: some ten seconds.
const SHORT: u64 = 40_000;

const WORKERS: u64 = 3;

/// Fewer strikes are no storm. How many there are a minute is printed: on a busy machine fewer than the pause says.
const FEWEST: u64 = 20;

/// Mean pause between two strikes: some 1 500 a minute when every worker is there.
const PAUSE: Duration = Duration::from_millis(40);

/// Bounds what the host may ever hold: its window is 64 MiB.
const MOST_HOST_KIB: u64 = 200 << 10;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("it is a number"))
}

/// A storm over a run: its records by id as they came, and how it went.
struct Storm {
    seed: u64,
    rows: u64,
    status: ExitStatus,
    said: String,
    struck: Struck,
    pid: u32,
}

/// Runs rows in a storm, and hands on each line with its place among the lines.
fn storm(seed: u64, rows: u64, options: &str, mut record: impl FnMut(u64, &str)) -> Storm {
    let mut child = spawn(&mut wpool_run(&wat("storm"), &format!("-j {WORKERS} {OPTIONS} {options}")));
    let striker = Striker::start(child.id(), WORKERS, seed, PAUSE);
    let mut stdin = child.stdin.take().expect("it is piped");
    let feeder =
        thread::spawn(move || (0..rows).try_for_each(|id| stdin.write_all(Row::new(seed, id).text().as_bytes())));
    let mut stderr = child.stderr.take().expect("it is piped");
    let listener = thread::spawn(move || {
        let mut said = String::new();
        stderr.read_to_string(&mut said).map(|_| said)
    });
    let ended = read_records(&mut child, &mut record);
    let pid = child.id();
    let status = child.wait().expect("it can be waited for");
    let struck = striker.end();
    let said = listener.join().expect("it does not panic").expect("messages are text");
    feeder.join().expect("it does not panic").unwrap_or_else(|error| panic!("seed {seed}: {error}\n{said}"));
    assert!(ended, "seed {seed}: the last line has no end\n{said}");
    Storm { seed, rows, status, said, struck, pid }
}

/// Whether all that it prints are whole lines. A run without a word for long hangs, and is killed.
fn read_records(child: &mut Child, record: &mut impl FnMut(u64, &str)) -> bool {
    let mut stdout = BufReader::with_capacity(1 << 20, child.stdout.take().expect("it is piped"));
    let mut line = String::new();
    let mut number = 0;
    let mut guard = Watchdog::over(child);
    while stdout.read_line(&mut line).is_ok_and(|length| length > 0) {
        let Some(whole) = line.strip_suffix('\n') else { return false };
        record(number, whole);
        number += 1;
        line.clear();
        if number.is_multiple_of(1 << 14) {
            guard = Watchdog::over(child);
        }
    }
    drop(guard);
    true
}

impl Storm {
    fn check(&self, seen: u64) {
        let Storm { seed, said, struck, .. } = self;
        assert_eq!(seen, self.rows, "seed {seed}: rows are missing\n{said}");
        assert_eq!(self.status.code(), Some(100), "seed {seed}: some rows trap\n{said}");
        assert!(struck.count >= FEWEST, "seed {seed}: {struck:?} is no storm");
        assert!(struck.host_peak < MOST_HOST_KIB, "seed {seed}: the host has had {} KiB", struck.host_peak);
        assert!(said.contains("died") && !said.contains("panicked"), "seed {seed}: {said}");
        thread::sleep(Duration::from_secs(1));
        assert_eq!(children_of(self.pid), [0; 0], "seed {seed}: workers are left");
        let minute = struck.per_minute();
        println!(
            "seed {seed}: {} rows in {:.1?}, {} strikes ({minute:.0} a minute)",
            self.rows, struck.time, struck.count
        );
    }
}

/// At most some hundred bytes of a record.
fn beginning(line: &str) -> String {
    line.chars().take(300).collect()
}

#[test]
fn c53_c54_c55_a_storm_of_signals_loses_doubles_and_changes_no_row() {
    let (rows, seed) = (setting("WPOOL_STORM", SHORT), setting("WPOOL_STORM_SEED", 1));
    let mut seen = 0;
    let storm = storm(seed, rows, "", |number, line| {
        let row = Row::new(seed, number);
        assert!(row.is_answered_by(number, line), "seed {seed}: {row:?} got {}", beginning(line));
        seen += 1;
    });
    storm.check(seen);
}

#[test]
fn c53_c54_c55_a_storm_of_signals_loses_doubles_and_changes_no_unordered_row() {
    let (rows, seed) = (setting("WPOOL_STORM", SHORT), setting("WPOOL_STORM_SEED", 2));
    let mut seen = vec![false; rows as usize];
    let storm = storm(seed, rows, "--unordered", |_, line| {
        let id = line.strip_prefix("{\"id\":").and_then(|rest| rest.split(',').next()?.parse::<u64>().ok());
        let id = id.unwrap_or_else(|| panic!("seed {seed}: no record: {}", beginning(line)));
        let row = Row::new(seed, id);
        assert!(row.is_answered_by(id, line), "seed {seed}: {row:?} got {}", beginning(line));
        let place = seen.get_mut(id as usize).unwrap_or_else(|| panic!("seed {seed}: row {id} is nobody's"));
        assert!(!std::mem::replace(place, true), "seed {seed}: row {id} has two records");
    });
    storm.check(seen.iter().filter(|seen| **seen).count() as u64);
}
