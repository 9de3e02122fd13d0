//! What becomes of a task: every behaviour of a guest, and the record that says so.

use std::path::{Path, PathBuf};

use expect_test::expect;
use serde_json::{Value, json};

use crate::support::{Ran, guest, run, wat, wpool_run};

/// A guest, the arguments and rows of a run, and the records it has to give, without their ids.
struct Case {
    task: PathBuf,
    args: &'static str,
    rows: &'static str,
    expected: Value,
}

fn case(task: PathBuf, args: &'static str, rows: &'static str, expected: Value) -> Case {
    Case { task, args, rows, expected }
}

impl Case {
    /// What is wrong with the run, if anything.
    fn mismatch(&self) -> Option<String> {
        let Case { task, args, rows, expected } = self;
        let ran = run(&mut wpool_run(task, args), rows);
        let found = without_ids(&ran);
        let all_ok = found.iter().all(|record| record["status"] == "ok");
        let code = if all_ok { 0 } else { 100 };
        if json!(found) == *expected && ran.code == code {
            return None;
        }
        let name = task.file_name().unwrap_or_default().display();
        Some(format!("{name} {args}\n  expected {expected}\n     found {}\n{}", ran.stdout, ran.stderr))
    }
}

/// The records of a run, whose ids are the positions of their rows.
fn without_ids(ran: &Ran) -> Vec<Value> {
    let mut records = ran.records();
    for (position, record) in records.iter_mut().enumerate() {
        let id = record.as_object_mut().and_then(|record| record.remove("id"));
        assert_eq!(id, Some(json!(position)), "{}", ran.stdout);
    }
    records
}

fn check(cases: &[Case]) {
    let wrong: Vec<_> = cases.iter().filter_map(Case::mismatch).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn ok(output: Value) -> Value {
    json!({ "status": "ok", "output": output })
}

fn not_ok(status: &str, code: &str, message: &str) -> Value {
    json!({ "status": status, "error": { "code": code, "message": message } })
}

fn trap(backtrace: &[&str]) -> Value {
    let message = "wasm `unreachable` instruction executed";
    json!({ "status": "trap", "error": { "code": "unreachable", "message": message, "backtrace": backtrace } })
}

fn timeout(deadline: &str) -> Value {
    not_ok("timeout", "timeout", &format!("ran longer than {deadline}"))
}

fn exit(code: i32, stderr: &str) -> Value {
    let message = format!("exited with code {code}");
    json!({ "status": "failed", "error": { "code": "exit", "message": message, "exit_code": code, "stderr": stderr } })
}

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
    let bye_over_125 = json!({ "status": "failed", "output": "bye",
        "error": { "code": "exit", "message": "exited with a code over 125" } });
    let byes = json!([ok(json!("bye")), bye(1), bye(7), bye(125), bye_over_125, bye_over_125, bye_over_125]);
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
    check(&[
        case(wat("big-result"), "--max-output 3", "2\n3\n4", json!([ok(json!("aa")), ok(json!("aaa")), over(3)])),
        case(wat("echo"), "--max-output 4", "1234\n12345", four_then_five()),
        case(wat("cat"), "--max-output 4", "1234\n12345", four_then_five()),
        case(wat("component-echo"), "--max-output 4", "1234\n12345", four_then_five()),
        case(wat("flood-stdout"), "", "1", json!([over(16 << 20)])),
    ]);
}

#[test]
fn rows_and_outputs_of_megabytes_arrive_whole() {
    let row = format!("\"{}\"\n", "x".repeat(10 << 20));
    for task in ["echo", "cat", "component-echo", "component-interface"].map(wat) {
        let ran = run(&mut wpool_run(&task, "--values -q"), &row);
        assert!(ran.stdout == row, "{}: {} bytes, {}", task.display(), ran.stdout.len(), ran.stderr);
    }
}

