//! Retries of failed tasks, and workers that are replaced on purpose.

use std::path::Path;

use serde_json::{Value, json};

use crate::cli::{NOT_OK, OK, USAGE, assert_refused, folder, read};
use crate::support::{Ran, run, run_rows, wat, wpool_run};

/// Runs the guest that fails at the first sight of a row, with a folder to remember rows in.
fn flaky(memory: &Path, args: &str, rows: &str) -> Ran {
    let dir = format!("{}::/:rw", memory.display());
    run(wpool_run(&wat("flaky"), args).args(["--lines", "--dir", &dir]), rows)
}

/// Attempts and retried statuses of each record, which has to have a receipt.
fn attempts(ran: &Ran) -> Vec<(u64, Value)> {
    let of = |receipt: Value| (receipt["attempts"].as_u64().expect("a number"), receipt["retried"].clone());
    ran.each("receipt").into_iter().map(of).collect()
}

#[test]
fn a_task_that_fails_once_is_ok_after_a_retry_and_is_called_flaky() {
    let memory = folder();
    let ran = flaky(memory.path(), "--retries 1 --retry-delay 1ms --receipts", "a\nb\nc\n");
    assert_eq!((ran.code, ran.each("status")), (OK, vec![json!("ok"); 3]), "{}", ran.stderr);
    assert_eq!(attempts(&ran), vec![(2, json!(["failed"])); 3]);
    for needle in ["3 ok", "3 retries", "flaky", "3 ok after a retry: task 0, 1, 2"] {
        assert!(ran.stderr.contains(needle), "no {needle:?} in {}", ran.stderr);
    }
    // Seen before, they need none.
    let ran = flaky(memory.path(), "--retries 1 --retry-delay 1ms --receipts", "a\nb\nc\n");
    assert_eq!(attempts(&ran), vec![(1, Value::Null); 3]);
    assert!(!ran.stderr.contains("flaky") && !ran.stderr.contains("retries"), "{}", ran.stderr);
}

#[test]
fn without_retries_a_failure_stands() {
    let ran = flaky(folder().path(), "--receipts", "a\n");
    assert_eq!((ran.code, ran.each("status"), attempts(&ran)), (NOT_OK, vec![json!("failed")], vec![(1, Value::Null)]));
    assert_eq!(ran.records()[0]["error"]["exit_code"], 75);
}

#[test]
fn retries_have_an_end() {
    let ran = run(&mut wpool_run(&wat("trap"), "--retries 3 --retry-delay 1ms --receipts"), "1\n2\n");
    assert_eq!((ran.code, ran.each("status")), (NOT_OK, vec![json!("trap"); 2]), "{}", ran.stderr);
    assert_eq!(attempts(&ran), vec![(4, json!(["trap", "trap", "trap"])); 2]);
    assert!(ran.stderr.contains("6 retries"), "{}", ran.stderr);
}

#[test]
fn a_timeout_is_retried() {
    let args = "--timeout 100ms --retries 1 --retry-delay 1ms --receipts";
    let ran = run(&mut wpool_run(&wat("spin"), args), "1");
    assert_eq!((ran.each("status"), attempts(&ran)), (vec![json!("timeout")], vec![(2, json!(["timeout"]))]));
}

#[test]
fn only_what_is_listed_is_retried() {
    let args = "--retries 2 --retry-delay 1ms --retry-on exit=75,trap --receipts";
    let ran = run(&mut wpool_run(&wat("exit-code"), args), "75\n7\n0\n");
    assert_eq!(ran.each("status"), ["failed", "failed", "ok"].map(Value::from));
    let expected = [(3, json!(["failed", "failed"])), (1, Value::Null), (1, Value::Null)];
    assert_eq!(attempts(&ran), expected, "{}", ran.stderr);
    // By default a failure of any code is.
    let ran = run(&mut wpool_run(&wat("exit-code"), "--retries 1 --retry-delay 1ms --receipts"), "7\n");
    assert_eq!(attempts(&ran), [(2, json!(["failed"]))]);
}

