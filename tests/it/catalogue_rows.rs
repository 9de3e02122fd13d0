//! Hostile rows and streams: endless lines, deep values, closed descriptors.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::{CANNOT_WRITE, NO_INPUTS, NOT_OK, OK, SET_UP, assert_refused, folder, write};
use crate::support::{Ran, Watchdog, run, spawn, wat, wpool_run};

/// Watches how much memory a process takes, without the processes that it starts, until it ends. In KiB.
pub fn peak(child: &Child) -> JoinHandle<u64> {
    let path = format!("/proc/{}/status", child.id());
    thread::spawn(move || {
        let mut most = 0;
        // Of a process that has ended there is no such line.
        while let Some(found) = fs::read_to_string(&path).ok().and_then(|status| high_water(&status)) {
            most = found;
            thread::sleep(Duration::from_millis(2));
        }
        most
    })
}

fn high_water(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().split(' ').next()?.parse().ok()
}

#[test]
fn c25_of_a_line_of_1_gib_only_its_place_is_kept() {
    let mut child = spawn(&mut wpool_run(&wat("echo"), ""));
    let _guard = Watchdog::over(&child);
    let peak = peak(&child);
    let mut stdin = child.stdin.take().expect("it is piped");
    let block = vec![b'1'; 1 << 20];
    (0..1 << 10).for_each(|_| stdin.write_all(&block).expect("it reads"));
    stdin.write_all(b"\n7\n").expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it can be waited for");
    let expected = "{\"id\":0,\"status\":\"invalid-input\",\"error\":{\"code\":\"line-too-long\",\
                    \"message\":\"<stdin>:1: longer than 64 MiB\"}}\n{\"id\":1,\"status\":\"ok\",\"output\":7}\n";
    assert_eq!((output.status.code(), &*String::from_utf8_lossy(&output.stdout)), (Some(NOT_OK), expected));
    let peak = peak.join().expect("it was measured");
    assert!((1..160 << 10).contains(&peak), "{peak} KiB");
}

#[test]
fn c29_ten_million_empty_lines_are_counted_and_not_kept() {
    let folder = folder();
    let mut lines = vec![b'\n'; 10_000_000];
    lines.extend_from_slice(b"7\n{\n");
    write(&folder, "rows", &lines);
    let child = spawn(wpool_run(&wat("echo"), "rows").current_dir(folder.path()));
    let _guard = Watchdog::over(&child);
    let peak = peak(&child);
    let output = child.wait_with_output().expect("it can be waited for");
    let records = String::from_utf8(output.stdout).expect("records");
    assert!(records.starts_with("{\"id\":0,\"status\":\"ok\",\"output\":7}\n"), "{records}");
    assert!(records.contains("rows:10000002: not JSON"), "{records}");
    let peak = peak.join().expect("it was measured");
    assert!((1..64 << 10).contains(&peak), "{peak} KiB");
}

#[test]
fn c26_values_nested_without_end_are_invalid_and_overflow_no_stack() {
    const DEEP: usize = 100_000;
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let rows = [
        nested(DEEP),
        "{\"a\":".repeat(DEEP) + "1" + &"}".repeat(DEEP),
        "[".repeat(DEEP),
        nested(129),
        nested(100),
        "1".to_owned(),
    ]
    .join("\n");
    for guest in ["echo", "component-echo"] {
        let ran = run(&mut wpool_run(&wat(guest), ""), &rows);
        let invalid = "invalid-input";
        assert_eq!(ran.each("status"), [invalid, invalid, invalid, invalid, "ok", "ok"], "{}", ran.stderr);
        assert!(ran.stdout.contains("<stdin>:1: not JSON: nested too deeply in column 130"));
        // What a guest answers may be as deep, and becomes a string then.
        let ran = run(&mut wpool_run(&wat(guest), "--lines"), &rows);
        assert_eq!(ran.each("status"), ["ok"; 6], "{}", ran.stderr);
        assert_eq!(ran.records()[0]["output"], nested(DEEP));
        assert_eq!(ran.records()[3]["output"], nested(129));
        // A record is a level around it, and readers take 127.
        let deepest = nested(126) + "\n";
        assert_eq!(run(&mut wpool_run(&wat(guest), "--values"), &deepest).stdout, deepest);
    }
}

