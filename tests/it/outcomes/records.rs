//! The form of records and receipts. A record has nothing of another task.

use super::*;

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