#[test]
fn a_row_that_does_not_fit_is_never_retried() {
    let ran = run(&mut wpool_run(&wat("echo"), "--retries 5 --receipts"), "{\"bad\n1\n");
    assert_eq!(ran.each("status"), ["invalid-input", "ok"].map(Value::from));
    assert_eq!(attempts(&ran), [(0, Value::Null), (1, Value::Null)]);
}

#[test]
fn a_task_that_waits_for_its_retry_holds_up_no_other() {
    let memory = folder();
    let dir = format!("{}::/:rw", memory.path().display());
    // Known from an earlier run, the other rows are ok at once.
    assert_eq!(flaky(memory.path(), "", "b\nc\n").code, NOT_OK);
    let mut command = wpool_run(&wat("flaky"), "--lines -j 1 --unordered --retries 1 --retry-delay 2s --dir");
    let ran = run(command.arg(dir), "a\nb\nc\n");
    assert_eq!((ran.code, ran.each("id")), (OK, vec![json!(1), json!(2), json!(0)]), "{}", ran.stderr);
}

#[test]
fn verbose_tells_about_retries() {
    let ran = flaky(folder().path(), "--retries 1 -v", "a\n");
    assert!(ran.stderr.contains("task 0: failed, runs again in "), "{}", ran.stderr);
}

#[test]
fn failed_rows_are_those_that_failed_to_the_end() {
    let (memory, elsewhere) = (folder(), folder());
    let failed = elsewhere.path().join("failed");
    let ran = flaky(memory.path(), &format!("--retries 1 --failed {}", failed.display()), "a\nno/such/folder\n");
    assert_eq!((ran.code, ran.each("status")), (NOT_OK, vec![json!("ok"), json!("failed")]), "{}", ran.stderr);
    assert_eq!(read(failed), "no/such/folder\n");
}

#[test]
fn retries_that_make_no_sense_are_refused() {
    let echo = wat("echo");
    let task = echo.to_str().expect("a name");
    for (args, needle) in [
        ("--retries=-1", "--retries"),
        ("--retries many", "--retries"),
        ("--retry-on trap", "--retries"),
        ("--retry-delay 1s", "--retries"),
        ("--retries 1 --retry-on ok", "out-of-memory"),
        ("--retries 1 --retry-on exit=300", "0 to 255"),
        ("--retries 1 --retry-delay 2s..1s", "over the longest"),
        ("--retries 1 --retry-delay soon", "200ms"),
        ("--max-tasks-per-worker 0", "--max-tasks-per-worker"),
    ] {
        let args: Vec<_> = [task].into_iter().chain(args.split_whitespace()).collect();
        assert_refused(&run_rows(&args, "1"), USAGE, &[needle], args[1]);
    }
}

#[test]
fn a_worker_is_replaced_after_as_many_tasks_as_it_may_run() {
    let folder = folder();
    let summary = folder.path().join("summary");
    let rows: String = (0..40).map(|n| format!("{n}\n")).collect();
    let mut command = wpool_run(&wat("echo"), "-j 2 --max-tasks-per-worker 3 --summary-json");
    let ran = run(command.arg(&summary), &rows);
    assert_eq!((ran.code, ran.each("output")), (OK, (0..40).map(Value::from).collect()), "{}", ran.stderr);
    let summary: Value = serde_json::from_str(&read(summary)).expect("JSON");
    let retirements = &summary["retirements"];
    assert!(retirements["count"].as_u64().is_some_and(|count| count >= 12), "{retirements}");
    assert!(retirements["reasons"][0]["reason"].is_string(), "{retirements}");
    assert_eq!(summary["deaths"]["count"], 0);
    assert!(ran.stderr.contains("replaced"), "{}", ran.stderr);
}
