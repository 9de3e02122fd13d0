//! `--expect`: an output that is not the expected one is a failure.

use std::fs;

use serde_json::json;

use super::{Contest, parts};
use crate::cli::{NOT_OK, OK, STOPPED, USAGE, assert_refused};
use crate::support::*;

/// `cat`, whose input and expected output are members of rows.
fn over(args: &str, rows: &str) -> Ran {
    let mut command = wpool_run(&wat("cat"), args);
    run(command.args(["--stdin={.in}", "--expect={.out}"]), rows)
}

#[test]
fn an_output_that_is_not_the_expected_one_is_a_failure_with_its_first_difference() {
    let ran = over(
        "",
        "{\"in\":\"a\\nb\",\"out\":\"a\\nb\\n\"}\n{\"in\":\"a\\nb\",\"out\":\"a\\nc\"}\n{\"in\":\"\",\"out\":7}\n",
    );
    assert_eq!(ran.code, NOT_OK, "{}", ran.stderr);
    let error = |message: &str| json!({"code": "wrong-output", "message": message});
    let expected = [
        json!({"id": 0, "status": "ok", "output": "a\nb"}),
        json!({"id": 1, "status": "failed", "output": "a\nb", "error": error("line 2: expected \"c\", got \"b\"")}),
        json!({"id": 2, "status": "failed", "error": error("line 1: expected \"7\", got \"\"")}),
    ];
    assert_eq!(ran.records(), expected);
    assert!(ran.stderr.contains("wrong-output: line 2"), "the summary names the kind: {}", ran.stderr);
}

#[test]
fn rows_that_travel_together_are_compared_as_well() {
    let rows: String = (0..5_000).map(|number| format!("{number}\n")).collect();
    let same = run(wpool_run(&wat("echo"), "").args(["--expect", "{}"]), &rows);
    assert_eq!((same.code, same.records().len()), (OK, 5_000), "{}", same.stderr);
    let other = run(&mut wpool_run(&wat("echo"), "--expect 17"), &rows);
    let ok = other.each("status").iter().filter(|status| **status == "ok").count();
    assert_eq!((other.code, other.records().len(), ok), (NOT_OK, 5_000, 1), "{}", other.stderr);
}

#[test]
fn outputs_are_compared_in_three_ways() {
    let rows = "{\"in\":\"0.3 x\\n\",\"out\":\"0.3 x\\n\"}\n{\"in\":\"0.3 x\",\"out\":\"0.3 x  \\n\"}\n\
                {\"in\":\"0.30000000004\\nx\",\"out\":\"0.3 x\"}\n{\"in\":\"0.4 x\",\"out\":\"0.3 x\"}\n";
    for (by, ok) in [
        ("--expect-by exact", [true, false, false, false]),
        ("", [true, true, false, false]),
        ("--expect-by trimmed", [true, true, false, false]),
        ("--expect-by number", [true, true, true, false]),
        ("--expect-by number=1e-12", [true, true, false, false]),
        ("--expect-by number=0.5", [true; 4]),
    ] {
        let ran = over(by, rows);
        let statuses: Vec<_> = ran.each("status").into_iter().map(|status| status == "ok").collect();
        assert_eq!(statuses, ok, "{by}");
    }
    assert_refused(&over("--expect-by nearly", rows), USAGE, &["--expect-by", "trimmed"], "an unknown way");
    assert_refused(&run(&mut wpool_run(&wat("cat"), "--expect-by exact"), "1\n"), USAGE, &["--expect "], "alone");
}

#[test]
fn a_row_that_does_not_tell_what_is_expected_never_runs() {
    let rows = "{\"in\":\"a\",\"out\":\"a\"}\n{\"in\":\"a\"}\n7\n";
    let ran = over("--receipts", rows);
    assert_eq!(ran.code, NOT_OK);
    let codes = [json!(["ok", null]), json!(["invalid-input", "no-expected"]), json!(["invalid-input", "no-expected"])];
    assert_eq!(parts(&ran, &["status", "code"]), codes);
    assert_eq!(ran.records()[1]["receipt"]["attempts"], 0);
    assert!(ran.records()[1]["error"]["message"].as_str().unwrap().contains("`out`"));
    let strict = over("--strict-input", rows);
    assert_eq!((strict.code, strict.stdout.as_str()), (102, ""), "{}", strict.stderr);
}

