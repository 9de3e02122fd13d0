//! What judging costs: many submissions over the same tests in one command, and beside it a command for each submission.
//!
//! `WPOOL_BENCH_PROGRAMS` (default 200) and `WPOOL_BENCH_ROUNDS` (default 3) change its length.

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use support::{Comparison, WPOOL, guest, rounds, setting};

/// A right submission, a wrong one, one that is slow, one that traps, one that takes all memory, and one that is refused.
const KINDS: [&str; 6] = ["right", "wrong", "slow", "crash", "greedy", "broken"];
/// The tests of a submission, of which the last two are those that only a right one passes.
const TESTS: u64 = 20;
/// The exit code of a judging in which some test is not accepted, and of a program that is refused.
const NOT_OK: [i32; 3] = [0, 100, 101];

fn main() {
    if !support::is_bench() {
        return;
    }
    let count = setting("WPOOL_BENCH_PROGRAMS", 200);
    let dir = tempfile::tempdir().expect("a temporary folder");
    let submissions = dir.path().join("submissions");
    fs::create_dir(&submissions).expect("a folder");
    let programs: Vec<_> = (0..count).map(|number| submission(&submissions, number)).collect();
    let tests = dir.path().join("tests.jsonl");
    fs::write(&tests, (0..TESTS).map(test).collect::<String>()).expect("it can be written");
    println!("{count} submissions with {TESTS} tests each, time per submission, with nothing in the cache\n");
    let each = 1e3 / count as f64;
    let mut all = Comparison::new("ms");
    let judge = all.side("wpool judge", || each * seconds("judge", std::slice::from_ref(&submissions), &tests));
    let run = all.side("wpool run for each", || each * seconds("run", &programs, &tests));
    all.run(rounds(3));
    println!();
    all.claim("judging, time", judge, run, None);
}

/// Writes a submission that no other equals.
fn submission(folder: &Path, number: usize) -> PathBuf {
    let kind = KINDS[number % KINDS.len()];
    let source = match kind {
        "broken" => "(module (func (export \"_start\") i32.add))".to_owned(),
        kind => fs::read_to_string(guest(&format!("submissions/{kind}.wat"))).expect("it is there"),
    };
    let path = folder.join(format!("{number:03}-{kind}.wat"));
    fs::write(&path, format!(";; {number}\n{source}")).expect("it can be written");
    path
}

fn test(number: u64) -> String {
    let a = if number + 2 < TESTS { number } else { 20_000_000_000 };
    format!("{{\"input\":\"{a} {number}\",\"expected\":\"{}\"}}\n", a + number)
}

/// Seconds of commands, one after the other, that share a cache which is empty at first.
fn seconds(action: &str, programs: &[PathBuf], tests: &Path) -> f64 {
    let cache = tempfile::tempdir().expect("a temporary folder");
    let started = Instant::now();
    for program in programs {
        let mut command = Command::new(WPOOL);
        command.env("XDG_CACHE_HOME", cache.path()).arg(action).arg(program).arg(tests);
        command.args(["-q", "--stdin", "{.input}", "--expect", "{.expected}"]);
        command.args(["--cpu-time", "50ms", "--timeout", "10s", "--memory", "16MiB"]);
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("it starts");
        assert!(status.code().is_some_and(|code| NOT_OK.contains(&code)), "{command:?}: {status}");
    }
    started.elapsed().as_secs_f64()
}