#[test]
fn c27_characters_that_readers_disagree_about_come_back_or_are_invalid() {
    let rows = b"\"a\\u0000b\"\n\"\xe2\x80\xa8\xe2\x80\xa9\"\n\"\\ud83d\\ude00\"\n\"\\ud800\"\n\"a\0b\"\n\0\n\"\\udc00\\ud83d\"\n";
    let ran = run(&mut wpool_run(&wat("echo"), ""), rows);
    let ok = |output: &str| json!({ "status": "ok", "output": output });
    let records = ran.records();
    for (record, expected) in records.iter().zip([ok("a\0b"), ok("\u{2028}\u{2029}"), ok("\u{1f600}")]) {
        assert_eq!((&record["status"], &record["output"]), (&expected["status"], &expected["output"]));
    }
    for (line, record) in (4..).zip(&records[3..]) {
        assert_eq!(record["status"], "invalid-input", "{record}");
        let place = format!("<stdin>:{line}: not JSON: ");
        assert!(record["error"]["message"].as_str().is_some_and(|text| text.starts_with(&place)), "{record}");
    }
    assert_eq!(records.len(), 7);
    // As text they are rows like any other.
    let ran = run(&mut wpool_run(&wat("echo"), "--lines --output-type text"), rows);
    let outputs: Vec<Value> = String::from_utf8_lossy(rows).lines().map(Value::from).collect();
    assert_eq!((ran.code, ran.each("output")), (OK, outputs), "{}", ran.stderr);
}

#[test]
fn c28_a_field_called_id_means_nothing_to_a_run() {
    let rows = "{\"id\":7}\n{\"id\":7}\n{\"id\":\"x\",\"id\":0,\"status\":\"trap\"}\n";
    let ran = run(&mut wpool_run(&wat("echo"), ""), rows);
    assert_eq!((ran.each("id"), ran.each("status")), (vec![json!(0), json!(1), json!(2)], vec![json!("ok"); 3]));
    assert_eq!(run(&mut wpool_run(&wat("echo"), "--values"), rows).stdout, rows);
}

#[test]
fn c19_a_file_that_may_not_be_read_is_a_failed_set_up() {
    let folder = folder();
    let path = write(&folder, "rows", "1\n");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).expect("it is ours");
    let denied = File::open(&path).is_err();
    for (file, needle) in [("rows", "denied"), ("rows/below", "rows/below"), ("missing", "missing")] {
        // Permissions do not bind root.
        if file == "rows" && !denied {
            continue;
        }
        let ran = run(wpool_run(&wat("echo"), file).current_dir(folder.path()), "");
        assert_refused(&ran, SET_UP, &[file, needle], file);
    }
}

/// A run that a shell starts, which can close descriptors.
fn in_shell(redirection: &str, args: &str) -> Ran {
    let wpool = wpool_run(&wat("echo"), args);
    let mut command = Command::new("sh");
    command.args(["-c", &format!("exec \"$0\" \"$@\" {redirection}")]);
    command.arg(wpool.get_program()).args(wpool.get_args());
    command.envs(wpool.get_envs().filter_map(|(name, value)| Some((name, value?))));
    run(&mut command, "1\n")
}

#[test]
fn c30_standard_input_that_is_closed_or_empty_has_no_rows() {
    for redirection in ["<&-", "</dev/null", "0<>/dev/null"] {
        let ran = in_shell(redirection, "");
        assert_eq!((ran.code, ran.stdout.as_str()), (NO_INPUTS, ""), "{redirection}: {}", ran.stderr);
    }
}

#[test]
fn standard_output_that_is_closed_is_an_error_and_nothing_runs() {
    let ran = in_shell(">&-", "");
    assert_refused(&ran, CANNOT_WRITE, &["cannot write standard output: it is closed"], "closed");
    let folder = folder();
    let out = folder.path().join("out");
    for (redirection, args) in [
        ("1<>/dev/null", String::new()),
        (">/dev/null", String::new()),
        ("2>&-", String::new()),
        // Nothing goes there.
        (">&-", format!("-o {}", out.display())),
    ] {
        let ran = in_shell(redirection, &args);
        assert_eq!(ran.code, OK, "{redirection}: {}", ran.stderr);
    }
    assert_eq!(fs::read_to_string(out).expect("it was written"), "{\"id\":0,\"status\":\"ok\",\"output\":1}\n");
    let status = wpool_run(&wat("echo"), "-n -q").stdout(Stdio::null()).status().expect("a start");
    assert_eq!(status.code(), Some(OK));
}
