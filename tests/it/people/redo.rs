//! Mending a program and running its failures again, into the same output.

use super::*;

/// A raw program that traps on a row with a `!`, and one that answers it.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.write("rows", "\"a\"\n\"!\"\n\"b\"\nnonsense\n");
    fs::copy(wat("trap-on-bang"), desk.path("task.wat")).expect("a program");
    let ran = desk.wpool("run task.wat rows -o out -q");
    assert_eq!(ran.code, NOT_OK, "{}", ran.stderr);
    desk
}

fn statuses(desk: &Desk) -> Vec<String> {
    let records = desk.read("out");
    let status = |line: &str| serde_json::from_str::<Value>(line).expect("a record")["status"].clone();
    records.lines().map(|line| status(line).as_str().expect("a word").to_owned()).collect()
}

fn programs(desk: &Desk) -> (String, Vec<String>) {
    let facts: Value = serde_json::from_str(&desk.read("out.wpool/run.json")).expect("JSON");
    let hash = |program: &Value| program["hash"].as_str().expect("a hash")[..8].to_owned();
    let earlier = facts["earlier"].as_array().cloned().unwrap_or_default();
    (hash(&facts["program"]), earlier.iter().map(hash).collect())
}

#[test]
fn a_rerun_says_that_the_program_has_changed_and_runs_another_when_it_is_told_to() {
    let desk = desk();
    let (first, none) = programs(&desk);
    assert_eq!(none, [""; 0]);
    fs::copy(wat("echo"), desk.path("task.wat")).expect("a program");
    let ran = desk.wpool("rerun out --failed");
    assert!(ran.stderr.contains("task.wat has changed since the run"), "{}", ran.stderr);
    assert!(ran.stderr.contains("--with PROGRAM"), "{}", ran.stderr);
    assert_eq!(statuses(&desk), ["ok", "trap", "ok", "invalid-input"], "the copy ran");
    assert_eq!(programs(&desk), (first.clone(), Vec::new()));

    let ran = desk.wpool("rerun out --failed --with task.wat");
    assert_eq!(ran.code, NOT_OK, "{}", ran.stderr);
    assert_eq!(statuses(&desk), ["ok", "ok", "ok", "invalid-input"]);
    let (second, earlier) = programs(&desk);
    assert!(second != first && earlier == [first.clone()], "{second} {earlier:?}");
    let info = desk.wpool("runs info out").stdout;
    assert!(info.contains("before it") && info.contains(&first) && info.contains(&second), "{info}");
    assert!(desk.wpool("replay out 0").stderr.contains("of an earlier program"), "the record may be of either");
    // Back again: each program stands there once.
    let mended = desk.wpool(&format!("rerun out --failed --with {}", wat("trap-on-bang").display()));
    assert_eq!(mended.code, NOT_OK, "{}", mended.stderr);
    assert_eq!(programs(&desk), (first, vec![second]));
}

#[test]
fn a_rerun_with_a_program_that_is_not_there_or_refused_changes_nothing() {
    let desk = desk();
    let (out, facts) = (desk.read("out"), desk.read("out.wpool/run.json"));
    for (program, code) in [("missing.wat", SET_UP), ("component-two.wat", REFUSED)] {
        let ran = desk.wpool(&format!("rerun out --failed --with {program}"));
        assert_eq!(ran.code, code, "{}", ran.stderr);
        assert_eq!((desk.read("out"), desk.read("out.wpool/run.json")), (out.clone(), facts.clone()), "{program}");
    }
}

#[test]
fn a_resume_runs_records_of_named_statuses_again() {
    let desk = desk();
    fs::copy(wat("echo"), desk.path("task.wat")).expect("a program");
    let resume = "run task.wat rows -o out --resume";
    assert_eq!(desk.wpool(&format!("{resume} --redo trap")).code, USAGE, "another program has to be allowed");
    let ran = desk.wpool(&format!("{resume} --resume-across-programs --redo failed,timeout"));
    assert_eq!((ran.code, statuses(&desk)), (NOT_OK, ["ok", "trap", "ok", "invalid-input"].map(str::to_owned).into()));
    let ran = desk.wpool(&format!("{resume} --resume-across-programs --redo failed,trap"));
    assert_eq!(statuses(&desk), ["ok", "ok", "ok", "invalid-input"], "{}", ran.stderr);
    assert!(ran.stderr.contains("2 rows kept from before"), "{}", ran.stderr);
    for (args, needle) in
        [("--redo trap", "--resume"), ("--resume --redo ok", "expected one of"), ("--resume --redo", "")]
    {
        let ran = desk.wpool(&format!("run task.wat rows -o out {args}"));
        assert!(ran.code == USAGE && ran.stderr.contains(needle), "{args}: {}", ran.stderr);
    }
}
