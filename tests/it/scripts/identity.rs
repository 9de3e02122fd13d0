//! A script as the program of a kept run.

use super::*;

/// A run of a script, whose second row fails.
fn kept() -> Desk {
    let desk = Desk::new();
    desk.write("jobs/app.py", &format!("import helper\n{SCRIPT}"));
    desk.write("jobs/helper.py", "a = 1\n");
    desk.write("rows", "\"q\"\n\"e\"\n");
    desk.write("lines", "q\ne\n");
    let ran = desk.wpool("run jobs/app.py lines --lines -o out -q", "");
    assert_eq!(ran.code, NOT_OK, "{}", ran.stderr);
    desk
}

#[test]
fn a_script_or_module_that_has_changed_is_another_program() {
    let desk = kept();
    let resume = "run jobs/app.py lines --lines -o out --resume";
    let ran = desk.wpool(resume, "");
    assert!(ran.stderr.contains("rows kept from before"), "{}", ran.stderr);
    desk.write("jobs/unused.py", "");
    assert!(desk.wpool(resume, "").stderr.contains("rows kept from before"), "what is not imported does not count");
    desk.write("jobs/helper.py", "a = 2\n");
    let ran = desk.wpool(resume, "");
    assert_eq!(ran.code, USAGE, "{}", ran.stderr);
    assert!(ran.stderr.contains("the program has changed: the run used jobs/app.py"), "{}", ran.stderr);
    let ran = desk.wpool(&format!("{resume} --resume-across-programs"), "");
    assert_eq!(ran.code, NOT_OK, "{}", ran.stderr);
}

#[test]
fn a_task_is_replayed_with_the_script_of_the_run() {
    let desk = kept();
    let ran = desk.wpool("replay out 1", "");
    assert_eq!(ran.code, NOT_OK, "{}", ran.stderr);
    assert!(ran.stdout.contains("task      1: failed (the same as recorded)"), "{}", ran.stdout);
    assert!(ran.stdout.contains("\ntraceback Traceback (most recent call last):\n"), "{}", ran.stdout);
    assert!(!ran.stderr.contains("has changed"), "{}", ran.stderr);
    desk.write("jobs/app.py", "def run(row):\n    return 1\n");
    let ran = desk.wpool("replay out 0", "");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("jobs/app.py has changed since the run"), "{}", ran.stderr);
    assert_eq!(desk.calls(), 1, "the runtime was there");
}

#[test]
fn a_rerun_takes_the_script_of_the_run_or_another() {
    let desk = kept();
    desk.write("jobs/app.py", "def run(row):\n    return 1\n");
    let ran = desk.wpool("rerun out --failed", "");
    assert_eq!(ran.code, NOT_OK, "{}", ran.stderr);
    assert!(ran.stderr.contains("jobs/app.py has changed since the run"), "{}", ran.stderr);
    let ran = desk.wpool("rerun out --failed --with jobs/app.py", "");
    assert_eq!(ran.code, NOT_OK, "the fake runtime does not read it: {}", ran.stderr);
    assert!(!ran.stderr.contains("has changed since the run"), "{}", ran.stderr);
}

#[test]
fn the_runtime_of_a_run_is_made_again_or_missed_by_name() {
    let desk = kept();
    assert_eq!(desk.wpool("runtime prune --all", "").code, 0);
    let ran = desk.wpool("replay out 0", "");
    assert_eq!((ran.code, desk.calls()), (0, 2), "{}", ran.stderr);
    assert_eq!(desk.wpool("runtime prune --all", "").code, 0);
    desk.tool("2.0");
    let ran = desk.wpool("replay out 0", "");
    assert_eq!(ran.code, SET_UP, "{}", ran.stderr);
    assert!(ran.stderr.contains("the runtime python-1.0-"), "{}", ran.stderr);
}
