//! `wpool check --learn`: the smallest grants for what tasks touched and were denied. What receipts say of that.

mod receipts;

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cli::{NO_INPUTS, NOT_OK, OK, REFUSED, SET_UP, USAGE, assert_refused};
use crate::support::*;

/// A working directory with a file in the folder `data`.
fn place() -> TempDir {
    let place = tempfile::tempdir().expect("a folder");
    fs::create_dir_all(place.path().join("data/inner")).expect("a folder");
    fs::write(place.path().join("data/x"), "1").expect("a file");
    place
}

/// `wpool check TASK --lines --learn 100` with arguments as a shell would split them.
fn learner(place: &Path, task: &Path, args: &str) -> Command {
    let mut command = wpool();
    command.current_dir(place).arg("check").arg(task).args(["--lines", "--learn", "100"]);
    command.args(args.split_whitespace());
    command
}

/// The options that are learned from rows.
fn learned(place: &Path, task: &Path, args: &str, rows: &str) -> Ran {
    let ran = run(&mut learner(place, task, args), rows);
    assert_eq!(ran.code, OK, "{}", ran.stderr);
    ran
}

fn run_with(place: &Path, task: &Path, options: &str, rows: &str) -> Ran {
    run(wpool_run(task, &format!("--lines {options}")).current_dir(place), rows)
}

#[test]
fn the_printed_options_make_all_rows_ok() {
    let place = place();
    for (task, rows, expected) in [
        ("open-path", "r/data/x\ns/data/x\nl/data\n", "--dir data::/data:ro\n"),
        ("open-path", "r/data/x\nw/data/new\n", "--dir data::/data:rw\n"),
        ("open-path", "r/data/x\nm/data/inner/new\n", "--dir data::/data:ro --dir data/inner::/data/inner:rw\n"),
        ("component-open", "data/x\n", "--dir data::/data:ro\n"),
    ] {
        let task = wat(task);
        assert_eq!(run_with(place.path(), &task, "", rows).code, NOT_OK);
        let before = fs::read_dir(place.path().join("data")).expect("a folder").count();
        let ran = learned(place.path(), &task, "", rows);
        assert_eq!(ran.stdout, expected, "{}", ran.stderr);
        let after = fs::read_dir(place.path().join("data")).expect("a folder").count();
        assert_eq!(after, before, "learning writes nothing");
        // The component looks in its last directory, by a path from there on.
        let rows = if task == wat("component-open") { "x\n" } else { rows };
        let ran = run_with(place.path(), &task, &ran.stdout, rows);
        assert_eq!(ran.code, OK, "{rows}: {}{}", ran.stdout, ran.stderr);
    }
}

#[test]
fn shared_state_that_was_denied_is_an_option_and_makes_rows_ok() {
    let (place, task) = (place(), guest("shared-state"));
    let mut check = wpool();
    check.arg("check").arg(&task).args(["--call", "shared.square", "--learn", "1"]).current_dir(place.path());
    let ran = run(&mut check, "[5]\n");
    assert_eq!((ran.code, &*ran.stdout), (OK, "--state\n"), "{}", ran.stderr);
    let ran = run(&mut wpool_run(&task, &format!("--call shared.square {}", ran.stdout)), "[5]\n");
    assert_eq!(ran.code, OK, "{}", ran.stderr);
}

#[test]
fn temporary_files_need_a_scratch_directory_and_no_directory_of_the_host() {
    let ran = learned(place().path(), &wat("open-path"), "", "w/tmp/x\ns/tmp\nr/tmp/y\n");
    assert_eq!(ran.stdout, "--scratch /tmp\n", "{}", ran.stderr);
}

