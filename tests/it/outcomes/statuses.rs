//! Acts of a guest, and the resulting status.

use super::*;

#[test]
fn a_guest_that_answers_is_ok() {
    let rows = "1\n \"two\" \n{\"three\": [3.0]}\n";
    let echoed = || json!([ok(json!(1)), ok(json!("two")), ok(json!({ "three": [3.0] }))]);
    check(&[
        case(wat("echo"), "", rows, echoed()),
        case(wat("cat"), "", rows, echoed()),
        case(wat("component-echo"), "", rows, echoed()),
        case(wat("component-interface"), "", rows, echoed()),
        case(wat("noop"), "", "1", json!([ok(json!(""))])),
        case(wat("slow"), "", "0\n100000", json!([ok(json!(0)), ok(json!(100_000))])),
        case(wat("sleep"), "", "0\n1", json!([ok(json!("slept")), ok(json!("slept"))])),
        case(wat("spin-on-bang"), "", "1\n\"?!\"", json!([ok(json!(1)), ok(json!("?!"))])),
        case(wat("flood-stderr"), "", "1", json!([ok(json!("done"))])),
    ]);
}

#[test]
fn bytes_become_one_json_value() {
    let forged = "{\"id\":9,\"status\":\"ok\"}\n{\"id\":10,\"status\":\"ok\"}";
    check(&[
        case(wat("not-json"), "", "1\n2\n", json!([ok(json!(forged)), ok(json!(forged))])),
        case(wat("binary"), "", "1", json!([ok(json!({ "base64": "//4A" }))])),
        case(wat("pretty"), "", "1", json!([ok(json!({ "name": "two  words", "list": [1.0, 2] }))])),
    ]);
}

#[test]
fn c41_a_guest_that_says_no_has_failed() {
    let bye = |code: i32| {
        json!({ "status": "failed", "output": "bye",
        "error": { "code": "exit", "message": format!("exited with code {code}"), "exit_code": code } })
    };
    let byes = json!([ok(json!("bye")), bye(1), bye(7), bye(125), bye(126), bye(256), bye(-1)]);
    check(&[
        case(wat("component-refuse"), "", "1", json!([not_ok("failed", "err", "no thanks")])),
        case(wat("exit-code"), "", "0\n1\n7\n125\n126\n256\n4294967295", byes),
        case(wat("stderr-fail"), "", "1", json!([exit(3, "something went wrong\n")])),
    ]);
}

#[test]
fn a_guest_that_breaks_a_rule_traps() {
    let outside = "`run` gave 17 bytes at 65520, outside of its memory";
    check(&[
        case(wat("trap"), "", "1", json!([trap(&["inner", "outer"])])),
        case(wat("component-trap"), "", "1", json!([trap(&["run"])])),
        case(wat("bad-pointer"), "", "1", json!([not_ok("trap", "abi", outside)])),
    ]);
}

#[test]
fn c39_endless_recursion_is_a_stack_overflow_with_a_backtrace_that_ends() {
    let ran = run(&mut wpool_run(&wat("recurse"), ""), "1");
    let error = &ran.records()[0]["error"];
    assert_eq!(ran.each("status"), ["trap"]);
    assert_eq!(error["code"], "stack-overflow");
    let frames = error["backtrace"].as_array().expect("a backtrace");
    assert!((1..=32).contains(&frames.len()), "{frames:?}");
    assert!(frames.iter().all(|frame| frame == "dive"), "{frames:?}");
}

#[test]
fn c34_c35_c37_a_guest_over_its_deadline_is_stopped_wherever_it_is() {
    let timeouts = || json!([timeout("200ms")]);
    check(&[
        case(wat("spin"), "--timeout 200ms", "1", timeouts()),
        case(wat("start-loop"), "--timeout 200ms", "1", timeouts()),
        case(wat("alloc-loop"), "--timeout 200ms", "1", timeouts()),
        case(wat("fill"), "--timeout 200ms", "1", timeouts()),
        case(wat("sleep"), "--timeout 200ms", "3600000", timeouts()),
        case(
            wat("spin-on-bang"),
            "--timeout 1.5s",
            "1\n\"!\"\n2",
            json!([ok(json!(1)), timeout("1.5s"), ok(json!(2))]),
        ),
    ]);
}

#[test]
fn c38_memory_is_limited_and_giving_up_for_want_of_it_has_its_own_status() {
    let out_of_memory = |limit: &str| {
        let denied =
            format!("was denied memory over {limit} and then gave up: wasm `unreachable` instruction executed");
        let error = json!({ "code": "memory-limit", "message": denied, "backtrace": ["run"] });
        json!({ "status": "out-of-memory", "error": error })
    };
    check(&[
        case(wat("grow"), "", "1", json!([ok(json!(512 << 20 >> 16))])),
        case(wat("grow"), "--memory 1MiB", "1", json!([ok(json!(16))])),
        case(wat("grow"), "--memory 100KiB", "1", json!([ok(json!(1))])),
        case(wat("grow-abort"), "--memory 1MiB", "1\n2", json!([out_of_memory("1 MiB"), out_of_memory("1 MiB")])),
        case(wat("grow-abort"), "--memory 100KiB", "1", json!([out_of_memory("100 KiB")])),
    ]);
}

#[test]
fn c42_output_is_limited_to_the_byte() {
    let over = |limit: usize| not_ok("output-limit", "output-limit", &format!("more than {limit} bytes of output"));
    let four_then_five = || json!([ok(json!(1234)), over(4)]);
    let mut cut = over(4);
    cut["output"] = json!("1234");
    cut["truncated"] = json!(true);
    check(&[
        case(wat("big-result"), "--max-output 3", "2\n3\n4", json!([ok(json!("aa")), ok(json!("aaa")), over(3)])),
        case(wat("echo"), "--max-output 4", "1234\n12345", four_then_five()),
        case(wat("cat"), "--max-output 4", "1234\n12345", json!([ok(json!(1234)), cut])),
        case(wat("component-echo"), "--max-output 4", "1234\n12345", four_then_five()),
    ]);
    let flood = run(&mut wpool_run(&wat("flood-stdout"), ""), "1");
    let record = &flood.records()[0];
    assert_eq!((&record["status"], &record["error"]), (&json!("output-limit"), &over(16 << 20)["error"]));
}

#[test]
fn functions_of_rust_and_cpp_have_the_names_of_their_sources() {
    let vector = "std::vector<int, std::allocator<int> >::push_back(int&&)";
    let names = trap(&["core::panicking::panic", "foo::example_function", vector]);
    check(&[case(wat("mangled"), "", "1", json!([names]))]);
}
