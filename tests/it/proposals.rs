//! Programs that use exceptions, the collector's heap, wide arithmetic or asynchronous functions.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::cli::{NOT_OK, OK, REFUSED, USAGE, assert_refused, folder, write};
use crate::support::{Ran, run, wat, wpool, wpool_run};

fn run_guest(program: PathBuf, args: &str, rows: &str) -> Ran {
    run(&mut wpool_run(&program, args), rows)
}

fn run_text(text: &str, args: &str, rows: &str) -> Ran {
    let folder = folder();
    run(&mut wpool_run(&write(&folder, "task.wat", text), args), rows)
}

/// Status and code of each record.
fn ends(ran: &Ran) -> Vec<(Value, Value)> {
    ran.records().into_iter().map(|mut record| (record["status"].take(), record["error"]["code"].take())).collect()
}

/// A raw task that answers its row, after `act` if it begins with "!".
fn on_bang(fields: &str, act: &str) -> String {
    format!(
        r#"(module
          (memory (export "memory") 1)
          {fields}
          (func (export "alloc") (param i32) (result i32) (i32.const 1024))
          (func (export "run") (param $ptr i32) (param $len i32) (result i64)
            (if (i32.eq (i32.load8_u (local.get $ptr)) (i32.const 33)) (then {act}))
            (i64.or
              (i64.shl (i64.extend_i32_u (local.get $ptr)) (i64.const 32))
              (i64.extend_i32_u (local.get $len)))))"#
    )
}

/// The end of a hostile row between two others in one worker, which has to live on.
fn survived(text: &str, args: &str) -> Value {
    let ran = run_text(text, &format!("-j 1 -v --lines {args}"), "one\n!\ntwo\n");
    let mut records = ran.records();
    assert_eq!((&records[0]["output"], &records[2]["output"]), (&json!("one"), &json!("two")), "{}", ran.stdout);
    assert_eq!(ran.stderr.matches(" started").count(), 1, "{}", ran.stderr);
    records.swap_remove(1)
}

#[test]
fn exceptions_are_caught_and_one_that_leaves_the_program_is_a_trap_of_its_own() {
    let ran = run_guest(wat("exception"), "-j 1 -v", "1\n\"!\"\n\"three\"\n");
    assert_eq!(ran.each("output"), [json!("caught"), Value::Null, json!("caught")], "{}", ran.stdout);
    let error = &ran.records()[1]["error"];
    assert_eq!((&error["code"], ran.code), (&json!("exception"), NOT_OK), "{error}");
    assert_eq!(error["message"], "threw an exception that it did not catch");
    assert_eq!(ran.stderr.matches(" started").count(), 1, "the worker lives on: {}", ran.stderr);
    let ran = run_guest(wat("component-exception"), "", "[1,2]\n[6,7]\n[8,9]\n");
    assert_eq!(ran.each("output"), [json!(3), Value::Null, json!(17)], "{}", ran.stdout);
    assert_eq!(ends(&ran)[1], (json!("trap"), json!("exception")), "{}", ran.stdout);
}

#[test]
fn structures_of_the_collector_and_wide_arithmetic_work_in_every_isolation() {
    for isolation in ["auto", "fresh", "reuse"] {
        let args = format!("--lines --isolation {isolation}");
        let ran = run_guest(wat("gc-list"), &args, "abc\nz\nzz\n");
        assert_eq!(ran.each("output"), [json!("00000126"), json!("0000007a"), json!("000000f4")], "{}", ran.stderr);
        assert_eq!(run_guest(wat("wide"), &args, "yes\n").each("output"), [json!("yes")]);
    }
}

#[test]
fn such_programs_have_fresh_instances_and_inspect_says_why() {
    for (name, is_fresh) in [("exception", true), ("gc-list", true), ("component-async", true), ("wide", false)] {
        let ran = run(wpool().arg("inspect").arg(wat(name)), "");
        assert_eq!(ran.code, OK, "{}", ran.stderr);
        assert_eq!(
            ran.stdout.contains("fresh instances, because it uses exceptions"),
            is_fresh,
            "{name}: {}",
            ran.stdout
        );
    }
    assert_refused(&run_guest(wat("gc-list"), "--isolation reset", ""), USAGE, &["it uses exceptions"], "gc-list");
}

