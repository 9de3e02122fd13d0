//! Scratch directories: one for each task, empty, bounded, and gone afterwards.
//!
//! Where the machine lets nobody make one, the run says so, and these tests have nothing to see.

use std::fs;

use serde_json::{Value, json};

use crate::cli::{NOT_OK, OK, SET_UP, USAGE, assert_refused, folder};
use crate::support::*;

/// No room.
const NOSPC: i64 = 51;
/// Not within what was granted.
const PERM: i64 = 63;

/// The run, or `None` where the machine has no scratch directories.
fn scratch(args: &str, rows: &str) -> Option<Ran> {
    let ran = run(&mut wpool_run(&wat("scratch"), &format!("--lines {args}")), rows);
    if ran.code == SET_UP && ran.stderr.contains("no scratch directory can be made here") {
        return None;
    }
    assert!([OK, NOT_OK].contains(&ran.code), "{args}: {}", ran.stderr);
    Some(ran)
}

fn exit_codes(ran: &Ran) -> Vec<i64> {
    let code = |record: Value| record["error"]["exit_code"].as_i64().unwrap_or(0);
    ran.records().into_iter().map(code).collect()
}

#[test]
fn each_task_finds_its_directory_empty_whatever_the_tasks_before_it_left() {
    let rows = "c\nf\nc\nm\nc\nd\nc\nl\nc\nr\nc\n";
    let codes = [0, NOSPC, 0, NOSPC, 0, NOSPC, 0, PERM, 0, 0, 0];
    for args in ["-j 1 --scratch /tmp=1MiB", "--scratch /tmp=2MiB --chunksize 1", "--scratch /tmp=1MiB --sandbox off"] {
        let Some(ran) = scratch(args, rows) else { return };
        assert_eq!(exit_codes(&ran), codes, "{args}: {}{}", ran.stdout, ran.stderr);
    }
    let Some(ran) = scratch("-j 2 --scratch /tmp", &"c\n".repeat(500)) else { return };
    assert_eq!(ran.each("status"), vec![json!("ok"); 500], "{}", ran.stderr);
}

#[test]
fn a_task_that_fills_its_directory_and_gives_up_is_over_a_limit_and_says_so() {
    let Some(ran) = scratch("--scratch /tmp=1MiB --receipts", "f\nm\nd\nr\nl\n") else { return };
    assert_eq!(ran.each("status"), ["output-limit", "output-limit", "output-limit", "ok", "failed"], "{}", ran.stdout);
    let first = &ran.records()[0];
    let message = "filled its scratch directory of 1 MiB and then gave up: exited with code 51";
    assert_eq!(first["error"], json!({ "code": "scratch-limit", "message": message, "exit_code": 51 }));
    assert_eq!(first["receipt"]["layer"], "limiter");
}

#[test]
fn a_scratch_directory_goes_with_retries_and_with_resumed_runs() {
    let Some(ran) =
        scratch("--scratch /tmp=1MiB --retries 1 --retry-delay 1ms --retry-on output-limit --receipts", "f\nc\n")
    else {
        return;
    };
    assert_eq!(ran.records()[0]["receipt"]["attempts"], 2, "{}", ran.stdout);
    let folder = folder();
    let in_folder = |args: &str| {
        let mut command = wpool_run(&wat("scratch"), &format!("--lines --scratch /tmp -o out {args}"));
        run(command.current_dir(folder.path()).env("XDG_STATE_HOME", folder.path()), "c\nc\nc\n")
    };
    let first = in_folder("");
    assert_eq!(first.code, OK, "{}", first.stderr);
    let again = in_folder("--resume");
    assert_eq!(again.code, OK, "{}", again.stderr);
    assert_eq!(fs::read_to_string(folder.path().join("out")).expect("records").lines().count(), 3);
}

#[test]
fn settings_that_a_scratch_directory_cannot_have_are_refused() {
    for (args, needles) in [
        ("--scratch =1MiB", &["GUEST[=SIZE]"][..]),
        ("--scratch /tmp=many", &["a size"]),
        ("--scratch /tmp=5GiB", &["a scratch directory must be from 64 KiB to 4096 MiB", "--scratch"]),
        ("--scratch /tmp --isolation reuse", &["the directory of its first task", "--scratch"]),
        ("--scratch /tmp --deterministic", &["dates and numbers of the machine", "--deterministic", "--scratch"]),
    ] {
        let ran = run(&mut wpool_run(&wat("scratch"), args), "1\n");
        assert_refused(&ran, USAGE, needles, args);
    }
}

#[test]
fn a_directory_of_the_row_is_the_only_one_that_its_task_sees() {
    let folder = folder();
    for name in ["a", "b"] {
        fs::create_dir_all(folder.path().join("data").join(name)).expect("a folder");
        fs::write(folder.path().join("data").join(name).join("data.txt"), format!("\"{name}\"")).expect("a file");
    }
    std::os::unix::fs::symlink("a", folder.path().join("data/link")).expect("a link");
    let run_in = |args: &str, rows: &str| run(wpool_run(&wat("read-file"), args).current_dir(folder.path()), rows);
    let ran = run_in("--dir data/{.d}::/in", "{\"d\":\"b\"}\n{\"d\":\"a\"}\n");
    assert_eq!(ran.each("output"), ["b", "a"], "{}{}", ran.stdout, ran.stderr);
    for row in ["c", "../data/a", "", ".", "/", "link", "a/../b"] {
        let ran = run_in("--dir data/{.d}::/in:rw", &json!({ "d": row }).to_string());
        let error = &ran.records()[0]["error"];
        assert_eq!(
            (ran.each("status"), &error["code"]),
            (vec![json!("invalid-input")], &json!("directory")),
            "{row}: {error}"
        );
    }
    let refused = run_in("--dir data/{.d}", "{}");
    assert_refused(&refused, USAGE, &["--dir", "::/data"], "without a path in the program");
    let refused = run_in("--dir /{.d}::/in", "{}");
    assert_refused(&refused, USAGE, &["the same for all rows"], "all folders");
}

#[test]
fn tasks_that_share_a_writable_directory_are_warned_of_each_other() {
    let folder = folder();
    fs::create_dir_all(folder.path().join("data/a")).expect("a folder");
    let warned = |args: &str| {
        let ran = run(wpool_run(&wat("write-file"), args).current_dir(folder.path()), "{\"d\":\"a\"}\n");
        assert_eq!(ran.code, OK, "{args}: {}{}", ran.stdout, ran.stderr);
        ran.stderr.contains("tasks that run at the same time share the directory")
    };
    assert!(warned("-j 2 --dir data:rw"));
    assert!(!warned("-j 1 --dir data:rw"));
    assert!(!warned("-j 2 --dir data/{.d}::/in:rw"));
    assert!(!warned("-j 2 --dir data:rw --once"), "a single task shares with nobody");
}
