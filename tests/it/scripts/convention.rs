//! The convention `script`, with a runtime in WebAssembly text.

use serde_json::json;

use super::*;
use crate::reset::{makers, verified};
use crate::support::wpool_run;

fn script(args: &str, rows: &str) -> Ran {
    run(&mut wpool_run(&wat("script"), &format!("-j 1 --lines {args}")), rows)
}

#[test]
fn a_failure_is_recorded_in_the_words_of_the_script() {
    let ran = script("--init-arg 7", "q\ne\nx\nt\n");
    assert_eq!(ran.code, NOT_OK, "{}", ran.stderr);
    assert_eq!(ran.each("status"), ["ok", "failed", "failed", "trap"]);
    let errors = ran.each("error");
    let traceback = "Traceback (most recent call last):\n  File \"app.py\", line 2, in run\n    raise ValueError(\"bad row\")\n\
                     ValueError: bad row";
    assert_eq!(errors[1], json!({"code": "exception", "message": "ValueError: bad row", "traceback": traceback}));
    assert_eq!(errors[2], json!({"code": "exit", "message": "exited with 3", "exit_code": 3}));
    assert_eq!(errors[3]["code"], "unreachable", "a trap is not in its words");
}

#[test]
fn a_script_that_was_denied_memory_is_out_of_memory() {
    let ran = script("--memory 2MiB --init-arg 7", "m\nq\n");
    assert_eq!(ran.each("status"), ["out-of-memory", "ok"], "{}", ran.stdout);
    assert_eq!(ran.each("error")[0]["code"], "out-of-memory");
}

#[test]
fn the_summary_shows_the_innermost_frames_of_the_first_failure() {
    let ran = script("--init-arg 7", "q\ne\ne\n");
    let shown = "  failed   <stdin>:2, task 1: exception: ValueError: bad row\n\
                 \u{20}            File \"app.py\", line 2, in run\n\
                 \u{20}              raise ValueError(\"bad row\")\n";
    assert!(ran.stderr.ends_with(shown), "{}", ran.stderr);
    let ran = script("--init-arg 7 -q", "e\n");
    assert_eq!(ran.stderr, "");
}

#[test]
fn a_script_that_prints_keeps_its_instance() {
    let ran = verified(&wat("script"), "--lines --isolation reset --init-arg 7", "p one\nq\np two\ne\np three\n");
    assert_eq!(makers(&ran), [0], "{}", ran.stdout);
    let printed = |receipt: Value| receipt["stderr"].as_str().map(str::to_owned);
    let printed: Vec<_> = ran.each("receipt").into_iter().map(printed).collect();
    assert_eq!(printed, [Some("p one"), None, Some("p two"), None, Some("p three")].map(|it| it.map(str::to_owned)));
}

#[test]
fn prints_are_shown_behind_the_place_of_their_row() {
    let ran = script("--init-arg 7 --show-output -q", "p one\nq\np two\u{1b}[A\n");
    assert_eq!(ran.stderr, "<stdin>:1: p one\n<stdin>:3: p two\\u{1b}[A\n");
    assert!(ran.each("receipt").iter().all(Value::is_null), "receipts are asked for by --receipts: {}", ran.stdout);
    let ran = script("--init-arg 7 -q", "p one\n");
    assert_eq!(ran.stderr, "", "without the option nothing is shown");
}

#[test]
fn a_script_that_fails_at_its_start_refuses_the_run_with_its_traceback() {
    let ran = script("--init-arg \"x\"", "q\n");
    assert_eq!((ran.code, ran.stdout.as_str()), (101, ""));
    let said = "wpool: script.wat: the script fails at its start:\n  |   File \"app.py\", line 1\n  |     \"\n  |     ^\n\
                \u{20} | SyntaxError: invalid syntax\n  | it printed: begins\n";
    assert_eq!(ran.stderr, said);
    let ran = script("--init-arg \"x\" --init-each -q", "q\n");
    assert_eq!(ran.each("error")[0]["code"], "syntax", "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn a_runtime_is_reported_as_one() {
    let ran = run(wpool().args(["inspect", "--json"]).arg(wat("script")), "");
    let report = &ran.records()[0];
    assert_eq!((&report["convention"], &report["init"]), (&json!("script"), &json!(["init"])));
    assert!(report["resettable"].get("Ok").is_some(), "{report}");
}