#[test]
fn what_was_typed_and_not_used_is_left_out() {
    let (place, task) = (place(), wat("open-path"));
    let ran = learned(place.path(), &task, "--dir data::/data:rw --dir data/inner::/other --env A=b", "r/data/x\n");
    assert_eq!(ran.stdout, "--dir data::/data:ro\n", "{}", ran.stderr);
    assert!(ran.stderr.contains("/other") && ran.stderr.contains("never asks for its environment"), "{}", ran.stderr);
    let ran = learned(place.path(), &wat("env"), "--env A=b --env C=d", "1\n");
    assert_eq!(ran.stdout, "--env A=b --env C=d\n", "{}", ran.stderr);
    let ran = learned(place.path(), &wat("env"), "", "1\n");
    assert_eq!(ran.stdout, "", "{}", ran.stderr);
    assert!(ran.stderr.contains("asks for its environment, which is empty"), "{}", ran.stderr);
}

#[test]
fn a_directory_that_is_not_below_the_working_directory_is_for_the_user_to_name() {
    let (place, task) = (place(), wat("open-path"));
    let ran = learned(place.path(), &task, "", "r/etc/passwd\n");
    assert_eq!(ran.stdout, "--dir HOST::/etc:ro\n", "{}", ran.stderr);
    assert!(ran.stderr.contains("HOST stands for a directory"), "{}", ran.stderr);
    let ran = run_with(place.path(), &task, &ran.stdout, "r/etc/passwd\n");
    assert_refused(&ran, SET_UP, &["HOST"], "nothing is granted in its place");
}

#[test]
fn nothing_stands_at_the_name_for_a_directory_that_is_not_known() {
    let place = place();
    std::os::unix::fs::symlink("/etc", place.path().join("HOST")).expect("a link");
    let task = wat("open-path");
    let ran = learned(place.path(), &task, "", "r/nowhere/passwd\n");
    assert_eq!(ran.stdout, "--dir HOST-2::/nowhere:ro\n", "{}", ran.stderr);
    assert!(ran.stderr.contains("HOST-2 stands for a directory"), "{}", ran.stderr);
    assert_refused(&run_with(place.path(), &task, &ran.stdout, "r/nowhere/passwd\n"), SET_UP, &["HOST-2"], "a link");
}

#[test]
fn a_program_that_asks_for_directories_without_end_is_learned_from_in_time() {
    let place = place();
    let rows: String = (0..1000).map(|at| format!("l/p{at}/a\nl/p{at}/b\n")).collect();
    let mut learner = wpool();
    learner.current_dir(place.path()).arg("check").arg(wat("open-path")).args(["--lines", "--learn", "2000"]);
    let ran = run(&mut learner, rows);
    assert_eq!((ran.code, ran.stdout.matches("--dir").count()), (OK, 256), "{}", ran.stderr);
    assert!(ran.stderr.contains("there are too many"), "{}", ran.stderr);
}

#[test]
fn a_directory_with_the_name_of_a_placeholder_is_granted_by_doubled_braces() {
    let place = place();
    fs::create_dir_all(place.path().join("in{.x}")).expect("a folder");
    let ran = learned(place.path(), &wat("open-path"), "--json", "l/in{.x}\n");
    let json: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(json["flags"], json!(["--dir", "in{{.x}}::/in{.x}:ro"]));
    assert_eq!(run_with(place.path(), &wat("open-path"), "--dir in{{.x}}::/in{.x}:ro", "l/in{.x}\n").code, OK);
}

#[test]
fn a_path_with_blanks_is_no_option_for_a_shell() {
    let place = place();
    fs::create_dir_all(place.path().join("x --env HOME")).expect("a folder");
    let ran = learned(place.path(), &wat("open-path"), "", "l/x --env HOME\n");
    assert_eq!(ran.stdout, "", "$(…) would take a part of the path for an option");
    assert!(
        ran.stderr.contains("\nwpool: --dir 'x --env HOME::/x --env HOME:ro'\n")
            || ran.stderr.contains("\n--dir 'x --env HOME::/x --env HOME:ro'\n"),
        "{}",
        ran.stderr
    );
    let json: Value =
        serde_json::from_str(&learned(place.path(), &wat("open-path"), "--json", "l/x --env HOME\n").stdout)
            .expect("JSON");
    assert_eq!(json["flags"], json!(["--dir", "x --env HOME::/x --env HOME:ro"]));
}