#[test]
fn a_task_with_another_failure_is_not_compared() {
    let rows = "{\"in\":\"3\",\"out\":\"bye\"}\n{\"in\":\"0\",\"out\":\"bye\"}\n";
    let ran = run(wpool_run(&wat("exit-code"), "").args(["--stdin={.in}", "--expect={.out}"]), rows);
    assert_eq!(parts(&ran, &["status", "code"]), [json!(["failed", "exit"]), json!(["ok", null])]);
    let also = run(wpool_run(&wat("exit-code"), "--success-codes 0,3 --expect no").args(["--stdin={.in}"]), rows);
    assert_eq!(also.each("status"), ["failed", "failed"]);
}

#[test]
fn a_wrong_output_counts_for_all_that_counts_failures() {
    let contest = Contest::new();
    let cat = wat("cat");
    contest.write("rows.jsonl", &"{\"in\":\"a\",\"out\":\"b\"}\n".repeat(2_000));
    let task = cat.display();
    let members = ["--stdin={.in}", "--expect={.out}"];
    let args = format!("run {task} rows.jsonl -j 1 --chunksize 1 --max-fail 1 --failed failed.jsonl");
    let ran = contest.wpool(&args, &members);
    assert_eq!(ran.code, STOPPED, "{}", ran.stderr);
    let failed = fs::read_to_string(contest.path("failed.jsonl")).expect("it is there");
    assert!(failed.starts_with("{\"in\":\"a\",\"out\":\"b\"}\n"), "{failed}");
    let values = contest.wpool(&format!("run {task} rows.jsonl --values"), &members);
    assert!(values.stdout.lines().all(|line| line == "null") && values.code == NOT_OK, "{}", values.stderr);
    let dir = contest.wpool(&format!("run {task} rows.jsonl --out-dir outputs -q"), &members);
    assert_eq!(dir.code, NOT_OK);
    assert_eq!(fs::read_dir(contest.path("outputs")).expect("a folder").count(), 0, "files are of tasks that are ok");
}

#[test]
fn what_is_expected_is_a_setting_that_a_resume_keeps() {
    let contest = Contest::new();
    contest.write("rows.jsonl", "{\"in\":\"a\",\"out\":\"a\"}\n{\"in\":\"a\",\"out\":\"b\"}\n");
    let run_of = |rest: &str, members: &[&str]| {
        contest.wpool(&format!("run {} rows.jsonl -o out.jsonl {rest}", wat("cat").display()), members)
    };
    let members = ["--stdin={.in}", "--expect={.out}"];
    assert_eq!(run_of("", &members).code, NOT_OK);
    for (rest, members) in [("", &members[..1]), ("--expect-by exact", &members)] {
        let ran = run_of(&format!("{rest} --resume"), members);
        assert_refused(&ran, USAGE, &["--expect"], "another setting");
    }
    assert_eq!(run_of("--resume", &members).code, NOT_OK, "all rows have their records");
    let replay = contest.wpool("replay out.jsonl 1", &[]);
    assert!(replay.stdout.contains("failed (the same as recorded)"), "{}{}", replay.stdout, replay.stderr);
    assert!(replay.stdout.contains("wrong-output"), "{}", replay.stdout);
}

#[test]
fn what_a_guest_prints_is_inert_in_a_difference() {
    let ran = over("", "{\"in\":\"\\u001b[31m\\u202e\",\"out\":\"x\"}\n");
    let record = &ran.records()[0];
    assert_eq!(record["error"]["message"], "line 1: expected \"x\", got \"\\u{1b}[31m\\u{202e}\"");
    assert!(!ran.stdout.contains('\u{1b}') && !ran.stderr.contains('\u{1b}'), "{}", ran.stderr);
}

#[test]
fn rows_that_are_files_or_records_of_a_table_tell_what_is_expected() {
    let contest = Contest::new();
    contest.write("rows.csv", "in,out\na,a\na,b\n");
    let members = ["--stdin={.in}", "--expect={.out}"];
    let ran = contest.wpool(&format!("run {} rows.csv", wat("cat").display()), &members);
    assert_eq!(ran.each("status"), ["ok", "failed"], "{}", ran.stderr);
    contest.write("one.txt", "one.txt");
    contest.write("two.txt", "one.txt");
    let ran = contest.wpool(&format!("run {} --files *.txt", wat("cat").display()), &["--expect={name}"]);
    assert_eq!(ran.each("status"), ["ok", "failed"], "{}", ran.stderr);
    let ran = contest.wpool(&format!("run {} rows.csv", wat("cat").display()), &["--expect={name}"]);
    assert_refused(&ran, USAGE, &["{name}", "--files"], "rows without names");
}
