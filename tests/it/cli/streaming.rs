//! The order and the time of records: while rows still arrive, and until nobody reads the records.

use std::io::BufReader;

use super::*;
use crate::support::Live;

/// Rows of which every seventh is slow.
fn uneven_rows() -> Vec<u64> {
    (0..300).map(|at| if at % 7 == 0 { 3_000_000 + at } else { at }).collect()
}

#[test]
fn records_come_in_input_order() {
    let rows = uneven_rows();
    let input: String = rows.iter().map(|row| format!("{row}\n")).collect();
    for args in ["-j 4", "-j 4 --chunksize 1", "-j 1"] {
        let ran = run(&mut wpool_run(&wat("slow"), args), &input);
        assert_eq!(ran.each("id"), (0..rows.len()).map(|id| json!(id)).collect::<Vec<_>>(), "{args}");
        assert_eq!(ran.each("output"), rows.iter().map(|row| json!(row)).collect::<Vec<_>>(), "{args}");
    }
}

#[test]
fn unordered_records_are_the_same_set() {
    let input: String = uneven_rows().iter().map(|row| format!("{row}\n")).collect();
    let lines = |args| {
        let ran = run(&mut wpool_run(&wat("slow"), args), &input);
        let mut lines: Vec<_> = ran.stdout.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    let ordered = lines("-j 2");
    assert_eq!(ordered.len(), 300);
    assert_eq!(lines("-j 4 --unordered"), ordered);
    assert_eq!(lines("-j 4 --unordered --chunksize 1"), ordered);
}

#[test]
fn a_row_is_answered_before_the_next_one_is_given() {
    let mut live = Live::start(&mut wpool_run(&wat("echo"), "-j 2"));
    for id in 0..5 {
        live.say(&format!("\"{id}\"\n"));
        assert_eq!(live.line(), format!("{{\"id\":{id},\"status\":\"ok\",\"output\":\"{id}\"}}"));
    }
    let ran = live.end();
    assert_eq!((ran.code, ran.stdout.as_str()), (OK, ""));
}

#[test]
fn one_sleeper_does_not_hold_up_ten_thousand_others() {
    let mut live = Live::start(&mut wpool_run(&wat("sleep"), "-j 2 --unordered"));
    live.say("3600000\n");
    for _ in 0..100 {
        live.say(&"0\n".repeat(100));
    }
    let id = |line: String| serde_json::from_str::<Value>(&line).expect("a record")["id"].as_u64().expect("an id");
    let answered: BTreeSet<u64> = (0..10_000).map(|_| id(live.line())).collect();
    assert_eq!(answered, (1..=10_000).collect());
    live.kill();
}

#[test]
fn c72_a_reader_that_has_seen_enough_ends_the_run_quietly() {
    let folder = folder();
    let mut child = spawn(wpool_run(&wat("echo"), "--summary-json summary").current_dir(folder.path()));
    let _guard = Watchdog::over(&child);
    let feeder = feed_endlessly(child.stdin.take().expect("it is piped"), "1\n");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut line).expect("a line");
    assert_eq!(line, "{\"id\":0,\"status\":\"ok\",\"output\":1}\n");
    // The reader above is gone, and with it the reading end of the pipe.
    let mut stderr = String::new();
    child.stderr.take().expect("it is piped").read_to_string(&mut stderr).expect("text");
    let status = child.wait().expect("it can be waited for");
    assert_eq!((status.code(), stderr.as_str()), (Some(OK), ""));
    let summary: Value = serde_json::from_str(&read(folder.path().join("summary"))).expect("JSON");
    assert_eq!((&summary["stopped"], &summary["unread"]), (&json!("closed output"), &json!(true)));
    feeder.join().expect("the feeder ends with the run");
}

#[test]
fn c72_nobody_reading_is_no_error() {
    let echo = wat("echo");
    let echo = echo.to_str().expect("a name");
    for args in [
        &["completions", "bash"][..],
        &["man"],
        &["inspect", echo],
        &["inspect", "--json", echo],
        &["--help"],
        &["--version"],
        &["run", "-q", "--once", echo],
    ] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut child = wpool().args(args).stdout(writer).stderr(Stdio::piped()).spawn().expect("a start");
        let _guard = Watchdog::over(&child);
        let mut stderr = String::new();
        child.stderr.take().expect("it is piped").read_to_string(&mut stderr).expect("text");
        let code = child.wait().expect("it can be waited for").code();
        assert_eq!((code, stderr.as_str()), (Some(OK), ""), "{args:?}");
    }
}