#[test]
fn the_table_for_the_configuration_says_the_same_as_the_options() {
    let place = place();
    let ran = learned(place.path(), &wat("open-path"), "", "r/data/x\n");
    let table = format!("[task.open-path]\nprogram = \"{}\"\ndir = [\"data::/data:ro\"]\n", wat("open-path").display());
    assert!(ran.stderr.ends_with(&table), "{}", ran.stderr);
    assert!(ran.stderr.contains("1 row ran: 1 failed") && ran.stderr.contains("denied open:/data/x in 1 task"));
    let ran = learned(place.path(), &wat("open-path"), "--json", "r/data/x\nr/data/x\ns/data/inner\n");
    let lesson: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(lesson["flags"], json!(["--dir", "data::/data:ro"]));
    assert_eq!((&lesson["rows"], &lesson["ends"], &lesson["task"]), (&json!(3), &json!({"failed": 3}), &json!(table)));
    let denied = json!([
        {"what": "open:/data/inner", "tasks": 1, "not_ok": 1},
        {"what": "open:/data/x", "tasks": 2, "not_ok": 2}
    ]);
    assert_eq!(lesson["denied"], denied);
}

#[test]
fn only_the_first_rows_run() {
    let place = place();
    let rows = "r/data/x\nr/etc/passwd\n";
    let ran = run(learner(place.path(), &wat("open-path"), "").args(["--json"]), rows);
    let lesson: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(lesson["rows"], 2);
    let mut check = wpool();
    check.current_dir(place.path()).arg("check").arg(wat("open-path")).args(["--lines", "--learn", "1"]);
    assert_eq!(run(&mut check, rows).stdout, "--dir data::/data:ro\n");
}

#[test]
fn interfaces_that_nobody_gets_are_named_and_a_program_that_is_refused_is_told_why() {
    let place = place();
    let ran = learned(place.path(), &wat("component-http"), "", "fine\n!\n");
    assert_eq!(ran.stdout, "");
    assert!(ran.stderr.contains("wasi:http/types@0.2.3 is denied, and no option grants it"), "{}", ran.stderr);
    let ran = run(&mut learner(place.path(), &wat("unknown-import"), ""), "1\n");
    assert_refused(&ran, REFUSED, &["mystery"], "a program with an unknown import");
}

#[test]
fn paths_that_a_program_makes_up_act_on_no_terminal() {
    let place = place();
    let rows = "r/\u{1b}[2J/x\nr/a\u{202e}b\"c\\/x\n";
    for args in ["", "--json"] {
        let ran = learned(place.path(), &wat("open-path"), args, rows);
        for text in [&ran.stdout, &ran.stderr] {
            assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
        }
        assert!(format!("{}{}", ran.stdout, ran.stderr).contains(r#"\U0000202E"#), "{}", ran.stderr);
    }
}

#[test]
fn options_for_rows_that_run_are_refused_where_none_runs() {
    let place = place();
    for args in ["--dir data", "--env A=b", "--json", "--lines", "--timeout 1s", "-- x"] {
        let mut check = wpool();
        check.current_dir(place.path()).arg("check").arg(wat("open-path")).args(args.split(' '));
        assert_refused(&run(&mut check, "1\n"), USAGE, &["--learn"], args);
    }
    let state_out = run(&mut learner(place.path(), &wat("open-path"), "--state-out f"), "1\n");
    assert_refused(&state_out, USAGE, &["--state-out"], "learning writes nothing");
    assert_refused(&run(&mut learner(place.path(), &wat("open-path"), ""), ""), NO_INPUTS, &["no rows"], "no rows");
}
