//! Runs that stop by themselves: `--halt`, `--max-fail`, `--deadline`, and their exit codes.

use serde_json::{Value, json};

use crate::cli::{CANNOT_WRITE, NOT_OK, OK, STOPPED, USAGE, assert_refused, folder, read, write};
use crate::support::{Live, Ran, run, run_rows, wat, wpool_run};

/// The deadline of the whole run has passed.
const DEADLINE: i32 = 124;

/// Runs a guest over rows.
fn over(guest: &str, args: &str, rows: &str) -> Ran {
    run(&mut wpool_run(&wat(guest), args), rows)
}

fn count(ran: &Ran, status: &str) -> usize {
    ran.each("status").iter().filter(|found| **found == status).count()
}

#[test]
fn now_kills_running_tasks_even_those_whose_records_come_first() {
    // The first row never ends, so nothing but the failure of the second can end this run.
    let ran = over("spin-on-bang", "-j 2 --chunksize 1 --halt now,fail=1", "\"!\"\n{\"bad\n1\n");
    assert_eq!(ran.code, STOPPED, "{}", ran.stderr);
    assert_eq!(ran.each("status")[1], "invalid-input", "{}", ran.stdout);
    // Its worker may have been the slower one to start.
    let first = &ran.each("status")[0];
    assert!(*first == "cancelled" || *first == "skipped", "{}", ran.stdout);
    assert!(ran.stderr.contains("stopped early by --halt now,fail=1"), "{}", ran.stderr);
}

#[test]
fn soon_lets_running_tasks_finish() {
    // When the first is done, the other worker has one of those that take longer.
    let rows = "1500\n".to_owned() + &"3000\n".repeat(50);
    let ran = over("sleep", "-j 2 --chunksize 1 --halt soon,done=1", &rows);
    assert_eq!(ran.code, STOPPED, "{}", ran.stderr);
    assert!(count(&ran, "ok") >= 2 && count(&ran, "skipped") >= 40, "{}", ran.stdout);
    assert_eq!(count(&ran, "ok") + count(&ran, "skipped"), 51, "{}", ran.stdout);
}

#[test]
fn a_success_that_was_waited_for_exits_0_whatever_else_failed() {
    for when in ["now", "soon"] {
        let rows = "\"!\"\n\"!\"\n1\n".to_owned() + &"\"!\"\n".repeat(50);
        let ran = over("trap-on-bang", &format!("-j 1 --chunksize 1 --halt {when},success=1"), &rows);
        assert_eq!(ran.code, OK, "{}", ran.stderr);
        assert!(count(&ran, "trap") >= 2 && count(&ran, "ok") == 1, "{}", ran.stdout);
        assert!(ran.stderr.contains(&format!("stopped early by --halt {when},success=1")), "{}", ran.stderr);
    }
    // One that never came is none.
    assert_eq!(over("trap", "--halt now,success=1", "1\n2\n").code, NOT_OK);
}

#[test]
fn a_percentage_is_of_all_rows() {
    let rows = |bad: usize, good: usize| "{\"bad\n".repeat(bad) + &"1\n".repeat(good);
    for (bad, good, halt, code) in [
        (5, 5, "soon,fail=50%", STOPPED),
        (4, 6, "soon,fail=50%", NOT_OK),
        (10, 90, "now,fail=10%", STOPPED),
        // Three at least: two failures among a few rows say little.
        (2, 98, "now,fail=1%", NOT_OK),
        (3, 97, "now,fail=1%", STOPPED),
        (0, 10, "soon,success=100%", OK),
        (0, 10, "soon,done=100%", STOPPED),
    ] {
        let ran = over("echo", &format!("--halt {halt}"), &rows(bad, good));
        assert_eq!(ran.code, code, "{bad} of {} bad, {halt}: {}", bad + good, ran.stderr);
    }
}

#[test]
fn a_halt_that_is_not_met_changes_nothing() {
    for halt in ["never", "now,fail=2", "soon,success=3", "now,done=4"] {
        let ran = over("trap-on-bang", &format!("--halt {halt}"), "1\n\"!\"\n2\n");
        assert_eq!((ran.code, ran.each("status")), (NOT_OK, ["ok", "trap", "ok"].map(Value::from).to_vec()), "{halt}");
        assert!(!ran.stderr.contains("stopped early"), "{halt}: {}", ran.stderr);
    }
}

#[test]
fn max_fail_is_halt_soon_after_failures_and_both_can_be_given() {
    let rows = "\"!\"\n".repeat(100);
    let (plain, other) = ("--max-fail 2", "--halt soon,fail=2");
    for (args, why) in
        [(plain, plain), ("--max-fail 2 --halt now,fail=90", plain), ("--max-fail 90 --halt soon,fail=2", other)]
    {
        let ran = over("trap-on-bang", &format!("-j 1 --chunksize 1 {args}"), &rows);
        assert_eq!(ran.code, STOPPED, "{args}");
        assert!(ran.stderr.contains(&format!("stopped early by {why}")), "{args}: {}", ran.stderr);
        assert!(count(&ran, "skipped") > 0, "{args}: {}", ran.stdout);
    }
}

#[test]
fn an_output_of_the_wrong_type_is_a_failure_that_halts() {
    let ran = over("not-json", "-j 1 --chunksize 1 --output-type json --halt soon,fail=1", &"1\n".repeat(5_000));
    assert_eq!(ran.code, STOPPED, "{}", ran.stderr);
    assert_eq!(ran.each("status")[0], "failed");
}

