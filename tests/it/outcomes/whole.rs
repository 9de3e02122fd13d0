//! Records are whole: nothing that a program says is lost on the way, and wpool reads what it writes.

use serde_json::{Value, json};

use crate::cli::{NOT_OK, OK, folder, write};
use crate::support::*;

#[test]
fn exit_codes_of_preview_1_are_kept_whole() {
    let rows = "0\n125\n126\n137\n255\n256\n4294967295\n";
    let ran = run(&mut wpool_run(&wat("exit-code"), "--success-codes 0,255"), rows);
    assert_eq!(ran.code, NOT_OK, "{}", ran.stderr);
    let codes: Vec<Value> = ran.records().iter().map(|record| record["error"]["exit_code"].clone()).collect();
    assert_eq!(codes, [Value::Null, 125.into(), 126.into(), 137.into(), Value::Null, 256.into(), (-1).into()]);
    let ran = run(
        &mut wpool_run(&wat("exit-code"), "--retries 2 --retry-on exit=255 --retry-delay 1ms --receipts"),
        "255\n126\n",
    );
    let attempts: Vec<_> = ran.records().iter().map(|record| record["receipt"]["attempts"].clone()).collect();
    assert_eq!(attempts, [3, 1], "{}", ran.stdout);
}

#[test]
fn an_output_that_is_nested_too_deeply_for_a_record_is_text_and_the_record_is_read_again() {
    let place = folder();
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let rows = [1, 126, 127, 128].map(nested);
    let ran = run(wpool_run(&wat("echo"), "-o out").current_dir(place.path()), rows.join("\n"));
    assert_eq!(ran.code, OK, "{}", ran.stderr);
    let records = std::fs::read_to_string(place.path().join("out")).expect("records");
    // Members of a record that are values of any depth are read by this as by others.
    let read = |line: &str| serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error} in {line}"));
    let outputs: Vec<_> = records.lines().map(|line| read(line)["output"].clone()).collect();
    assert_eq!(outputs.iter().map(Value::is_array).collect::<Vec<_>>(), [true, true, false, false]);
    assert_eq!(outputs[2..], [json!(rows[2]), json!(rows[3])]);
    // Records are rows of another run.
    let ran = run(&mut wpool_run(&wat("echo"), ""), &records);
    assert_eq!((ran.code, ran.records().len()), (OK, 4), "{}", ran.stdout);
    let ran = run(&mut wpool_run(&wat("echo"), "--output-type json"), rows.join("\n"));
    assert_eq!((ran.code, ran.each("status")), (NOT_OK, ["ok", "ok", "failed", "failed"].map(Value::from).to_vec()));
    assert_eq!(ran.records()[2]["error"]["code"], "not-json");
}

#[test]
fn of_a_long_refusal_the_beginning_and_the_end_are_kept() {
    let place = folder();
    // The text of the error is ten million bytes from 16 on, of which the first and the last can be told from the others.
    let guest = std::fs::read_to_string(wat("component-refuse")).expect("it is there");
    let guest = guest
        .replace(
            r#"(memory (export "memory") 1)"#,
            r#"(memory (export "memory") 160) (data (i32.const 16) "first") (data (i32.const 10000012) "last")"#,
        )
        .replace(r#""\0c\00\00\00" "\09\00\00\00" "no thanks""#, r#""\10\00\00\00" "\80\96\98\00""#);
    let guest = write(&place, "long.wat", guest);
    let ran = run(&mut wpool_run(&guest, "--once"), "");
    let record = &ran.records()[0];
    let message = record["error"]["message"].as_str().expect("a message");
    assert_eq!((record["status"].as_str(), record["error"]["code"].as_str()), (Some("failed"), Some("err")));
    assert!(message.starts_with("first") && message.ends_with("last"), "{} bytes", message.len());
    assert!(message.len() < 100_000 && message.contains("bytes dropped]"), "{} bytes", message.len());
}

#[test]
fn what_a_task_says_is_not_lost_behind_names_of_functions_or_a_stderr_that_are_too_long() {
    let place = folder();
    // Each byte takes six in JSON.
    let name = "\\01".repeat(90_000);
    let calls = (0..20_u32).fold(String::new(), |all, at| {
        let body = at.checked_sub(1).map_or("unreachable".to_owned(), |below| format!("(call $f{below})"));
        all + &format!("(func $f{at} (@name \"{name}{at}\") {body})")
    });
    let guest = format!(
        r#"(module (memory (export "memory") 1) {calls}
            (func (export "alloc") (param i32) (result i32) (i32.const 0))
            (func (export "run") (param i32 i32) (result i64) (call $f19) (i64.const 0)))"#
    );
    let guest = write(&place, "names.wat", guest);
    let ran = run(&mut wpool_run(&guest, "--once"), "");
    let record = &ran.records()[0];
    assert_eq!(record["error"]["code"], "unreachable", "{}", ran.stderr);
    let backtrace = record["error"]["backtrace"].as_array().expect("names");
    assert!(
        backtrace.len() > 20 && backtrace[0].as_str().is_some_and(|name| name.ends_with("\u{1}0")),
        "{}",
        backtrace.len()
    );
}
