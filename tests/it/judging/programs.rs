//! `wpool judge`: many programs over the same tests.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::{Contest, MEMBERS, parts};
use crate::cli::{NO_INPUTS, NOT_OK, OK, SET_UP, USAGE, assert_refused};
use crate::support::*;

const LIMITS: &str = "--cpu-time 200ms --memory 16MiB";

/// A member of each program's verdict.
fn of_programs(verdicts: &Value, member: &str) -> Vec<Value> {
    verdicts["programs"].as_array().expect("a list").iter().map(|program| program[member].clone()).collect()
}

#[test]
fn each_program_has_the_verdict_of_its_first_test_that_is_not_accepted() {
    let contest = Contest::new();
    contest.write("in/broken.wat", "(module (func (export \"_start\") i32.add))");
    let args = format!("judge in tests.jsonl {LIMITS} --summary-json verdicts.json");
    let ran = contest.wpool(&args, &MEMBERS);
    assert_eq!(ran.code, NOT_OK, "{}", ran.stderr);
    let names = ["broken.wat", "crash.wat", "greedy.wat", "right.wat", "slow.wat", "wrong.wat"];
    let records: Vec<_> = names.iter().flat_map(|name| (0..3).map(move |id| json!([name, id]))).collect();
    assert_eq!(parts(&ran, &["program", "id"]), records, "in the order of the programs, and of the tests");
    let verdicts = contest.verdicts();
    assert_eq!(of_programs(&verdicts, "program"), names);
    let expected = ["refused", "runtime-error", "memory-limit", "accepted", "time-limit", "wrong-output"];
    assert_eq!(of_programs(&verdicts, "verdict"), expected);
    let first = [json!(0), json!(1), json!(1), json!(null), json!(2), json!(1)];
    assert_eq!(of_programs(&verdicts, "first"), first);
    let message = "line 1: expected \"70000\", got \"4464\"";
    let messages = of_programs(&verdicts, "message");
    assert_eq!((&messages[3], &messages[5]), (&json!(null), &json!(message)));
    assert!(ran.stderr.contains(&format!("test 1: {message}\n")), "{}", ran.stderr);
    assert!(!ran.stderr.contains("hint"), "{}", ran.stderr);
    assert_eq!(verdicts["tests"]["total"], 18);
    assert_eq!(verdicts["programs"][3]["tests"]["accepted"], 3);
    assert!(verdicts["programs"][4]["longest_cpu_us"].as_u64().expect("a time") >= 190_000, "{verdicts}");
    assert!(verdicts["programs"][2]["peak_memory"].as_u64().expect("a size") > 1 << 20, "{verdicts}");
    for (name, verdict) in names.iter().zip(expected) {
        let is_row = |line: &&str| line.contains(name) && line.contains(verdict);
        assert!(ran.stderr.lines().any(|line| is_row(&line)), "{name}: {}", ran.stderr);
    }
}

#[test]
fn a_program_that_is_refused_has_a_record_for_each_test_and_stops_no_other() {
    let contest = Contest::new();
    contest.write("in/broken.wat", "(module");
    contest.write("in/import.wat", "(module (import \"env\" \"f\" (func)) (func (export \"_start\")))");
    contest.write("in/function.wat", &fs::read_to_string(wat("echo")).expect("a program"));
    contest.write("list", "in/broken.wat\nin/import.wat\nin/function.wat\nin/right.wat\n");
    let ran = contest.wpool("judge list tests.jsonl --summary-json verdicts.json", &MEMBERS);
    assert_eq!(ran.code, NOT_OK, "{}", ran.stderr);
    let codes = parts(&ran, &["status", "code"]);
    assert_eq!(codes[..9], vec![json!(["failed", "program-refused"]); 9]);
    assert_eq!(codes[9..], vec![json!(["ok", null]); 3]);
    let refused = of_programs(&contest.verdicts(), "refused");
    assert!(refused[1].as_str().expect("a reason").contains("env"), "{refused:?}");
    assert!(refused[2].as_str().expect("a reason").contains("has no standard input"), "{refused:?}");
    assert_eq!(refused[3], json!(null));
}

#[test]
fn a_judging_in_which_all_is_accepted_ends_with_0() {
    let contest = Contest::new();
    contest.write("list", "in/right.wat\n");
    let ran = contest.wpool("judge list tests.jsonl -q --with-input --receipts", &MEMBERS);
    assert_eq!((ran.code, ran.stderr.as_str()), (OK, ""));
    let record = &ran.records()[1];
    assert_eq!((&record["program"], &record["output"]), (&json!("in/right.wat"), &json!(70_000)));
    assert_eq!(record["input"]["expected"], "70000");
    assert!(record["receipt"]["cpu_us"].is_u64(), "{record}");
}

