//! Summaries of a run: for people, and for programs.

use expect_test::expect;
use serde_json::{Value, json};

use crate::cli::{CANNOT_WRITE, NOT_OK, OK, REFUSED, STOPPED, USAGE, assert_refused, folder, read, write};
use crate::support::{Ran, guest, run, wat, wpool_run};

/// A run, and its summary for programs.
fn summed_up(task: &str, args: &str, rows: &str) -> (Ran, Value) {
    let folder = folder();
    let path = folder.path().join("summary");
    let ran = run(wpool_run(&wat(task), args).arg("--summary-json").arg(&path), rows);
    let summary = serde_json::from_str(&read(path)).expect("JSON");
    (ran, summary)
}

/// Replaces what two runs may disagree about.
fn mask(value: &mut Value, name: &str) {
    let is_time = name.ends_with("_us") || ["version", "cores", "efficiency", "pool_share", "advice"].contains(&name);
    match value {
        _ if is_time && !value.is_object() => *value = json!("…"),
        Value::Object(members) => {
            for (key, member) in members.iter_mut() {
                let name = if name.ends_with("_us") { name } else { key };
                mask(member, name);
            }
        }
        Value::Array(items) if name == "slowest" => items.truncate(0),
        Value::Array(items) => items.iter_mut().for_each(|item| mask(item, name)),
        _ => {}
    }
}