#[test]
fn work_with_exceptions_and_structures_is_counted_and_repeated_exactly() {
    for name in ["exception", "gc-list"] {
        let args = "--deterministic --fuel 100000 --receipts";
        let fuel = |jobs| {
            let ran = run_guest(wat(name), &format!("-j {jobs} {args}"), "1\n22\n333\n22\n");
            assert_eq!(ran.code, OK, "{}", ran.stdout);
            ran.each("receipt").into_iter().map(|mut receipt| receipt["fuel"].take()).collect::<Vec<_>>()
        };
        let counted = fuel(1);
        assert_eq!(counted, fuel(2), "{name}");
        assert!(counted[1] == counted[3] && counted[0] != counted[2], "{name}: {counted:?}");
    }
}

#[test]
fn throwing_without_end_is_stopped_by_every_limit() {
    let ran = run_guest(wat("exception-loop"), "--timeout 200ms", "1\n2\n");
    assert_eq!(ends(&ran), vec![(json!("timeout"), json!("timeout")); 2], "{}", ran.stdout);
    let ran = run_guest(wat("exception-loop"), "--fuel 100000", "1\n");
    assert_eq!(ends(&ran), [(json!("fuel"), json!("fuel"))], "{}", ran.stdout);
}

#[test]
fn the_collectors_heap_counts_as_memory() {
    let ran = run_guest(wat("gc-grow"), "--memory 16MiB", "1\n2\n");
    assert_eq!(ends(&ran), vec![(json!("out-of-memory"), json!("memory-limit")); 2], "{}", ran.stdout);
    let act = "(drop (array.new_default $bytes (i32.const 5000000)))";
    let text = on_bang("(type $bytes (array (mut i8)))", act);
    let ran = run_text(&text, "--lines --receipts --isolation fresh", "!\n");
    let peak = ran.records()[0]["receipt"]["peak_memory"].as_u64();
    assert!(peak.is_some_and(|peak| peak > 5_000_000), "{}", ran.stdout);
}

#[test]
fn c52_hostile_uses_of_exceptions_and_of_the_collector_end_in_verdicts() {
    let bytes = "(type $bytes (array (mut i8)))";
    for (length, status) in [("-1", "trap"), ("100000000", "out-of-memory")] {
        let act = format!("(drop (array.new_default $bytes (i32.const {length})))");
        let huge = survived(&on_bang(bytes, &act), "--memory 64MiB");
        assert_eq!(huge["status"], status, "{huge}");
    }
    let list = "(type $node (struct (field (ref null $node)))) (global $list (mut (ref null $node)) (ref.null $node))
        (func $link (param $count i32) (loop $again
            (global.set $list (struct.new $node (global.get $list)))
            (br_if $again (local.tee $count (i32.sub (local.get $count) (i32.const 1))))))";
    // A list as long as the heap allows, which the collector follows.
    let long = survived(&on_bang(list, "(call $link (i32.const -1))"), "--memory 64MiB --timeout 20s");
    assert_eq!(long["status"], "out-of-memory", "{long}");
    let deep = "(type $node (struct (field (ref null $node))))
        (func $dive (param (ref null $node)) (call $dive (struct.new $node (local.get 0))))";
    let deep = survived(&on_bang(deep, "(call $dive (ref.null $node))"), "");
    assert_eq!(deep["error"]["code"], "stack-overflow", "{deep}");
    // An exception that passes many frames, each with a handler of another tag.
    let passed = "(tag $a) (tag $b)
        (func $dive (param $depth i32)
            (if (i32.eqz (local.get $depth)) (then (throw $a)))
            (block $b (try_table (catch $b $b) (call $dive (i32.sub (local.get $depth) (i32.const 1))))))";
    let passed = survived(&on_bang(passed, "(call $dive (i32.const 2000))"), "");
    assert_eq!(passed["error"]["code"], "exception", "{passed}");
    let tags = "(tag (param i32))".repeat(50_000);
    let tags = survived(&on_bang(&tags, "(throw 49999 (i32.const 1))"), "");
    assert_eq!(tags["error"]["code"], "exception", "{tags}");
    for (code, fields, act) in [
        ("null-reference", "(type $s (struct (field i32)))", "(drop (struct.get $s 0 (ref.null $s)))"),
        (
            "array-out-of-bounds",
            bytes,
            "(drop (array.get_u $bytes (array.new_default $bytes (i32.const 1)) (i32.const 1)))",
        ),
        ("cast-failure", bytes, "(drop (ref.cast (ref $bytes) (ref.i31 (i32.const 1))))"),
    ] {
        let end = survived(&on_bang(fields, act), "");
        assert_eq!((&end["status"], &end["error"]["code"]), (&json!("trap"), &json!(code)), "{end}");
    }
}