/// The public format, byte for byte: other programs read it.
#[test]
fn records_are_written_like_this() {
    let runs = [
        (wat("echo"), "--max-output 11", "[1.50, 2e3]\n{\"bad\n12345678901234567890\n"),
        (wat("pretty"), "", "1"),
        (wat("exit-code"), "", "7"),
        (wat("stderr-fail"), "", "1"),
        (wat("component-refuse"), "", "1"),
        (wat("trap"), "", "1"),
        (wat("spin"), "--timeout 100ms", "1"),
    ];
    let lines: String = runs.iter().map(|(task, args, rows)| run(&mut wpool_run(task, args), rows).stdout).collect();
    expect![[r#"
        {"id":0,"status":"ok","output":[1.50, 2e3]}
        {"id":1,"status":"invalid-input","error":{"code":"json","message":"<stdin>:2: not JSON: string without an end in column 6"}}
        {"id":2,"status":"output-limit","error":{"code":"output-limit","message":"more than 11 bytes of output"}}
        {"id":0,"status":"ok","output":{  "name": "two  words",  "list": [    1.0,    2  ]}}
        {"id":0,"status":"failed","output":"bye","error":{"code":"exit","message":"exited with code 7","exit_code":7}}
        {"id":0,"status":"failed","error":{"code":"exit","message":"exited with code 3","exit_code":3,"stderr":"something went wrong\n"}}
        {"id":0,"status":"failed","error":{"code":"err","message":"no thanks"}}
        {"id":0,"status":"trap","error":{"code":"unreachable","message":"wasm `unreachable` instruction executed","backtrace":["inner","outer"]}}
        {"id":0,"status":"timeout","error":{"code":"timeout","message":"ran longer than 100ms"}}
    "#]].assert_eq(&lines);
}

#[test]
fn receipts_add_one_member_to_a_record() {
    let ran = run(&mut wpool_run(&wat("echo"), "--receipts"), "1");
    let record = &ran.records()[0];
    let keys = |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(record), ["id", "output", "receipt", "status"]);
    let receipt = &record["receipt"];
    let expected = "attempts bytes_in bytes_out cpu_us layer peak_memory start_us wait_us wall_us worker";
    assert_eq!(keys(receipt).join(" "), expected);
    assert_eq!(receipt["attempts"], 1);
    assert_eq!(receipt["peak_memory"], 64 << 10);
    assert!(receipt["worker"].is_u64() && receipt["wall_us"].is_u64(), "{receipt}");
}

#[test]
fn receipts_name_the_layer_that_ended_a_task() {
    for (task, args, row, layer) in [
        ("echo", "", "1", "guest"),
        ("trap", "", "1", "guest"),
        ("stderr-fail", "", "1", "guest"),
        ("spin", "--timeout 200ms", "1", "epoch"),
        ("start-loop", "--timeout 200ms", "1", "epoch"),
        ("sleep", "--timeout 1s", "3600000", "timer"),
        ("grow-abort", "--memory 1MiB", "1", "limiter"),
        ("flood-stdout", "", "1", "limiter"),
        ("big-result", "--max-output 3", "4", "limiter"),
        ("echo", "", "{", "host"),
    ] {
        let ran = run(wpool_run(&wat(task), args).arg("--receipts"), row);
        assert_eq!(ran.records()[0]["receipt"]["layer"], layer, "{task}: {}", ran.stdout);
    }
}

#[test]
fn c43_the_stderr_of_an_ok_task_is_in_its_receipt_and_nowhere_else() {
    let ran = run(&mut wpool_run(&wat("flood-stderr"), ""), "1");
    assert!(!(ran.stdout + &ran.stderr).contains("xxx"));
    let ran = run(&mut wpool_run(&wat("flood-stderr"), "--receipts"), "1");
    let records = ran.records();
    let stderr = records[0]["receipt"]["stderr"].as_str().unwrap_or_else(|| panic!("no stderr in {}", ran.stdout));
    // Its beginning and its end, with a word about what is missing.
    assert!(stderr.starts_with("first\nxxx") && stderr.ends_with("xxx\nlast\n"), "{} bytes", stderr.len());
    assert!(stderr.contains("bytes dropped") && stderr.len() < (64 << 10) + 100, "{} bytes", stderr.len());
    assert!(!ran.stderr.contains("xxx"));
}

/// Strings, numbers and depths that JSON libraries disagree about.
#[test]
fn c48_every_record_can_be_read_whatever_the_guest_answers() {
    let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let texts = [
        r#""\ud800""#,
        r#""\udc00\ud800""#,
        r#""\ud83d\ude00""#,
        "\"\u{2028}\u{7f}\"",
        "NaN",
        "01",
        "1 2",
        "\"a\tb\"",
        "\u{1b}[31mred",
        "{\"a\":1,\"a\":2}",
        "{\"a\":1",
        &deep(100),
        &deep(1000),
    ];
    let ran = run(&mut wpool_run(&wat("echo"), "--lines"), texts.join("\n"));
    let unreadable: Vec<_> = ran.stdout.lines().filter(|line| serde_json::from_str::<Value>(line).is_err()).collect();
    assert!(unreadable.is_empty(), "{unreadable:#?}");
    assert_eq!(ran.stdout.lines().count(), texts.len());
    assert!(!ran.stdout.contains('\u{1b}'), "no control character reaches a terminal");
}

#[test]
fn numbers_keep_their_text() {
    let rows = "1.50\n-0\n1e400\n123456789012345678901234567890\n[0.10,1E+2]\n";
    for task in ["echo", "cat", "component-echo"].map(wat) {
        let ran = run(&mut wpool_run(&task, "--values"), rows);
        assert_eq!(ran.stdout, rows, "{}", task.display());
    }
}

#[test]
fn nothing_leaks_from_one_task_to_the_next() {
    for args in ["-j 1", "-j 2 --chunksize 1000"] {
        let ran = run(&mut wpool_run(&wat("counter"), args), "1\n".repeat(1000));
        assert_eq!(ran.each("output"), vec![json!([1, 1]); 1000], "{args}");
    }
}

#[test]
fn tasks_behind_a_trap_still_run_and_keep_their_order() {
    let row = |at: usize| if at % 100 == 50 { "\"!\"".to_owned() } else { at.to_string() };
    let rows: Vec<_> = (0..1000).map(row).collect();
    let ran = run(&mut wpool_run(&wat("trap-on-bang"), ""), rows.join("\n"));
    assert_eq!(ran.code, 100);
    for (at, record) in without_ids(&ran).iter().enumerate() {
        let expected = if at % 100 == 50 { trap(&["run"]) } else { ok(json!(at)) };
        assert_eq!(*record, expected, "task {at}");
    }
    assert_eq!(ran.stdout.lines().count(), 1000);
}

#[test]
fn default_records_are_the_same_however_the_work_is_shared_out() {
    let row = |at: u32| match at % 20 {
        7 => "\"!\"".to_owned(),
        13 => "{\"bad".to_owned(),
        _ => at.to_string(),
    };
    let rows: Vec<_> = (0..2000).map(row).collect();
    let rows = rows.join("\n");
    let stdout = |args| run(&mut wpool_run(&wat("trap-on-bang"), args), &rows).stdout;
    let one = stdout("-j 1");
    assert_eq!(one.lines().count(), 2000);
    for args in ["-j 2", "-j 4 --chunksize 1", "-j 3 --chunksize 500 --no-cache"] {
        assert!(stdout(args) == one, "{args}");
    }
}

#[test]
fn c49_a_command_is_given_its_name_and_the_arguments_and_nothing_else() {
    let lines = |lines: &[&str]| ok(json!(lines.join("\n")));
    let row = r#"{"x":"a b","n":1.50,"deep":{"y":[1]}}"#;
    let args = "-- plain {} --n={.n} {.x}/{.deep} {{}} {{.x}}";
    let expanded = ["args.wat", "plain", row, "--n=1.50", "a b/{\"y\":[1]}", "{}", "{.x}"];
    check(&[
        case(wat("args"), "", "1", json!([lines(&["args.wat"])])),
        case(wat("args"), args, row, json!([lines(&expanded)])),
        case(
            wat("args"),
            "-- <{}>",
            "\"q\\u0041\"\n[1, 2]",
            json!([lines(&["args.wat", "<qA>"]), lines(&["args.wat", "<[1, 2]>"]),]),
        ),
        case(wat("args"), "--once -- <{}> x", "", json!([lines(&["args.wat", "<>", "x"])])),
    ]);
}

#[test]
fn a_command_may_be_given_any_arguments() {
    // Among them those with which the executable starts itself as a worker.
    for args in ["--help", "-- --", "__wpool-child worker 1", "__wpool-child compiler 1"] {
        let ran = run(&mut wpool_run(&wat("args"), &format!("--once -- {args}")), "");
        let expected = ["args.wat"].into_iter().chain(args.split_whitespace()).collect::<Vec<_>>().join("\n");
        assert_eq!(ran.each("output"), [json!(expected)], "{args}: {} {}", ran.code, ran.stderr);
    }
}

#[test]
fn a_row_that_makes_no_argument_is_invalid_input() {
    let ran = run(&mut wpool_run(&wat("args"), "-- {.x}"), "{\"y\":1}\n7\n{\"x\":\"a\\u0000b\"}\n{\"x\":1}\n");
    assert_eq!(ran.each("status"), ["invalid-input", "invalid-input", "invalid-input", "ok"], "{}", ran.stdout);
    for (at, record) in ran.records()[..3].iter().enumerate() {
        assert_eq!(record["error"]["code"], "argument");
        let message = record["error"]["message"].as_str().unwrap_or_default();
        assert!(message.starts_with(&format!("<stdin>:{}: ", at + 1)), "{message}");
    }
}

#[test]
fn c49_the_environment_holds_what_was_granted_and_nothing_else() {
    let granted = |args| {
        let mut command = wpool_run(&wat("env"), args);
        let ran = run(command.env("WPOOL_TEST_SECRET", "secret").env("WPOOL_TEST_SHARED", "a=b c"), "1");
        without_ids(&ran)
    };
    assert_eq!(granted(""), [ok(json!(""))]);
    assert_eq!(granted("--env A=1 --env B="), [ok(json!("A=1\nB="))]);
    assert_eq!(granted("--env WPOOL_TEST_SHARED"), [ok(json!("WPOOL_TEST_SHARED=a=b c"))]);
}

/// A run that grants the directory `granted` in a fresh folder that also holds a file `secret`.
fn run_with_dir(task: &Path, folder: &Path, mode: &str) -> Ran {
    let dir = folder.join("granted");
    run(wpool_run(task, "--once").arg("--dir").arg(format!("{}{mode}", dir.display())), "")
}

fn folder_with_dir() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("granted")).expect("a directory");
    std::fs::write(folder.path().join("secret"), "\"secret\"").expect("a file");
    folder
}

