//! The cost of a task, counted rather than timed: a change that makes every task dearer is found even on a busy
//! machine.
//!
//! - **System calls** of a whole run, in the host and in all of its children, are counted by tracing, like strace does.
//!   The number of rows in a lease depends on the worker's speed, so the numbers of reads, writes and waits vary, but
//!   there is only one for hundreds of tasks. The bound is far below one a task: a call in every task exceeds it, and
//!   scheduling never does.
//! - **Instructions** of the library's host, from a row to its result, are counted by callgrind. Its children run
//!   outside of it, because the engine reserves more memory than valgrind has. The count varies by less than a percent
//!   from run to run, with the number of batches.
//!
//! When a bound is exceeded, profile (`perf trace -s`, `valgrind --tool=callgrind`) before and after the change. If the
//! change is worth its cost, raise the bound, and give in the commit what each task gets for it.

mod trace;

use std::path::Path;
use std::process::Command;

use crate::support::{example, run, wat, wpool};

const FEW: usize = 2_000;
const MANY: usize = 12_000;

/// System calls that a further task may make, the host's and its worker's together. Measured on a busy machine: up to
/// 0.08.
const CALLS: f64 = 0.16;

/// System calls that a further task may make that sleeps and has a lease of its own: 3 in its worker, which reads, sleeps and
/// writes, and some more in the host and its writer. Measured on a busy machine: 5.8.
const CALLS_OF_A_SLEEPER: f64 = 8.0;

/// Instructions of the host for a further task, with what the program that embeds it does to print a line. Measured: 5 800
/// with `opt-level = 1`, the same within half a percent from run to run.
const INSTRUCTIONS: f64 = 6_700.0;

fn numbers(count: usize) -> String {
    (0..count).map(|number| format!("{number}\n")).collect()
}

/// System calls that a further no-op task adds to a run.
fn calls_of_a_task(args: &[&str]) -> f64 {
    let dir = tempfile::tempdir().expect("a folder");
    let calls = |count: usize| {
        let rows = dir.path().join(count.to_string());
        std::fs::write(&rows, numbers(count)).expect("rows can be written");
        let mut command = wpool();
        command.args(["run", "-q", "-j", "2"]).args(args).arg(wat("noop")).arg(rows);
        trace::system_calls(&mut command)
    };
    // Puts the program into the cache.
    calls(1);
    (calls(MANY) as f64 - calls(FEW) as f64) / (MANY - FEW) as f64
}

#[test]
fn a_task_makes_no_system_call_of_its_own() {
    for args in [&[][..], &["--lines"], &["--isolation", "reuse"], &["--timeout", "60s"]] {
        let calls = calls_of_a_task(args);
        println!("{args:?}: {calls:.3} system calls a task");
        assert!(calls < CALLS, "{args:?}: {calls} system calls a task");
    }
}

#[test]
fn a_task_that_sleeps_wakes_its_worker_once() {
    let calls = |tasks: usize| {
        let mut command = wpool();
        let rows = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(rows.path(), "5\n".repeat(tasks)).expect("rows can be written");
        command.args(["run", "-q", "-j", "16"]).arg(wat("sleep")).arg(rows.path());
        trace::system_calls(&mut command) as f64
    };
    calls(1);
    let (few, many) = (160, 1_760);
    let calls = (calls(many) - calls(few)) / (many - few) as f64;
    println!("{calls:.1} system calls a task");
    assert!(calls < CALLS_OF_A_SLEEPER, "{calls} system calls a task");
}

#[test]
fn system_calls_are_counted_in_all_processes() {
    let count = |script: &str| trace::system_calls(Command::new("sh").args(["-c", script]));
    let (none, own, child) = (count(":"), count("umask; umask; umask"), count("(umask; umask; umask; :)"));
    assert!(own >= none + 3, "{own} with three calls, {none} without");
    assert!(child >= none + 3, "{child} with three calls in a child, {none} without");
}

/// Instructions that the host of a pool spends on a further task.
fn instructions_of_a_task() -> f64 {
    let folder = Path::new(env!("CARGO_BIN_EXE_wpool")).parent().expect("it stands in a folder");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = [folder.to_owned()].into_iter().chain(std::env::split_paths(&path));
    let path = std::env::join_paths(path).expect("a path");
    let counted = |count: usize| {
        let mut command = Command::new("valgrind");
        command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--trace-children=no"]);
        command.env("PATH", &path).arg(example("stranger")).arg("installed").arg(wat("noop"));
        let ran = run(command.args(numbers(count).lines()), "");
        assert_eq!((ran.code, ran.stdout.lines().count()), (0, count), "{}", ran.stderr);
        let line = ran.stderr.lines().rfind(|line| line.contains("Collected :")).expect("a number");
        line.rsplit(' ').next().and_then(|number| number.parse::<f64>().ok()).expect("a number")
    };
    (counted(MANY) - counted(FEW)) / (MANY - FEW) as f64
}

#[test]
fn the_host_spends_a_bounded_number_of_instructions_on_a_task() {
    let missing = Command::new("valgrind").arg("--version").output().is_err();
    if missing && std::env::var_os("WPOOL_REQUIRE_VALGRIND").is_none() {
        println!("skipped: there is no valgrind to count instructions");
        return;
    }
    let instructions = instructions_of_a_task();
    println!("{instructions:.0} instructions a task");
    assert!(instructions < INSTRUCTIONS, "{instructions} instructions a task");
}
