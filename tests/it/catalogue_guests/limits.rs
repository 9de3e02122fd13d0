//! Time, memory, traps and results: guests without measure.

use super::*;
use crate::cli::{NOT_OK, OK};

#[test]
fn c35_a_loop_without_end_is_stopped_wherever_a_component_has_it() {
    const FOREVER: &str = "(loop $forever (br $forever))";
    let (memory, result) = ("(i32.const 1024)", "(i32.const 0)");
    let start = format!("(func $start {FOREVER}) (start $start)");
    for (place, text) in [
        ("start", component(&start, memory, "", result)),
        ("realloc", component("", &format!("{FOREVER} {memory}"), "", result)),
        ("post-return", component("", memory, FOREVER, result)),
        ("run", component("", memory, "", &format!("{FOREVER} {result}"))),
    ] {
        let ran = run_text(&text, "--timeout 200ms --receipts", "1\n");
        assert_eq!(ran.each("status"), ["timeout"], "{place}: {}{}", ran.stdout, ran.stderr);
        assert_eq!(ran.records()[0]["receipt"]["layer"], "epoch", "{place}");
    }
}

#[test]
fn c36_a_guest_that_sleeps_for_ever_is_woken_by_its_deadline() {
    const HOUR: i64 = 3_600_000_000_000;
    // The clock, the time, and whether it is a point in time.
    for (clock, time, absolute) in [(1, HOUR, 0), (0, HOUR, 0), (1, -1, 0), (1, -1, 1), (0, -1, 1), (0, i64::MAX, 1)] {
        let mut script = Script::default();
        script.poll(&format!(
            "(i32.store (i32.const 2064) (i32.const {clock})) (i64.store (i32.const 2072) (i64.const {time})) \
             (i32.store16 (i32.const 2088) (i32.const {absolute}))"
        ));
        let ran = script.run("--timeout 200ms --receipts");
        assert_eq!(ran.each("status"), ["timeout"], "{clock} {time} {absolute}: {}{}", ran.stdout, ran.stderr);
        assert_eq!(ran.records()[0]["receipt"]["layer"], "timer", "{clock} {time} {absolute}");
    }
    // More subscriptions than there can be, and none.
    for count in ["0x7fffffff", "-1", "0"] {
        let mut script = Script::default();
        script.call("poll_oneoff", &format!("(i32.const 2048) (i32.const 3072) (i32.const {count}) (i32.const 264)"));
        let ran = script.run("--timeout 10s");
        assert!(!["timeout", "crash"].contains(&ran.each("status")[0].as_str().expect("a status")), "{}", ran.stdout);
    }
}

