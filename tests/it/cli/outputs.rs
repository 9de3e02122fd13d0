//! Files of records, failed rows and values, and runs that failures stop.

use super::*;

#[test]
fn an_output_file_holds_the_records() {
    let folder = folder();
    write(&folder, "rows", "1\n2\n");
    let expected = run_in(&folder, "echo", "rows").stdout;
    let ran = run_in(&folder, "echo", "-o out rows");
    assert_eq!((ran.code, ran.stdout.as_str()), (OK, ""), "{}", ran.stderr);
    assert_eq!(read(folder.path().join("out")), expected);
}

#[test]
fn overwrite_replaces_an_output_file() {
    let folder = folder();
    write(&folder, "rows", "1\n");
    write(&folder, "out", "something much longer than the record that will stand in its place, and\nmore of it\n");
    let ran = run_in(&folder, "echo", "-o out --overwrite rows");
    assert_eq!(ran.code, OK, "{}", ran.stderr);
    assert_eq!(read(folder.path().join("out")), "{\"id\":0,\"status\":\"ok\",\"output\":1}\n");
}

#[test]
fn c70_an_output_that_cannot_be_written_has_its_own_exit_code() {
    let folder = folder();
    write(&folder, "rows", "1\n");
    for (args, needle) in [
        ("-o /dev/full rows", "/dev/full"),
        ("-o no/such/file rows", "no/such/file"),
        ("--failed no/such/file rows", "no/such/file"),
        ("--failed /dev/full rows", "/dev/full"),
    ] {
        let ran = run_in(&folder, "trap", args);
        assert_eq!(ran.code, CANNOT_WRITE, "{args}: {}", ran.stderr);
        assert!(ran.stderr.contains(needle), "{args}: {}", ran.stderr);
    }
    let full = fs::File::options().write(true).open("/dev/full").expect("Linux has it");
    let output = wpool_run(&wat("echo"), "-n").stdout(full).output().expect("a start");
    assert_eq!(output.status.code(), Some(CANNOT_WRITE));
}

#[test]
fn values_are_bare_and_failures_are_null_and_on_standard_error() {
    let ran = run(&mut wpool_run(&wat("trap-on-bang"), "--values -q"), "[1.0]\n\"!\"\n\n{\"bad\n\"x\"\n");
    assert_eq!(ran.code, NOT_OK);
    assert_eq!(ran.stdout, "[1.0]\nnull\nnull\n\"x\"\n");
    let lines: Vec<_> = ran.stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{}", ran.stderr);
    assert!(lines[0].contains("task 1") && lines[0].contains("<stdin>:2") && lines[0].contains("trap"), "{}", lines[0]);
    assert!(lines[1].contains("task 2") && lines[1].contains("<stdin>:4"), "{}", lines[1]);
    assert!(lines[1].contains("invalid-input"), "{}", lines[1]);
}

#[test]
fn c48_nothing_a_guest_says_reaches_the_terminal_as_it_is() {
    let folder = folder();
    let shout = read(wat("component-refuse")).replace("no thanks", "\\1b[31m\\0a\\0dx");
    let task = write(&folder, "shout.wat", shout);
    let ran = run(&mut wpool_run(&task, "--values"), "1");
    assert_eq!(ran.stdout, "null\n");
    assert!(ran.stderr.contains("[31m") && !ran.stderr.contains(['\u{1b}', '\r']), "{:?}", ran.stderr);
}

#[test]
fn failed_rows_are_kept_byte_for_byte_and_fail_again() {
    let folder = folder();
    let rows = b" \"!a\" \r\n1\n{\"bad\n\xff\xfe\n\"!\xc3\xa9\"\t\n\n!\n2";
    write(&folder, "rows", rows);
    let ran = run_in(&folder, "trap-on-bang", "--failed again rows");
    assert_eq!(ran.code, NOT_OK);
    let kept = fs::read(folder.path().join("again")).expect("the file");
    assert_eq!(kept, b"{\"bad\n\xff\xfe\n\"!\xc3\xa9\"\t\n!\n");
    let rerun = run_in(&folder, "trap-on-bang", "--failed third again");
    let failures = |ran: &Ran| -> Vec<_> {
        let of = |record: &Value| (record["status"].clone(), record["error"]["code"].clone());
        ran.records().iter().filter(|record| record["status"] != "ok").map(of).collect()
    };
    assert_eq!(failures(&ran).len(), 4);
    assert_eq!(failures(&rerun), failures(&ran));
    assert_eq!(fs::read(folder.path().join("third")).expect("the file"), kept);
}

#[test]
fn failed_rows_of_a_run_without_failures_are_an_empty_file() {
    let folder = folder();
    write(&folder, "rows", "1\n2\n");
    write(&folder, "failed", "of the last run\n");
    let ran = run_in(&folder, "echo", "--failed failed rows");
    assert_eq!(ran.code, OK);
    assert_eq!(read(folder.path().join("failed")), "");
}

#[test]
fn max_fail_stops_the_run_and_reads_no_more() {
    let mut child = spawn(&mut wpool_run(&wat("trap"), "--max-fail 3"));
    let _guard = Watchdog::over(&child);
    // There is no end of rows, so only stopping ends this run.
    let feeder = feed_endlessly(child.stdin.take().expect("it is piped"), "1\n");
    let output = child.wait_with_output().expect("it can be waited for");
    feeder.join().expect("the feeder ends with the run");
    assert_eq!(output.status.code(), Some(STOPPED));
    let stdout = String::from_utf8(output.stdout).expect("records");
    let statuses: Vec<Value> =
        stdout.lines().map(|line| serde_json::from_str::<Value>(line).expect("a record")["status"].take()).collect();
    let of = |wanted: &str| statuses.iter().filter(|status| **status == wanted).count();
    assert!(of("trap") >= 3, "{stdout}");
    assert_eq!(of("trap") + of("skipped"), statuses.len(), "{stdout}");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("stopped early"), "{stderr}");
}

#[test]
fn max_fail_that_is_not_reached_changes_nothing() {
    let ran = run(&mut wpool_run(&wat("trap-on-bang"), "--max-fail 3"), "1\n\"!\"\n2\n\"!\"\n3\n");
    assert_eq!((ran.code, ran.each("status")), (NOT_OK, ["ok", "trap", "ok", "trap", "ok"].map(Value::from).to_vec()));
}

#[test]
fn a_run_writes_nothing_beside_its_outputs_and_their_journal() {
    let folder = folder();
    write(&folder, "rows", "1\n");
    run_in(&folder, "echo", "-o out rows");
    let mut names: Vec<_> = fs::read_dir(&folder).expect("it").map(|entry| entry.expect("it").file_name()).collect();
    names.sort();
    assert_eq!(names, ["out", "out.wpool", "rows"]);
}