#[test]
fn files_are_out_of_reach_without_a_grant() {
    check(&[
        case(wat("read-file"), "", "1", json!([exit(1, "8")])), // 8 is EBADF: there is no directory
        case(wat("write-file"), "", "1", json!([exit(1, "cannot write out.txt\n")])),
    ]);
}

#[test]
fn a_granted_directory_can_be_read_and_written_only_with_rw() {
    let folder = folder_with_dir();
    let dir = folder.path().join("granted");
    std::fs::write(dir.join("data.txt"), "[1,2]").expect("a file");
    std::fs::write(dir.join("out.txt"), "as it was").expect("a file");
    for mode in ["", ":ro", "::/elsewhere", "::/elsewhere:ro"] {
        let read = run_with_dir(&wat("read-file"), folder.path(), mode);
        assert_eq!(without_ids(&read), [ok(json!([1, 2]))], "{mode}");
        let written = run_with_dir(&wat("write-file"), folder.path(), mode);
        assert_eq!(without_ids(&written), [exit(1, "cannot write out.txt\n")], "{mode}");
        assert_eq!(std::fs::read_to_string(dir.join("out.txt")).expect("it is there"), "as it was", "{mode}");
    }
    for mode in [":rw", "::/elsewhere:rw"] {
        std::fs::remove_file(dir.join("out.txt")).expect("it is there");
        let written = run_with_dir(&wat("write-file"), folder.path(), mode);
        assert_eq!(without_ids(&written), [ok(json!(""))], "{mode}");
        assert_eq!(std::fs::read_to_string(dir.join("out.txt")).expect("it is there"), "hello", "{mode}");
    }
}