#[test]
fn an_exception_out_of_a_function_that_the_host_calls_for_memory_is_a_trap() {
    // The host calls `realloc` for the row, and `post` after the answer.
    for (realloc, post) in [("(throw $e)", ""), ("(i32.const 1024)", "(throw $e)")] {
        let text = format!(
            r#"(component
              (core module $code
                (tag $e)
                (memory (export "memory") 1)
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) {realloc})
                (func (export "post") (param i32) {post})
                (func (export "run") (param i32 i32) (result i32) (i32.const 0)))
              (core instance $i (instantiate $code))
              (func (export "run") (param "input" (list u8)) (result (result (list u8) (error string)))
                (canon lift (core func $i "run") (memory (core memory $i "memory"))
                  (realloc (core func $i "realloc")) (post-return (core func $i "post")))))"#
        );
        let ran = run_text(&text, "", "1\n2\n");
        assert_eq!(ends(&ran), vec![(json!("trap"), json!("exception")); 2], "{}", ran.stdout);
    }
}

#[test]
fn asynchronous_functions_are_called_with_rows() {
    let ran = run_guest(wat("component-async"), "-j 1 -v", "[1,2]\n{\"a\":20,\"b\":22}\n");
    assert_eq!(ran.each("output"), [json!(3), json!(42)], "{} {}", ran.stdout, ran.stderr);
    // Deadlines and fuel hold for them as for others.
    let ran = run_guest(wat("component-async"), "--fuel 3", "[1,2]\n");
    assert_eq!(ends(&ran)[0].0, "fuel", "{}", ran.stdout);
    let text = std::fs::read_to_string(wat("component-async")).expect("a guest");
    // 1 yields again and again; 2 waits, of which there is nothing.
    let forever =
        text.replace("(i32.const 0)))\n", "(i32.const 1)))\n").replace("(call $return (global.get $sum))\n", "");
    let ran = run_text(&forever, "--timeout 300ms", "[1,2]\n");
    assert_eq!(ends(&ran)[0].0, "timeout", "{} {}", ran.stdout, ran.stderr);
}

#[test]
fn a_command_of_wasi_0_3_is_refused_by_name_although_it_looks_like_one_of_0_2() {
    for version in ["0.3.0", "0.3.1", "0.3.0-rc-2025-09-16", "1.0.0"] {
        let text = format!(
            r#"(component
              (core module $m (func (export "run") (result i32) (i32.const 0)))
              (core instance $i (instantiate $m))
              (func $run (result (result)) (canon lift (core func $i "run")))
              (instance $run (export "run" (func $run)))
              (export "wasi:cli/run@{version}" (instance $run)))"#
        );
        let needles = [&*format!("`wasi:cli/run@{version}`"), "wpool has WASI 0.2", "wasm32-wasip2"];
        assert_refused(&run_text(&text, "--once", ""), REFUSED, &needles, version);
        let earlier = text.replace(version, "0.2.3");
        assert_eq!(run_text(&earlier, "--once", "").code, OK);
    }
}