#[test]
fn a_test_that_names_its_program_goes_to_that_one_alone() {
    let contest = Contest::new();
    let row = |program: &str, expected: &str| {
        format!("{{\"program\":{program:?},\"input\":\"1 2\",\"expected\":\"{expected}\"}}\n")
    };
    let rows = [row("wrong", "3"), row("right", "3"), row("../in/right", "3"), row("wrong", "4"), row("right", "3")];
    contest.write("rows.jsonl", &(rows.concat() + "{\"input\":\"1 2\"}\n"));
    contest.write("list", "in/right.wat\nin/wrong.wat\n");
    let from = [&MEMBERS[..], &["--task-from=in/{.program}.wat"]].concat();
    let ran = contest.wpool("judge list rows.jsonl --summary-json verdicts.json", &from);
    assert_eq!(ran.code, NOT_OK, "{}", ran.stderr);
    let expected = [
        json!(["in/right.wat", 1, "ok", null]),
        json!(["in/right.wat", 4, "ok", null]),
        json!(["in/wrong.wat", 0, "ok", null]),
        json!(["in/wrong.wat", 3, "failed", "wrong-output"]),
        json!([null, 2, "invalid-input", "no-program"]),
        json!([null, 5, "invalid-input", "no-program"]),
    ];
    assert_eq!(parts(&ran, &["program", "id", "status", "code"]), expected);
    let verdicts = contest.verdicts();
    assert_eq!(of_programs(&verdicts, "verdict"), ["accepted", "wrong-output"]);
    assert_eq!((&verdicts["tests"]["total"], &verdicts["tests"]["bad-test"]), (&json!(6), &json!(2)));
}

#[test]
fn tests_from_standard_input_are_for_all_programs() {
    let contest = Contest::new();
    contest.write("list", "in/right.wat\nin/wrong.wat\n");
    let tests = fs::read(contest.path("tests.jsonl")).expect("the tests");
    let ran = run(&mut contest.command("judge list -", &MEMBERS), &tests);
    assert_eq!((ran.code, ran.records().len()), (NOT_OK, 6), "{}", ran.stderr);
    let ran = run(&mut contest.command("judge list -", &MEMBERS), "\n");
    assert_eq!((ran.code, ran.stdout.as_str()), (NO_INPUTS, ""), "{}", ran.stderr);
}

#[test]
fn no_program_is_given_what_is_expected_of_it() {
    let contest = Contest::new();
    let ran = contest.wpool("judge in tests.jsonl", &MEMBERS[1..]);
    assert_refused(&ran, USAGE, &["--expect", "--stdin"], "the row would be the input");
    let ran = contest.wpool("judge in tests.jsonl --dir in::/d:rw", &MEMBERS);
    assert_refused(&ran, USAGE, &[":rw", "--scratch"], "programs would meet there");
    for isolation in ["reuse", "reuse=2", "reuse=checked"] {
        let ran = contest.wpool(&format!("judge in tests.jsonl --isolation {isolation}"), &MEMBERS);
        assert_refused(&ran, USAGE, &["--isolation reuse", "tests before it"], "tests would meet in memory");
    }
}

#[test]
fn nobody_stops_the_judging_of_others_by_the_names_of_files() {
    let contest = Contest::new();
    for name in [&b"a\xff.wat"[..], b"a\xfe.wat", b"\"a\\377.wat\".wat"] {
        let path = contest.path("in").join(OsStr::from_bytes(name));
        fs::copy(contest.path("in/right.wat"), path).expect("a copy");
    }
    let ran = contest.wpool(&format!("judge in tests.jsonl {LIMITS} --summary-json verdicts.json"), &MEMBERS);
    assert_eq!(ran.code, NOT_OK, "{}", ran.stderr);
    let names = of_programs(&contest.verdicts(), "program");
    for name in [r#""a\377.wat""#, r#""a\376.wat""#, r#""\"a\\377.wat\".wat""#] {
        assert!(names.contains(&json!(name)), "{name} in {names:?}");
    }
}

#[test]
fn only_programs_that_lie_in_the_folder_themselves_are_judged() {
    let contest = Contest::new();
    for name in ["crash", "greedy", "slow", "wrong"] {
        fs::remove_file(contest.path(&format!("in/{name}.wat"))).expect("it is there");
    }
    contest.write("secret.wat", "(module");
    symlink(contest.path("secret.wat"), contest.path("in/link.wat")).expect("a link");
    fs::create_dir(contest.path("in/folder.wat")).expect("a folder");
    contest.write("in/notes.txt", "");
    let ran = contest.wpool("judge in tests.jsonl", &MEMBERS);
    assert_eq!((ran.code, ran.records().len()), (OK, 3), "{}", ran.stderr);
    assert!(ran.stderr.contains("or a link to one: folder.wat, and 2 more"), "{}", ran.stderr);
    fs::remove_file(contest.path("in/right.wat")).expect("it is there");
    assert_refused(&contest.wpool("judge in tests.jsonl", &MEMBERS), NO_INPUTS, &[".wasm"], "no programs");
}