#[test]
fn c37_filling_256_mib_again_and_again_in_one_line_meets_the_deadline() {
    let grow = "(if (i32.lt_s (memory.grow (i32.const 4095)) (i32.const 0)) (then unreachable))";
    let fill = "(memory.fill (i32.const 0) (i32.const 85) (i32.const 0x10000000))".repeat(400);
    let ran = run_text(&raw("", &format!("{grow} {fill}")), "--lines --timeout 200ms", ROWS);
    assert_eq!(ran.each("status"), ["ok", "timeout", "ok"], "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn c38_a_guest_that_may_not_grow_sees_that_and_goes_on() {
    let denied = |grow: &str| format!("(if (i32.ge_s {grow} (i32.const 0)) (then unreachable))");
    for grow in [
        "(memory.grow (i32.const 0x7fffffff))",
        "(memory.grow (i32.const -1))",
        "(table.grow $t (ref.null func) (i32.const 0x10000000))",
        "(table.grow $t (ref.null func) (i32.const -1))",
    ] {
        assert_eq!(survived(&raw("", &denied(grow)), "--memory 16MiB")["output"], "!", "{grow}");
    }
}

#[test]
fn c39_c40_every_trap_has_its_code_and_the_worker_lives_on() {
    for (code, act) in [
        ("unreachable", "unreachable"),
        ("memory-out-of-bounds", "(drop (i32.load (i32.const -4)))"),
        ("memory-out-of-bounds", "(memory.fill (i32.const 65536) (i32.const 0) (i32.const 1))"),
        ("division-by-zero", "(drop (i32.div_u (i32.const 1) (i32.const 0)))"),
        ("division-by-zero", "(drop (i64.rem_s (i64.const 1) (i64.const 0)))"),
        ("integer-overflow", "(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))"),
        ("integer-overflow", "(drop (i32.trunc_f64_s (f64.const 1e300)))"),
        ("bad-conversion", "(drop (i32.trunc_f32_s (f32.const nan)))"),
        ("indirect-call-to-null", "(call_indirect (type $v) (i32.const 0))"),
        ("table-out-of-bounds", "(call_indirect (type $v) (i32.const 9))"),
        ("bad-signature", "(call_indirect (type $v) (i32.const 1))"),
        ("null-reference", "(call_ref $v (ref.null $v))"),
        ("misaligned-atomic", "(drop (i32.atomic.load (i32.const 1)))"),
        ("atomic-wait", "(drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1)))"),
        ("stack-overflow", "(call $dive)"),
    ] {
        let record = survived(&raw("(func $dive (call $dive))", act), "");
        assert_eq!((&record["status"], &record["error"]["code"]), (&json!("trap"), &json!(code)), "{act}: {record}");
    }
    // Calls in the place of a return take no stack.
    let record = survived(&raw("(func $again (return_call $again))", "(call $again)"), "--timeout 200ms");
    assert_eq!(record["status"], "timeout");
}

/// 200 MiB of output.
const FLOOD: usize = 200 << 20;

#[test]
fn c44_a_result_of_200_mib_is_over_the_limit_in_every_convention() {
    let grow = "(if (i32.lt_s (memory.grow (i32.const 4000)) (i32.const 0)) (then unreachable))";
    let lists = |variant: u32| {
        let store = format!(
            "{grow} (i32.store (i32.const 0) (i32.const {variant})) (i32.store offset=4 (i32.const 0) (i32.const 16)) \
             (i32.store offset=8 (i32.const 0) (i32.const {FLOOD})) (i32.const 0)"
        );
        component("", "(i32.const 1024)", "", &store)
    };
    for (what, text, row) in [
        ("raw", read(wat("big-result")), FLOOD.to_string()),
        ("a list", lists(0), "1".to_owned()),
        ("an error", lists(1), "1".to_owned()),
    ] {
        let ran = run_text(&text, "--receipts", &row);
        assert_eq!(ran.each("status"), ["output-limit"], "{what}: {}{}", ran.stdout, ran.stderr);
        assert_eq!(ran.records()[0]["receipt"]["layer"], "limiter", "{what}");
    }
}

#[test]
fn c45_results_that_break_the_rules_of_calls_are_abi_traps() {
    let at = |here: &str| format!("(i32.const {here})");
    let answer = |bytes: &str| component(&format!("(data (i32.const 0) \"{bytes}\")"), &at("1024"), "", &at("0"));
    let given = |realloc: &str, run: &str| component("", &at(realloc), "", &at(run));
    for (what, text) in [
        ("a result outside of memory", given("1024", "-4")),
        ("a result across a boundary", given("1024", "2")),
        ("a list outside of memory", answer("\\00\\00\\00\\00\\f0\\ff\\ff\\ff\\ff\\00\\00\\00")),
        ("a case that there is not", answer("\\07\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00")),
        (
            "a string that is no UTF-8",
            answer("\\01\\00\\00\\00\\10\\00\\00\\00\\02\\00\\00\\00\\00\\00\\00\\00\\ff\\fe"),
        ),
        ("memory for the row outside of memory", given("-16", "0")),
        ("memory for the row at its end", given("65535", "0")),
    ] {
        let ran = run_text(&text, "", "1234\n");
        let error = &ran.records()[0]["error"];
        assert_eq!((&ran.each("status")[0], &error["code"]), (&json!("trap"), &json!("abi")), "{what}: {}", ran.stdout);
    }
    let ran = run(&mut wpool_run(&wat("bad-pointer"), ""), "1");
    assert_eq!(ran.records()[0]["error"]["code"], "abi");
    // Pointers of a command are checked as well.
    for args in [
        "(i32.const 1) (i32.const -8) (i32.const 1) (i32.const 8)",
        "(i32.const 1) (i32.const 0) (i32.const -1) (i32.const 8)",
    ] {
        let mut script = Script::default();
        script.call("fd_write", args);
        assert!(["trap", "ok"].contains(&script.run("").each("status")[0].as_str().expect("a status")));
    }
}

#[test]
fn c46_gigabytes_of_random_bytes_are_given_only_until_the_deadline() {
    let script = |length: &str| {
        let mut script = Script::default();
        script.call("random_get", &format!("(i32.const 65536) (i32.const {length})"));
        script
    };
    let ran = script("0x7ff00000").run_in(32_768, "--memory 3GiB --timeout 100ms");
    assert_eq!((ran.code, ran.each("status")), (NOT_OK, vec![json!("timeout")]), "{}", ran.stdout);
    // A place outside of the memory is an error, 21, as for every call.
    for (length, pages, output) in [("-1", 1, json!("21 ")), ("0x200000", 64, json!("0 "))] {
        let ran = script(length).run_in(pages, "");
        assert_eq!((ran.code, ran.each("output")), (OK, vec![output]), "{length}: {}", ran.stdout);
    }
}

#[test]
fn c41_a_command_that_ends_without_a_word_is_ok_with_an_empty_output() {
    let ran = Script::default().run("");
    assert_eq!((ran.code, ran.each("status"), ran.each("output")), (OK, vec![json!("ok")], vec![json!("")]));
}
