//! Runs that somebody else stops and continues, as schedulers of clusters do.

use std::io::{BufRead, BufReader};
use std::process::ChildStderr;
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::*;

const TIMEOUT: Duration = Duration::from_secs(3);

fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid as i32).expect("no process is 0"), signal).expect("it is there");
}

/// Stops the host and its worker together, for some time. The host is continued first, and has seen that its worker stands
/// when that is continued.
fn suspend(host: u32, worker: u32, stderr: &mut BufReader<ChildStderr>) {
    for pid in [host, worker] {
        signal(pid, Signal::STOP);
    }
    sleep(TIMEOUT * 2 / 5);
    signal(host, Signal::CONT);
    assert_task_runs(host, stderr);
    // Some looks of the host at its worker, which is all that it takes to think ill of it.
    sleep(Duration::from_millis(200));
    signal(worker, Signal::CONT);
}

/// Asks which tasks are running.
fn assert_task_runs(host: u32, stderr: &mut BufReader<ChildStderr>) {
    signal(host, Signal::USR1);
    let mut answer = String::new();
    for _ in 0..2 {
        stderr.read_line(&mut answer).expect("it answers");
    }
    assert!(answer.starts_with("wpool: 1 task is running\n  worker 0 "), "{answer}");
}

fn is_suspended_three_times(interrupt: &str) {
    let args = format!("-j 1 --crash-limit 1 --receipts --timeout 3s --interrupt {interrupt} --lines");
    let mut child = spawn(&mut wpool_run(&wat("spin-on-bang"), &args));
    let _guard = Watchdog::over(&child);
    let mut stderr = BufReader::new(child.stderr.take().expect("it is piped"));
    std::io::Write::write_all(&mut child.stdin.take().expect("it is piped"), b"!\n1\n").expect("it reads");
    let host = child.id();
    let worker = || children_of(host).into_iter().find(|&pid| Process::is_busy(pid));
    block_on(until("a worker computes", || worker().is_some()));
    let first = worker().expect("it computes");
    for _ in 0..3 {
        suspend(host, first, &mut stderr);
    }
    // By now it has stood for longer than its deadline.
    assert_task_runs(host, &mut stderr);
    assert_eq!(worker(), Some(first), "it was replaced");
    let output = child.wait_with_output().expect("it can be waited for");
    let records: Vec<serde_json::Value> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("a record"))
        .collect();
    let ended: Vec<_> = records.iter().map(|record| (&record["status"], &record["receipt"]["attempts"])).collect();
    assert_eq!(ended, [(&"timeout".into(), &1.into()), (&"ok".into(), &1.into())], "{interrupt}: {records:?}");
}

#[test]
fn c55_a_run_that_is_suspended_with_its_workers_blames_no_task_and_its_deadline_stands() {
    std::thread::scope(|scope| {
        for interrupt in ["epoch", "kill"] {
            scope.spawn(move || is_suspended_three_times(interrupt));
        }
    });
}