#[test]
fn a_contest_without_expected_outputs_or_limits_of_time_has_hints() {
    let contest = Contest::new();
    contest.write("list", "in/right.wat\n");
    let none = contest.wpool("judge list tests.jsonl", &MEMBERS[..1]);
    let (expect, limits) = ("hint: without --expect", "hint: without --cpu-time and --timeout");
    assert!(none.stderr.contains(expect) && none.stderr.contains(limits), "{}", none.stderr);
    for (args, templates, hints) in [
        ("judge list tests.jsonl --timeout 1m", &MEMBERS[..1], vec![expect]),
        ("judge list tests.jsonl", &MEMBERS[..], vec![limits]),
        ("judge list tests.jsonl --deterministic", &MEMBERS[..], vec![]),
        ("judge list tests.jsonl -q", &MEMBERS[..1], vec![]),
    ] {
        let ran = contest.wpool(args, templates);
        let found: Vec<_> = [expect, limits].into_iter().filter(|hint| ran.stderr.contains(hint)).collect();
        assert_eq!((found, ran.code), (hints, OK), "{args}: {}", ran.stderr);
    }
}

#[test]
fn a_list_names_programs_each_once() {
    let contest = Contest::new();
    contest.write("app.py", "def run(row):\n    return row\n");
    for (list, code, needles) in [
        ("in/right.wat\nin/gone.wat\n", SET_UP, &["in/gone.wat", "list"][..]),
        ("in/right.wat\nin\n", USAGE, &["folder"]),
        ("in/right.wat\nin/right.wat\n", USAGE, &["twice"]),
        ("app.py\n", USAGE, &["script"]),
        ("\n", NO_INPUTS, &["list"]),
    ] {
        contest.write("list", list);
        assert_refused(&contest.wpool("judge list tests.jsonl", &MEMBERS), code, needles, list);
    }
    let ran = contest.wpool("judge in/right.wat tests.jsonl", &MEMBERS);
    assert_refused(&ran, USAGE, &["is a program", "wpool run"], "a program");
    let ran = contest.wpool("judge in tests.jsonl --task-from right.wat", &MEMBERS);
    assert_refused(&ran, USAGE, &["--task-from", "{.program}"], "one name for all");
}

#[test]
fn records_of_a_judging_can_be_a_file() {
    let contest = Contest::new();
    let args = format!("judge in tests.jsonl {LIMITS} -o records.jsonl -q");
    assert_eq!(contest.wpool(&args, &MEMBERS).code, NOT_OK);
    let text = fs::read_to_string(contest.path("records.jsonl")).expect("it is there");
    assert_eq!(text.lines().count(), 15);
    assert!(!contest.path("records.jsonl.wpool").exists(), "a judging has no journal");
    assert_refused(&contest.wpool(&args, &MEMBERS), USAGE, &["exists", "--overwrite"], "it is there");
    assert_eq!(contest.wpool(&format!("{args} --overwrite"), &MEMBERS).code, NOT_OK);
    let args = "judge in tests.jsonl --summary-json tests.jsonl";
    assert_eq!(contest.wpool(args, &MEMBERS).code, USAGE, "the tests would be gone");
    contest.write("list", "in/right.wat\n");
    for args in ["in tests.jsonl --summary-json in/wrong.wat", "list tests.jsonl -o in/right.wat --overwrite"] {
        let ran = contest.wpool(&format!("judge {args}"), &MEMBERS);
        assert_refused(&ran, USAGE, &["is a program", "would destroy it"], args);
    }
}

#[test]
fn an_interrupted_judging_says_what_it_has_not_judged() {
    let contest = Contest::new();
    fs::copy(wat("sleep"), contest.path("in/b.wat")).expect("a copy");
    fs::copy(wat("cat"), contest.path("in/a.wat")).expect("a copy");
    contest.write("list", "in/a.wat\nin/b.wat\nin/right.wat\n");
    contest.write("rows.jsonl", "60000\n");
    let live = Live::start(&mut contest.command("judge list rows.jsonl --summary-json verdicts.json", &[]));
    assert!(live.line().contains("in/a.wat"), "the first program is judged");
    let pid = Pid::from_raw(live.pid() as i32).expect("a process");
    for _ in 0..2 {
        kill_process(pid, Signal::INT).expect("it runs");
        std::thread::sleep(Duration::from_millis(50));
    }
    let ran = live.wait();
    assert_eq!(ran.code, 130, "{}", ran.stderr);
    assert!(ran.stderr.contains("stopped early by SIGINT") && ran.stderr.contains("not judged"), "{}", ran.stderr);
    assert_eq!(contest.verdicts()["stopped"], "SIGINT");
}