#[test]
fn a_read_only_directory_gets_no_new_files() {
    let folder = folder_with_dir();
    let ran = run_with_dir(&wat("write-file"), folder.path(), "");
    assert_eq!(ran.each("status"), ["failed"]);
    assert_eq!(std::fs::read_dir(folder.path().join("granted")).expect("a directory").count(), 0);
}

#[test]
fn c50_links_do_not_lead_out_of_a_granted_directory() {
    let folder = folder_with_dir();
    let secret = folder.path().join("secret");
    for target in [secret.as_path(), Path::new("../secret")] {
        for (task, link) in [("read-file", "data.txt"), ("write-file", "out.txt")] {
            let link = folder.path().join("granted").join(link);
            std::os::unix::fs::symlink(target, &link).expect("a link");
            let ran = run_with_dir(&wat(task), folder.path(), ":rw");
            assert_eq!(ran.each("status"), ["failed"], "{task} {}", target.display());
            assert!(!ran.stdout.contains("secret"), "{}", ran.stdout);
            assert_eq!(std::fs::read_to_string(&secret).expect("it is there"), "\"secret\"");
            std::fs::remove_file(link).expect("it is there");
        }
    }
}

#[test]
fn one_run_of_a_command_needs_no_input() {
    check(&[
        case(wat("cat"), "--once", "ignored", json!([ok(json!(""))])),
        case(wat("flood-stderr"), "-n", "", json!([ok(json!("done"))])),
        case(wat("exit-code"), "-n", "7", json!([ok(json!("bye"))])),
        case(guest("word-count"), "-n", "", json!([ok(json!({ "lines": 0, "words": 0, "bytes": 0 }))])),
    ]);
}
