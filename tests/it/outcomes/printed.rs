//! Outputs that a command printed before it was stopped.

use std::process::Command;

use super::*;
use crate::support::wpool;

/// The record of a task that printed "half" and then ended so.
fn half(status: &str, error: Value) -> Value {
    json!({ "status": status, "output": "half", "error": error })
}

#[test]
fn what_a_command_printed_before_it_was_stopped_is_in_its_record() {
    let unreachable = "wasm `unreachable` instruction executed";
    let trap = json!({ "code": "unreachable", "message": unreachable, "backtrace": ["_start"] });
    let denied = format!("was denied memory over 1 MiB and then gave up: {unreachable}");
    let denied = json!({ "code": "memory-limit", "message": denied, "backtrace": ["grow", "_start"] });
    let exit = json!({ "code": "exit", "message": "exited with code 3", "exit_code": 3 });
    let late = || json!({ "code": "timeout", "message": "ran longer than 200ms" });
    let spent = json!({ "code": "fuel", "message": "used up its fuel of 10000; allow more", "backtrace": ["_start"] });
    let half_way = || wat("half-way");
    let ends = json!([half("trap", trap), half("out-of-memory", denied), half("failed", exit)]);
    check(&[
        case(half_way(), "--lines --memory 1MiB", "t\ng\nx", ends),
        case(half_way(), "--lines --timeout 200ms", "s\nn", json!([half("timeout", late()), half("timeout", late())])),
        case(half_way(), "--lines --fuel 10000", "s", json!([half("fuel", spent)])),
    ]);
}

#[test]
fn an_output_over_its_limit_keeps_its_beginning_and_its_end() {
    let ran = run(&mut wpool_run(&wat("flood-numbers"), "--once --max-output 1MiB"), "");
    let record = &ran.records()[0];
    assert_eq!((&record["status"], &record["truncated"]), (&json!("output-limit"), &json!(true)), "{}", ran.stdout);
    let output = record["output"].as_str().expect("text");
    assert!(output.starts_with("0000000\n0000001\n") && output.len() <= 64 << 10, "{} bytes", output.len());
    // The last line is the one that did not fit.
    assert!(
        output.trim_end().ends_with("\n0131071\n0131072") && output.contains(" bytes dropped]\n"),
        "{}",
        output.len()
    );
    let ran = run(&mut wpool_run(&wat("flood-numbers"), "--once --max-output 10"), "");
    assert_eq!((&ran.records()[0]["output"], &ran.records()[0]["truncated"]), (&json!("0000000\n00"), &json!(true)));
}

#[test]
fn a_worker_that_was_killed_has_lost_the_output_of_its_command_and_the_record_says_so() {
    // The output of a function is whole or not there.
    for (task, row, truncated) in [("half-way", "s", json!(true)), ("spin-on-bang", "!", Value::Null)] {
        let ran = run(&mut wpool_run(&wat(task), "--lines --timeout 200ms --interrupt kill"), row);
        let record = &ran.records()[0];
        assert_eq!(record["status"], "timeout", "{}", ran.stdout);
        assert_eq!((&record["truncated"], record.get("output")), (&truncated, None), "{task}");
    }
}

#[test]
fn bare_values_resumed_runs_and_replays_agree_about_what_was_printed() {
    let place = tempfile::tempdir().expect("a folder");
    let in_place = |command: &mut Command| {
        run(command.current_dir(place.path()).env("XDG_STATE_HOME", place.path().join("state")), "")
    };
    std::fs::write(place.path().join("rows"), "t\ns\nx\n").expect("rows");
    let args = "rows --lines -o out --timeout 200ms";
    let ran = in_place(&mut wpool_run(&wat("half-way"), args));
    assert_eq!(ran.code, 100, "{}", ran.stderr);
    let read = || std::fs::read_to_string(place.path().join("out")).expect("records");
    let first = read();
    assert_eq!(first.matches("\"output\":\"half\"").count(), 3, "{first}");
    let ran = in_place(&mut wpool_run(&wat("half-way"), &format!("{args} --resume")));
    assert_eq!((ran.code, read()), (100, first), "{}", ran.stderr);
    for row in ["0", "1", "2"] {
        let ran = in_place(wpool().args(["replay", "out", row]));
        assert!(
            ran.stdout.contains("the same as recorded") && ran.stdout.contains("half"),
            "{}{}",
            ran.stdout,
            ran.stderr
        );
    }
    let ran = run(&mut wpool_run(&wat("half-way"), "--lines --values"), "t\n");
    assert_eq!(ran.stdout, "null\n", "{}", ran.stderr);
}
