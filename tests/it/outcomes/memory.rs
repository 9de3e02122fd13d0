//! Guests that are denied memory: one for each convention, with each of its ways to fail.

use super::*;

const UNREACHABLE: &str = "wasm `unreachable` instruction executed";

/// The error of a task that was denied memory, around the guest's own error.
fn denied(own: &str, beside: Value) -> Value {
    let message = format!("was denied memory over 1 MiB and then gave up: {own}");
    let mut error = json!({ "code": "memory-limit", "message": message });
    error.as_object_mut().expect("an object").extend(beside.as_object().expect("an object").clone());
    json!({ "status": "out-of-memory", "error": error })
}

fn said(own: &str) -> Value {
    denied(own, json!({}))
}

fn trapped(function: &str) -> Value {
    denied(UNREACHABLE, json!({ "backtrace": [function] }))
}

/// A command that was denied memory: its exit code, its output and its stderr stay.
fn exited(code: i32) -> Value {
    let own = json!({ "exit_code": code, "stderr": "no memory\n" });
    let mut record = denied(&format!("exited with code {code}"), own);
    record["output"] = json!("half");
    record
}

#[test]
fn a_task_that_was_denied_memory_and_is_not_ok_is_out_of_memory_whatever_it_says() {
    let outside = "`run` gave 1 bytes at 4294967280, outside of its memory";
    let each = |own: &str, function: &str| json!([ok(json!(0)), said(own), trapped(function), ok(json!(0))]);
    let rows = "0\n1\n2\n0";
    for args in
        ["--isolation fresh --memory 1MiB", "--isolation reset --memory 1MiB", "--isolation reuse --memory 1MiB"]
    {
        check(&[
            case(wat("denied-raw"), args, rows, each(outside, "run")),
            case(wat("denied-task"), args, rows, each("no memory", "run")),
            case(wat("denied-function"), args, rows, each("1", "try")),
        ]);
    }
    let half = || ok(json!("half"));
    let mut trap = denied(UNREACHABLE, json!({ "backtrace": ["_start"], "stderr": "no memory\n" }));
    trap["output"] = json!("half");
    let run = denied("exited with code 1", json!({ "exit_code": 1 }));
    let command = json!([half(), exited(1), exited(2), trap, half()]);
    check(&[
        case(wat("denied-command"), "--memory 1MiB", "0\n1\n2\n9\n0", command),
        case(wat("denied-run"), "--memory 1MiB", "0", json!([run])),
    ]);
}

#[test]
fn a_task_that_was_denied_memory_and_is_ok_or_stopped_by_another_limit_stays_so() {
    let half = || ok(json!("half"));
    let args = "--memory 1MiB --success-codes 0,7";
    check(&[case(wat("denied-command"), args, "7\n2", json!([half(), exited(2)]))]);
    for (args, status) in [("--memory 1MiB --timeout 100ms", "timeout"), ("--memory 1MiB --fuel 10000", "fuel")] {
        let ran = run(&mut wpool_run(&wat("denied-raw"), args), "0\n3");
        assert_eq!(ran.each("status"), ["ok", status], "{}", ran.stdout);
    }
}

#[test]
fn denied_memory_is_retried_by_its_own_name_and_by_the_exit_code() {
    for (on, attempts) in [("out-of-memory", 2), ("exit=2", 2), ("failed,trap", 1)] {
        let args = format!("--memory 1MiB --receipts --retries 1 --retry-delay 1ms --retry-on {on}");
        let ran = run(&mut wpool_run(&wat("denied-command"), &args), "2");
        assert_eq!(ran.each("status"), ["out-of-memory"], "{}", ran.stdout);
        let receipt = &ran.records()[0]["receipt"];
        assert_eq!([&receipt["attempts"], &receipt["layer"]], [&json!(attempts), &json!("limiter")], "{on}: {receipt}");
    }
}

#[test]
fn an_init_that_was_denied_memory_says_so() {
    let init = wat("denied-init");
    let ran = run(&mut wpool_run(&init, "--memory 1MiB --init-arg 7"), "0");
    assert_eq!(ran.code, 101, "{}", ran.stderr);
    let why = "its `init` was denied memory over 1 MiB and then gave up: 7; allow more";
    assert!(ran.stderr.contains(why) && ran.stderr.contains("--memory"), "{}", ran.stderr);
    let each = json!([said("7"), said("7")]);
    check(&[case(init, "--memory 1MiB --init-each --init-arg 7", "0\n1", each)]);
}

/// Memory that the start was denied is not the task's: an instance that is kept had it denied only once.
#[test]
fn memory_that_only_init_was_denied_counts_for_no_task_however_instances_are_made() {
    let failed = || not_ok("failed", "err", "1");
    let expected = || json!([failed(), ok(json!(0)), failed()]);
    for args in [
        "-j 1 --memory 1MiB",
        "-j 1 --memory 1MiB --init-each --isolation fresh",
        "-j 1 --memory 1MiB --isolation reset --verify-isolation",
        "-j 1 --memory 1MiB --init-each --isolation reuse",
    ] {
        check(&[case(wat("denied-init"), args, "1\n0\n1", expected())]);
    }
}
