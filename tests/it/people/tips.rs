//! Arguments that look like options, and inputs in which there is nothing.

use super::*;

#[test]
fn a_file_whose_name_begins_with_a_dash_is_shown_as_it_is_given() {
    let desk = Desk::new();
    desk.write("-dash.jsonl", "1\n");
    for (args, arguments) in
        [("run echo.wat", true), ("bench echo.wat", true), ("check echo.wat", false), ("rerun out --failed", false)]
    {
        let ran = desk.wpool(&format!("{args} -dash.jsonl"));
        assert_eq!(ran.code, USAGE, "{args}: {}", ran.stderr);
        assert!(ran.stderr.contains("./-dash.jsonl"), "{args}: {}", ran.stderr);
        assert_eq!(ran.stderr.contains("`-- -dash.jsonl`"), arguments, "{args}: {}", ran.stderr);
        assert!(!ran.stderr.contains("to pass '-d' as a value"), "{args}: {}", ran.stderr);
    }
    assert_eq!(desk.wpool("run echo.wat ./-dash.jsonl").code, OK, "as it says");
    let ran = desk.wpool("run echo.wat --tiemout 1s");
    assert!(ran.stderr.contains("'--timeout'") && !ran.stderr.contains("./"), "{}", ran.stderr);
}

#[test]
fn a_program_without_run_in_front_is_told_the_command() {
    let desk = Desk::new();
    for (args, tip) in [
        ("echo.wat rows.jsonl", Some("`wpool run echo.wat …`")),
        ("@factors", Some("`wpool run @factors …`")),
        ("rum echo.wat", None),
        ("runs echo.wat", None),
    ] {
        let ran = desk.wpool(args);
        assert_eq!(ran.code, USAGE, "{args}: {}", ran.stderr);
        assert_eq!(ran.stderr.contains("wpool run "), tip.is_some(), "{args}: {}", ran.stderr);
        assert!(ran.stderr.contains(tip.unwrap_or_default()), "{args}: {}", ran.stderr);
    }
}

#[test]
fn a_folder_that_is_missing_for_an_output_is_named() {
    let desk = Desk::new();
    desk.write("rows.jsonl", "1\n");
    for option in ["-o", "--junit", "--html", "--summary-json", "--failed"] {
        let ran = desk.wpool(&format!("run echo.wat rows.jsonl {option} nowhere/file"));
        assert_eq!(ran.code, CANNOT_WRITE, "{option}: {}", ran.stderr);
        assert!(ran.stderr.contains("there is no folder nowhere"), "{option}: {}", ran.stderr);
    }
}

#[test]
fn a_time_may_be_days() {
    let desk = Desk::new();
    desk.write("rows.jsonl", "1\n");
    assert_eq!(desk.wpool("run echo.wat rows.jsonl --deadline 7d").code, OK);
    let ran = desk.wpool("run echo.wat rows.jsonl --deadline 7y");
    assert!(ran.code == USAGE && ran.stderr.contains("2m, 1h or 7d"), "{}", ran.stderr);
}

#[test]
fn an_input_without_rows_is_named() {
    let desk = Desk::new();
    desk.write("empty", "");
    desk.write("blank", "\n \n");
    for (args, needle) in [
        ("run echo.wat empty blank", "there are no rows in empty, blank (blank lines are not rows)"),
        ("run echo.wat", "there are no rows in standard input"),
        ("check echo.wat empty", "there are no rows in empty"),
    ] {
        let ran = desk.wpool(args);
        assert_eq!(ran.code, NO_INPUTS, "{args}: {}", ran.stderr);
        assert!(ran.stderr.contains(needle), "{args}: {}", ran.stderr);
        assert!(!ran.stderr.contains("0 tasks") && !ran.stderr.contains("0/s"), "{args}: {}", ran.stderr);
    }
    assert_eq!(desk.wpool("run echo.wat empty -q").stderr, "");
}

#[test]
fn a_doctor_that_could_run_no_task_says_why_in_words() {
    let desk = Desk::new();
    // The compiler has room, and no worker; nothing can be started at all.
    for limit in ["-v 300000", "-n 8"] {
        let mut shell = Command::new("sh");
        let script = format!("ulimit {limit}; exec \"$0\" doctor");
        let real = desk.command("doctor");
        shell.args(["-c", &script]).arg(real.get_program());
        shell.envs(real.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let ran = run(&mut shell, "");
        assert_eq!(ran.code, SET_UP, "{limit}: {}", ran.stderr);
        for debug in ["NotOk(", "Failure {", "Some(", "Err("] {
            assert!(!ran.stderr.contains(debug), "{limit}: {}", ran.stderr);
        }
    }
}