#[test]
fn an_output_that_is_not_what_it_should_be_is_no_success() {
    let ran = over("not-json", "-j 1 --chunksize 1 --output-type json --halt now,success=1", "1\n2\n3\n");
    assert_eq!((ran.code, count(&ran, "failed")), (NOT_OK, 3), "{}{}", ran.stdout, ran.stderr);
    let ran = over("echo", "-j 1 --chunksize 1 --output-type json --halt now,success=1", &"1\n".repeat(5_000));
    assert_eq!((ran.code, &ran.each("status")[0]), (OK, &json!("ok")), "{}", ran.stderr);
    assert!(ran.stderr.contains("stopped early by --halt now,success=1"), "{}", ran.stderr);
}

#[test]
fn a_run_that_was_read_to_its_end_has_no_rows_that_were_not_read() {
    let ran = over("trap", "--halt soon,fail=1", "1\n");
    assert_eq!(ran.code, STOPPED);
    assert!(ran.stderr.contains("stopped early") && !ran.stderr.contains("not read"), "{}", ran.stderr);
}

#[test]
fn a_deadline_ends_the_run_and_then_its_tasks() {
    let ran = over("spin-on-bang", "-j 1 --deadline 1s", "1\n\"!\"\n2\n");
    assert_eq!((ran.code, ran.each("status")), (DEADLINE, ["ok", "cancelled", "skipped"].map(Value::from).to_vec()));
    assert!(ran.stderr.contains("the deadline of the run has passed"), "{}", ran.stderr);
    assert!(ran.stderr.contains("stopped early by --deadline"), "{}", ran.stderr);
}

#[test]
fn a_task_that_runs_at_the_deadline_has_time_to_finish() {
    let ran = over("sleep", "-j 1 --deadline 2s", "2500\n1\n1\n");
    assert_eq!((ran.code, ran.each("status")), (DEADLINE, ["ok", "skipped", "skipped"].map(Value::from).to_vec()));
}

#[test]
fn a_deadline_ends_a_run_that_waits_for_rows() {
    let mut live = Live::start(&mut wpool_run(&wat("echo"), "--deadline 2s"));
    live.say("1\n");
    assert_eq!(live.line(), "{\"id\":0,\"status\":\"ok\",\"output\":1}");
    let ran = live.wait();
    assert_eq!(ran.code, DEADLINE, "{}", ran.stderr);
    assert!(ran.stderr.contains("not read"), "{}", ran.stderr);
}

#[test]
fn a_deadline_that_passes_while_compiling_says_so() {
    let ran = over("echo", "--no-cache --deadline 1ms", "1\n");
    assert_refused(&ran, DEADLINE, &["before its first task"], "compiling");
}

#[test]
fn a_deadline_that_is_not_reached_changes_nothing() {
    let ran = over("echo", "--deadline 1h", "1\n2\n");
    assert_eq!((ran.code, ran.each("status")), (OK, vec![json!("ok"); 2]));
}

#[test]
fn an_output_that_cannot_be_written_outweighs_a_deadline_and_a_halt() {
    assert_eq!(over("spin", "-o /dev/full --deadline 1s", "1\n").code, CANNOT_WRITE);
    assert_eq!(over("trap", "-o /dev/full --halt now,fail=1", "1\n").code, CANNOT_WRITE);
}

#[test]
fn only_filters_records_and_nothing_else() {
    let folder = folder();
    let rows = write(&folder, "rows", "1\n\"!\"\n2\n{\"bad\n3\n");
    for (only, ids) in [("ok", vec![0, 2, 4]), ("failed", vec![1, 3])] {
        let mut command = wpool_run(&wat("trap-on-bang"), "--failed failed --summary-json summary --only");
        let ran = run(command.arg(only).arg(&rows).current_dir(folder.path()), "");
        assert_eq!((ran.code, ran.each("id")), (NOT_OK, ids.into_iter().map(Value::from).collect()), "{only}");
        assert_eq!(read(folder.path().join("failed")), "\"!\"\n{\"bad\n", "{only}");
        let summary: Value = serde_json::from_str(&read(folder.path().join("summary"))).expect("JSON");
        assert_eq!((&summary["tasks"]["total"], &summary["tasks"]["ok"]), (&json!(5), &json!(3)), "{only}");
        assert!(ran.stderr.contains("5 tasks") && ran.stderr.contains("3 ok"), "{}", ran.stderr);
    }
    let ran = over("trap-on-bang", "--values --only ok", "1\n\"!\"\n2\n");
    assert_eq!(ran.stdout, "1\n2\n");
}

#[test]
fn conditions_that_make_no_sense_are_refused() {
    let echo = wat("echo");
    let task = echo.to_str().expect("a name");
    for (args, needle) in [
        ("--halt now", "when,why=X[%]"),
        ("--halt now,fail=0", "when,why=X[%]"),
        ("--halt soon,fail=101%", "when,why=X[%]"),
        ("--halt later,fail=1", "when,why=X[%]"),
        ("--deadline 0", "--deadline"),
        ("--deadline soon", "200ms"),
        ("--only some", "--only"),
    ] {
        let args: Vec<_> = [task].into_iter().chain(args.split_whitespace()).collect();
        assert_refused(&run_rows(&args, "1"), USAGE, &[needle], &args[1..].join(" "));
    }
}

#[test]
fn the_deadline_counts_while_rows_are_counted() {
    for args in ["--halt now,fail=50%", "--strict-input"] {
        // Standard input stays open, so the rows never end.
        let mut live = Live::start(&mut wpool_run(&wat("echo"), &format!("--deadline 3s {args}")));
        live.say("1\n");
        let ran = live.wait();
        assert_eq!((ran.code, ran.records().len()), (DEADLINE, 0), "{args}: {}", ran.stderr);
    }
}
