//! What is told of failures, runs and settings is what is so.

use super::*;

#[test]
fn a_failure_of_bare_values_ends_with_the_last_words_of_the_program() {
    let desk = Desk::new();
    let ran = desk.fed("run stderr-fail.wat --values", "1\n");
    let line = ran.stderr.lines().next().unwrap_or_default();
    assert_eq!(line, "wpool: task 0 (<stdin>:1): failed: \"exited with code 3: something went wrong\"");
    let ran = desk.fed("run exit-code.wat --values", "7\n");
    let line = ran.stderr.lines().next().unwrap_or_default();
    assert_eq!(line, "wpool: task 0 (<stdin>:1): failed: \"exited with code 7\"", "it said nothing");
}

#[test]
fn the_detailed_summary_names_no_sum_of_waits() {
    let desk = Desk::new();
    let ran = desk.fed("run echo.wat -v", "1\n".repeat(100));
    assert!(ran.stderr.contains("\n  wait     p50 "), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("\n  time     workers together: start ") && !ran.stderr.contains("queue"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_run_that_was_replaced_is_not_in_the_list() {
    let desk = Desk::new();
    desk.write("rows", "1\n");
    for _ in 0..3 {
        assert_eq!(desk.wpool("run echo.wat rows -q -o out --overwrite").code, OK);
    }
    let list: Value = serde_json::from_str(&desk.wpool("runs list --json").stdout).expect("JSON");
    assert_eq!(list.as_array().map(Vec::len), Some(1), "{list}");
    // One whose folder somebody has removed is counted, and not listed.
    desk.wpool("run echo.wat rows -q -o other");
    fs::remove_dir_all(desk.path("other.wpool")).expect("a folder");
    let ran = desk.wpool("runs list");
    assert_eq!(ran.stdout.lines().count(), 2, "{}", ran.stdout);
    assert!(ran.stderr.contains("1 run more, whose FILE.wpool is gone"), "{}", ran.stderr);
}

#[test]
fn a_run_is_shown_with_the_settings_that_were_chosen() {
    let desk = Desk::new();
    desk.write("rows", "1\n");
    let settings = |args: &str| -> Vec<String> {
        assert_eq!(desk.wpool(&format!("run echo.wat rows -q -o out --overwrite {args}")).code, OK, "{args}");
        let info = desk.wpool("runs info out").stdout;
        info.lines().filter_map(|line| line.strip_prefix("setting    ")).map(str::to_owned).collect()
    };
    assert_eq!(settings(""), [""; 0]);
    assert_eq!(settings("--timeout 3s --isolation reuse"), ["--isolation reuse", "--timeout 3s"]);
    assert_eq!(settings("--isolation fresh"), [""; 0], "isolated tasks give the same");
    let ran = desk.wpool("run echo.wat rows -o out --resume --isolation reset --lines");
    assert!(!ran.stderr.contains("isolated"), "{}", ran.stderr);
}

#[test]
fn a_row_that_did_not_run_has_no_attempt_and_no_worker() {
    let desk = Desk::new();
    let ran = desk.fed("run echo.wat --receipts", "nonsense\n1\n");
    let receipts = ran.each("receipt");
    assert_eq!((&receipts[0]["attempts"], &receipts[0]["worker"]), (&json!(0), &Value::Null), "{}", ran.stdout);
    assert_eq!((&receipts[0]["wall_us"], &receipts[0]["layer"]), (&json!(0), &json!("host")), "{}", ran.stdout);
    assert_eq!((&receipts[1]["attempts"], receipts[1]["worker"].is_u64()), (&json!(1), true), "{}", ran.stdout);
    let ran = desk.fed("run component-two.wat --call double --receipts", "\"two\"\n");
    assert_eq!(ran.each("receipt")[0]["attempts"], 0, "{}", ran.stdout);
}