#[test]
fn the_summary_for_programs_is_a_public_format() {
    let (ran, mut summary) = summed_up("trap-on-bang", "-j 2", "1\n\"!\"\n22\n{\"bad\n3\n");
    assert_eq!(ran.code, NOT_OK);
    assert_eq!(summary["slowest"].as_array().map(Vec::len), Some(4), "{summary}");
    mask(&mut summary, "");
    let members = summary.as_object().expect("an object").iter();
    let lines: String = members.map(|(name, value)| format!("{name} {value}\n")).collect();
    expect![[r#"
        advice "…"
        bytes {"in":12,"out":4}
        cores "…"
        deaths {"count":0,"reasons":[]}
        efficiency "…"
        exit_code 100
        flaky {"count":0,"ids":[]}
        kept 0
        pool_share "…"
        retirements {"count":0,"reasons":[]}
        retries 0
        run_us {"max":"…","mean":"…","p50":"…","p95":"…","p99":"…"}
        shared_state null
        slowest []
        stopped null
        tasks {"cancelled":0,"crash":0,"failed":0,"fuel":0,"invalid-input":1,"ok":3,"out-of-memory":0,"output-limit":0,"skipped":0,"timeout":0,"total":5,"trap":1}
        time_us {"compile":"…","host_cpu":"…","queue":"…","result":"…","run":"…","start":"…"}
        unread false
        verify null
        version "…"
        wait_us {"max":"…","mean":"…","p50":"…","p95":"…","p99":"…"}
        wall_us "…"
        workers 2
    "#]]
    .assert_eq(&lines);
}

#[test]
fn times_and_percentiles_are_those_of_the_tasks() {
    let (ran, summary) = summed_up("sleep", "-j 2 --chunksize 1", &("100\n".repeat(6) + "1000\n"));
    assert_eq!(ran.code, OK, "{}", ran.stderr);
    let time = |path: &str| summary.pointer(path).and_then(Value::as_f64).unwrap_or_else(|| panic!("{path}"));
    assert!((100e3..1000e3).contains(&time("/run_us/p50")), "{summary}");
    assert!(time("/run_us/max") >= 990e3 && time("/run_us/p99") >= 990e3, "{summary}");
    assert_eq!((&summary["slowest"][0]["id"], summary["slowest"].as_array().map(Vec::len)), (&json!(6), Some(5)));
    assert!(time("/wait_us/max") >= 90e3, "six tasks on two workers have to wait: {summary}");
    assert!(time("/time_us/run") >= 1_600e3 && time("/time_us/queue") > 0.0, "{summary}");
    assert!(time("/wall_us") >= 1_000e3 && time("/efficiency") > 0.0, "{summary}");
}

#[test]
fn a_run_without_tasks_has_no_times() {
    let (ran, summary) = summed_up("echo", "", "");
    assert_eq!((ran.code, &summary["exit_code"]), (4, &json!(4)));
    assert_eq!(
        (&summary["tasks"]["total"], &summary["run_us"], &summary["advice"]),
        (&json!(0), &Value::Null, &Value::Null)
    );
}

#[test]
fn the_summary_says_what_stopped_the_run_and_how_it_ended() {
    for (task, args, code, stopped) in [
        ("trap", "--halt soon,fail=1", STOPPED, json!("--halt soon,fail=1")),
        ("spin", "--deadline 1s", 124, json!("--deadline")),
        ("trap", "", NOT_OK, Value::Null),
        ("echo", "-o /dev/full", CANNOT_WRITE, Value::Null),
    ] {
        let (ran, summary) = summed_up(task, args, "1\n2\n");
        assert_eq!((ran.code, &summary["exit_code"], &summary["stopped"]), (code, &json!(code), &stopped), "{args}");
    }
}

#[test]
fn a_short_run_that_goes_well_is_one_line_and_verbose_tells_more() {
    let ran = run(&mut wpool_run(&wat("echo"), "-j 2"), "1\n2\n");
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    let ran = run(&mut wpool_run(&wat("echo"), "-j 2 -v"), "1\n2\n");
    for needle in [
        "\n  run      p50 ",
        "\n  wait     p50 ",
        "\n  slowest  task ",
        "\n  time     workers together: start ",
        ", run ",
        "; host: result ",
        "\n  cores    ",
        "\n  data     2 B in, 2 B out",
    ] {
        assert!(ran.stderr.contains(needle), "no {needle:?} in {}", ran.stderr);
    }
}

#[test]
fn a_pool_that_does_not_pay_is_advised_about() {
    let rows = "1\n".repeat(2_000);
    let advice = |task: &str, rows: &str| {
        let (ran, summary) = summed_up(task, "-v", rows);
        let told = ran.stderr.lines().find_map(|line| line.strip_prefix("  advice   ")).map(str::to_owned);
        assert_eq!(told.as_deref(), summary["advice"].as_str());
        (told, summary["pool_share"].as_f64().expect("a share"))
    };
    let (told, share) = advice("noop", &rows);
    let told = told.expect("a task that does nothing is less than what carries it");
    assert!(told.starts_with("mean task ") && told.ends_with(" each: give each row more work"), "{told}");
    assert!(share > 0.3, "{share}");
    let (told, share) = advice("slow", "300000000\n300000000\n");
    assert!(told.is_none() && share <= 0.3, "{share}: {told:?}");
    // Nobody is bothered with it when there is nothing to gain.
    assert_eq!(run(&mut wpool_run(&wat("noop"), ""), "1\n2\n").stderr.lines().count(), 1);
}

#[test]
fn a_summary_that_cannot_be_written_has_the_exit_code_of_an_output() {
    // A place where there can be no file is found before the first task.
    for (path, records) in [("no/such/folder", 0), ("/dev/full", 1)] {
        let ran = run(&mut wpool_run(&wat("echo"), &format!("--summary-json {path}")), "1\n");
        assert_eq!((ran.code, ran.records().len()), (CANNOT_WRITE, records), "{path}: {}", ran.stderr);
        assert!(ran.stderr.contains(path), "{}", ran.stderr);
    }
    let ran = run(&mut wpool_run(&wat("echo"), "--state-out no/such/folder"), "1\n");
    assert_refused(
        &ran,
        CANNOT_WRITE,
        &["cannot write no/such/folder, because there is no folder no/such: No such file"],
        "a state",
    );
    assert!(!ran.stderr.contains(".wpool"), "{}", ran.stderr);
}

#[test]
fn a_run_that_ends_before_its_first_task_leaves_no_summary_of_another() {
    let folder = folder();
    let summary = write(&folder, "summary", "{}");
    let ran = run(wpool_run(&wat("no-convention"), "--summary-json summary").current_dir(folder.path()), "1\n");
    assert_refused(&ran, REFUSED, &[], "a program that is refused");
    assert!(!summary.exists());
}

#[test]
fn a_summary_destroys_nothing() {
    let folder = folder();
    let rows = write(&folder, "rows", "1\n");
    for (args, needle) in [
        ("--summary-json rows rows", "is an input"),
        ("--summary-json out -o out rows", "records and the summary"),
        ("--summary-json out --failed ./out rows", "failed rows and the summary"),
        ("--summary-json . rows", "directory"),
    ] {
        let ran = run(wpool_run(&wat("echo"), args).current_dir(folder.path()), "");
        assert_refused(&ran, USAGE, &[needle], args);
    }
    assert_eq!(read(rows), "1\n");
}

#[test]
fn what_is_written_beside_the_records_never_mixes_with_them() {
    let folder = folder();
    for option in ["--summary-json", "--failed", "--state-out"] {
        for (path, needle) in [("-", "name a file"), ("/dev/stdout", "takes the records")] {
            let out = std::fs::File::create(folder.path().join("out")).expect("a file");
            let mut command = wpool_run(&wat("echo"), &format!("-n {option} {path}"));
            let output = command.current_dir(folder.path()).stdout(out).output().expect("a start");
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(USAGE), "{option} {path}: {said}");
            assert!(said.contains(option) && said.contains(needle), "{said}");
        }
    }
    assert_eq!(run(wpool_run(&wat("echo"), "-o -").current_dir(folder.path()), "1\n").records().len(), 1);
    assert!(!folder.path().join("-").exists());
}

#[test]
fn a_summary_is_written_even_when_nothing_is_said() {
    let (ran, summary) = summed_up("echo", "-q", "1\n");
    assert_eq!((ran.stderr.as_str(), &summary["tasks"]["ok"]), ("", &json!(1)));
}

#[test]
fn bytes_are_those_of_rows_and_outputs() {
    let folder = folder();
    let path = folder.path().join("summary");
    let ran = run(wpool_run(&guest("word-count"), "--lines --receipts --summary-json").arg(&path), "one two\nthree\n");
    let summary: Value = serde_json::from_str(&read(path)).expect("JSON");
    let sum =
        |member: &str| ran.each("receipt").iter().map(|receipt| receipt[member].as_u64().expect("bytes")).sum::<u64>();
    assert_eq!((sum("bytes_in"), summary["bytes"]["in"].as_u64()), (12, Some(12)));
    assert_eq!(Some(sum("bytes_out")), summary["bytes"]["out"].as_u64());
    assert!(sum("bytes_out") > 40, "{}", ran.stdout);
}
