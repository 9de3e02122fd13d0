//! The command line as users meet it: rows in, records and files out, exit codes, and what it says to people.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Live, Ran, Watchdog, feed_endlessly, guest, run, run_rows, spawn, wat, wpool, wpool_run};

/// Exit codes of the public table.
pub const OK: i32 = 0;
pub const USAGE: i32 = 2;
pub const NO_INPUTS: i32 = 4;
pub const SET_UP: i32 = 96;
pub const NOT_OK: i32 = 100;
pub const REFUSED: i32 = 101;
pub const STOPPED: i32 = 103;
pub const CANNOT_WRITE: i32 = 110;

pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

pub fn write(folder: &tempfile::TempDir, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, content).expect("a file");
    path
}

pub fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path).expect("a file of text")
}

/// `wpool run` of a guest in a folder, so that arguments and messages hold short names.
fn run_in(folder: &tempfile::TempDir, task: &str, args: &str) -> Ran {
    run(wpool_run(&wat(task), args).current_dir(folder.path()), "")
}

/// A run that ended with a message, before it gave a record.
pub fn assert_refused(ran: &Ran, code: i32, needles: &[&str], what: &str) {
    assert_eq!(ran.code, code, "{what}: {}", ran.stderr);
    assert_eq!(ran.stdout, "", "{what}");
    for needle in needles {
        assert!(ran.stderr.contains(needle), "{what}: no {needle:?} in {}", ran.stderr);
    }
}

// Programs

#[test]
fn c16_a_program_that_cannot_be_read_is_a_failed_set_up() {
    let folder = folder();
    let fifo = folder.path().join("fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).expect("a pipe");
    let nothing_to_read = "cannot read the program";
    for (path, why) in [
        (&*folder.path().join("missing.wasm"), nothing_to_read),
        (Path::new("/dev/zero"), nothing_to_read),
        (&fifo, nothing_to_read),
        (folder.path(), "is not a task that wpool can build"),
    ] {
        let name = path.to_str().expect("a name");
        assert_refused(&run_rows(&[name], "1"), SET_UP, &[why, name], name);
        assert_refused(&run(wpool().arg("inspect").arg(path), ""), SET_UP, &[why, name], name);
    }
}

#[test]
fn c08_c09_c11_a_guest_that_wpool_cannot_run_is_refused_with_the_reason() {
    let looked_for = ["looked for", "_start", "`run: func(i32, i32) -> (i64)`", "memory", "alloc", "add: func"];
    for (task, needles) in [
        (wat("no-convention"), &looked_for[..]),
        (wat("unknown-import"), &["env", "mystery"]),
        (wat("huge-memory"), &["1250 MiB", "512 MiB", "--memory"]),
    ] {
        assert_refused(&run(&mut wpool_run(&task, ""), "1"), REFUSED, needles, "run");
    }
    let small = run(&mut wpool_run(&wat("echo"), "--memory 1KiB"), "1");
    assert_refused(&small, REFUSED, &["64 KiB", "1 KiB"], "a small limit");
    let ran = run(&mut wpool_run(&wat("huge-memory"), "--memory 1250MiB"), "1");
    assert_eq!((ran.code, ran.each("status")), (OK, vec![json!("ok")]), "{}", ran.stderr);
}

#[test]
fn c01_c02_c03_a_file_that_is_no_program_is_refused() {
    let folder = folder();
    // Bytes that are no module and no text, the same in every run.
    let noise: Vec<u8> = (0..2000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8 | 0x80).collect();
    let module = fs::read(guest("word-count")).expect("a module");
    let flipped: Vec<u8> = module.iter().enumerate().map(|(at, byte)| byte ^ u8::from(at % 64 == 63)).collect();
    for (name, content, needle) in [
        ("empty", &b""[..], "empty"),
        ("noise", &noise, "not WebAssembly"),
        ("magic", b"\0asm", "unexpected end"),
        ("header", b"\0asm\x01\0", "offset 0x4"),
        ("picture", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not WebAssembly (it begins with 89 50 4e 47"),
        ("nothing", b"\0asm\x01\0\0\0", "no exports"),
        ("future", b"\0asm\x63\0\0\0", "version"),
        ("half", &module[..module.len() / 2], "unexpected end"),
        ("flipped", &flipped, ""),
        ("prose", b"this is no program\n", "not WebAssembly"),
    ] {
        let path = write(&folder, name, content);
        let ran = run(&mut wpool_run(&path, ""), "1");
        assert_refused(&ran, REFUSED, &[&format!("{name}: "), needle], name);
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    }
}

#[test]
fn c03_machine_code_is_refused() {
    let ran = run(&mut wpool_run(Path::new(env!("CARGO_BIN_EXE_wpool")), ""), "1");
    assert_refused(&ran, REFUSED, &["not WebAssembly (it begins with 7f 45 4c 46"], "an ELF file");
}

#[test]
fn c05_a_mistake_in_webassembly_text_is_shown_in_its_place() {
    let folder = folder();
    let path = write(&folder, "typo.wat", "(module\n  (func (oops))\n)\n");
    assert_refused(&run(&mut wpool_run(&path, ""), "1"), REFUSED, &["typo.wat", "2:10", "(func (oops))"], "a typo");
}

#[test]
fn a_refused_program_leaves_an_existing_output_alone() {
    let folder = folder();
    write(&folder, "out", "precious");
    let ran = run_in(&folder, "no-convention", "--once --overwrite -o out");
    assert_refused(&ran, REFUSED, &[], "refused");
    assert_eq!(read(folder.path().join("out")), "precious");
    run_in(&folder, "no-convention", "--once -o new");
    assert!(!folder.path().join("new").exists());
}

// Usage

#[test]
fn c31_c32_what_makes_no_sense_is_refused_before_anything_runs() {
    let folder = folder();
    write(&folder, "rows", "1\n");
    write(&folder, "out", "precious");
    for (args, needle) in [
        ("--nope", "--nope"),
        ("-j 0 rows", "1 or more"),
        ("-j 100000 rows", "1024"),
        ("-j many rows", "--jobs"),
        ("--timeout 0 rows", "--timeout"),
        ("--timeout -1s rows", "-1"),
        ("--timeout=-1s rows", "--timeout"),
        ("--timeout soon rows", "200ms"),
        ("--timeout 99999999999999999999h rows", "--timeout"),
        ("--memory 0 rows", "--memory"),
        ("--memory 5GiB rows", "4 GiB"),
        ("--memory lots rows", "64KiB"),
        ("--max-output 0 rows", "--max-output"),
        ("--max-output 2GiB rows", "1024 MiB"),
        ("--chunksize 0 rows", "--chunksize"),
        ("--max-fail 0 rows", "--max-fail"),
        ("--crash-limit 0 rows", "--crash-limit"),
        ("--max-fail 10% rows", "--halt soon,fail=10%"),
        ("--halt now,fail=101% rows", "1% to 100%"),
        ("--retries -1 rows", "-1"),
        ("-o out rows", "--overwrite"),
        ("-o . rows", "directory"),
        ("--overwrite rows", "--output"),
        ("--once rows", "--once"),
        ("--once --lines", "--once"),
        ("--values --receipts rows", "--receipts"),
        ("-q -v rows", "--verbose"),
        ("- rows -", "only once"),
        ("--env WPOOL_TEST_NO_SUCH_VARIABLE rows", "WPOOL_TEST_NO_SUCH_VARIABLE"),
        ("--env =value rows", "name"),
        ("--dir ::/guest rows", "HOST[::GUEST][:ro|:rw]"),
    ] {
        assert_refused(&run_in(&folder, "echo", args), USAGE, &[needle], args);
        assert_eq!(read(folder.path().join("out")), "precious", "{args}");
    }
    for args in [&["run"][..], &[], &["nope"], &["completions", "nope"]] {
        assert_refused(&run(wpool().args(args), ""), USAGE, &["--help"], &args.join(" "));
    }
}

#[test]
fn c19_inputs_and_grants_that_are_not_there_are_a_failed_set_up() {
    let folder = folder();
    write(&folder, "rows", "1\n");
    for (args, needle) in [
        ("missing", "missing"),
        ("rows missing", "missing"),
        (".", "directory"),
        ("--dir missing rows", "missing"),
        ("--dir rows rows", "rows"),
    ] {
        assert_refused(&run_in(&folder, "cat", args), SET_UP, &[needle], args);
    }
}

#[test]
fn c32_an_output_never_destroys_an_input() {
    let folder = folder();
    let rows = write(&folder, "rows", "1\n");
    fs::hard_link(&rows, folder.path().join("hard")).expect("a link");
    std::os::unix::fs::symlink("rows", folder.path().join("soft")).expect("a link");
    for args in [
        "-o rows rows",
        "-o rows --overwrite rows",
        "-o soft --overwrite rows",
        "-o hard --overwrite rows",
        "--failed rows rows",
        "--failed soft rows",
        "--failed hard rows",
    ] {
        assert_refused(&run_in(&folder, "trap", args), USAGE, &[], args);
        assert_eq!(read(&rows), "1\n", "{args}");
    }
}

#[test]
fn records_and_failed_rows_go_to_different_files() {
    let folder = folder();
    write(&folder, "rows", "1\n");
    for args in ["-o same --failed same rows", "-o same --failed ./same rows", "-o ./same --failed same rows"] {
        assert_refused(&run_in(&folder, "trap", args), USAGE, &["same"], args);
    }
}

#[test]
fn a_message_says_its_cause_once() {
    let folder = folder();
    let (missing, echo) = (folder.path().join("missing.wasm"), wat("echo"));
    for (task, args) in [(missing.as_path(), ""), (Path::new("/dev/zero"), ""), (&echo, "-n -o no/such/file")] {
        let ran = run(wpool_run(task, args).current_dir(folder.path()), "");
        let cause = ran.stderr.trim_end().rsplit(": ").next().expect("a message");
        assert_eq!(ran.stderr.matches(cause).count(), 1, "{}", ran.stderr);
    }
}

// Rows

#[test]
fn c20_c30_without_rows_there_is_nothing_to_do() {
    let folder = folder();
    write(&folder, "empty", "");
    write(&folder, "blank", "\n   \n\t\n\r\n\n");
    for args in ["empty", "blank", "empty blank", "", "-", "/dev/null", "--lines blank"] {
        let ran = run_in(&folder, "echo", args);
        assert_eq!((ran.code, ran.stdout.as_str()), (NO_INPUTS, ""), "{args}: {}", ran.stderr);
    }
    let output = wpool_run(&wat("echo"), "-q").stdin(Stdio::null()).output().expect("a start");
    assert_eq!((output.status.code(), output.stdout, output.stderr), (Some(NO_INPUTS), vec![], vec![]));
}

#[test]
fn c21_c22_a_row_is_a_line_without_its_end() {
    for rows in [
        "1\n\"two\"\n3\n",
        "1\n\"two\"\n3",
        "1\r\n\"two\"\r\n3\r\n",
        "\u{feff}1\n\n\"two\"\n  \n3",
        "1\n\n\n\"two\"\n\r\n3\n\n",
    ] {
        let ran = run_rows(&[wat("echo").to_str().expect("a name"), "--values"], rows);
        assert_eq!((ran.code, ran.stdout.as_str()), (OK, "1\n\"two\"\n3\n"), "{rows:?}");
    }
}

#[test]
fn the_program_gets_the_row_as_it_is_written() {
    let rows = " {\"a\" :  1.0}\t\n\"\\u0041\"\n";
    let ran = run(&mut wpool_run(&guest("word-count"), "--values"), rows);
    assert_eq!(ran.stdout, "{\"lines\":1,\"words\":3,\"bytes\":14}\n{\"lines\":1,\"words\":1,\"bytes\":8}\n");
}

#[test]
fn c22_c24_files_are_read_in_order_and_messages_name_file_and_line() {
    let folder = folder();
    write(&folder, "a", "1\n\n{\"bad\n2");
    write(&folder, "b", "\u{feff}\r\nnope\r\n3\n");
    let ran = run(wpool_run(&wat("echo"), "a - b a").current_dir(folder.path()), "\n4\n]\n");
    assert_eq!(ran.code, NOT_OK);
    let short = |record: &Value| match record["output"].as_u64() {
        Some(output) => output.to_string(),
        None => {
            record["error"]["message"].as_str().unwrap_or_default().split(": ").next().unwrap_or_default().to_owned()
        }
    };
    let found: Vec<_> = ran.records().iter().map(short).collect();
    assert_eq!(found, ["1", "a:3", "2", "4", "<stdin>:3", "b:2", "3", "1", "a:3", "2"]);
    assert_eq!(ran.each("id"), (0..10).map(|id| json!(id)).collect::<Vec<_>>());
}

#[test]
fn c23_a_row_that_is_not_utf_8_is_invalid_and_the_others_run() {
    for (bad, code) in [(&b"\xff\xfe"[..], "json"), (b"\"\xed\xa0\x80\"", "json"), (b"{\"a\":\"\x80\"}", "json")] {
        let ran = run(&mut wpool_run(&wat("echo"), ""), [b"1\n", bad, b"\n2\n"].concat());
        assert_eq!(ran.code, NOT_OK);
        assert_eq!(ran.each("status"), ["ok", "invalid-input", "ok"]);
        assert_eq!(ran.records()[1]["error"]["code"], code);
    }
}

#[test]
fn lines_may_be_any_text() {
    let rows = b"one\n two  three \n\"four\n{\"five\": 5}\n\xff\n";
    let ran = run(&mut wpool_run(&wat("echo"), "--lines --values"), rows);
    assert_eq!(ran.code, OK, "{}", ran.stderr);
    let expected = "\"one\"\n\" two  three \"\n\"\\\"four\"\n{\"five\": 5}\n{\"base64\":\"/w==\"}\n";
    assert_eq!(ran.stdout, expected);
}

#[test]
fn a_line_that_is_too_long_is_invalid_and_the_next_one_runs() {
    let mut rows = vec![b'1'; 70 << 20];
    rows.extend_from_slice(b"\n7\n");
    let ran = run(&mut wpool_run(&wat("echo"), ""), rows);
    assert_eq!(ran.code, NOT_OK, "{}", ran.stderr);
    assert_eq!(ran.each("status"), ["invalid-input", "ok"]);
    assert_eq!(ran.records()[0]["error"]["code"], "line-too-long");
    assert_eq!(ran.records()[1]["output"], 7);
}

#[test]
fn a_line_may_have_64_mib_and_not_a_byte_more() {
    let longest = "1".repeat(64 << 20);
    let ran = run(&mut wpool_run(&wat("echo"), "--max-output 1KiB"), format!("{longest}1\n{longest}\n{longest}1"));
    // The one in the middle ran, and answered too much.
    assert_eq!(ran.each("status"), ["invalid-input", "output-limit", "invalid-input"], "{}", ran.stderr);
}

// Order and streaming

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

// Outputs

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

// What people see

#[test]
fn the_summary_counts_what_became_of_the_tasks() {
    let rows = "1\n\"!\"\n2\n{\"bad\n3\n";
    let ran = run(&mut wpool_run(&wat("trap-on-bang"), "-j 2"), rows);
    for needle in ["5 tasks", "3 ok", "1 trap", "1 invalid-input", "2 workers"] {
        assert!(ran.stderr.contains(needle), "no {needle:?} in {}", ran.stderr);
    }
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    assert_eq!(run(&mut wpool_run(&wat("trap-on-bang"), "-q"), rows).stderr, "");
}

#[test]
fn verbose_tells_about_workers() {
    let ran = run(&mut wpool_run(&wat("echo"), "-v -j 1"), "1");
    assert!(ran.stderr.contains("worker 0.0 started"), "{}", ran.stderr);
}

/// The long options of `wpool run`.
pub fn options() -> Vec<String> {
    let help = run(wpool().args(["run", "--help"]), "").stdout;
    let words = help.split([' ', ',', ']', '\n']).filter(|word| word.starts_with("--") && word.len() > 2);
    let options: BTreeSet<_> = words.map(str::to_owned).collect();
    options.into_iter().collect()
}

#[test]
fn help_is_grouped_and_says_how_a_run_can_end() {
    let ran = run(wpool().args(["run", "--help"]), "");
    assert_eq!((ran.code, ran.stderr.as_str()), (OK, ""));
    for needle in [
        "Arguments:",
        "Input:",
        "Output:",
        "Limits of a task:",
        "Grants:",
        "Pool:",
        "Errors, retries, stopping:",
        "Messages:",
        "Exit codes:",
        "{.field}",
    ] {
        assert!(ran.stdout.contains(needle), "no {needle:?}");
    }
    let codes = ran.stdout.split("Exit codes:").nth(1).expect("the list");
    for code in [OK, USAGE, NO_INPUTS, 70, SET_UP, NOT_OK, REFUSED, STOPPED, CANNOT_WRITE, 124, 130, 143] {
        assert!(codes.split(|c: char| !c.is_ascii_digit()).any(|word| word == code.to_string()), "no {code}");
    }
    assert!(options().len() > 15, "{:?}", options());
    let short = run(wpool().arg("--help"), "").stdout;
    assert!(["run", "inspect", "completions", "man"].iter().all(|command| short.contains(command)), "{short}");
}

#[test]
fn completions_know_every_option() {
    for (shell, needle) in [("bash", "complete -F _wpool"), ("zsh", "#compdef wpool"), ("fish", "complete -c wpool")] {
        let ran = run(wpool().args(["completions", shell]), "");
        assert_eq!((ran.code, ran.stderr.as_str()), (OK, ""));
        assert!(ran.stdout.contains(needle), "{shell}");
        let spelled =
            |option: &String| ran.stdout.contains(option) || ran.stdout.contains(&format!("-l {}", &option[2..]));
        let missing: Vec<_> = options().into_iter().filter(|option| !spelled(option)).collect();
        assert!(missing.is_empty(), "{shell} lacks {missing:?}");
    }
}

#[test]
fn the_manual_page_has_every_option_and_command() {
    let ran = run(wpool().arg("man"), "");
    assert_eq!((ran.code, ran.stderr.as_str()), (OK, ""));
    let text = ran.stdout.replace('\\', "");
    let missing: Vec<_> = options().into_iter().filter(|option| !text.contains(option.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
    for needle in [".TH wpool 1", "wpool-run", "wpool-inspect", "wpool-completions", ".SH SYNOPSIS"] {
        assert!(text.contains(needle), "no {needle:?}");
    }
}

#[test]
fn inspect_says_what_a_program_is_and_how_it_is_called() {
    for (task, kind, convention, why, import) in [
        (wat("echo"), "core-module", "raw", "`alloc`", None),
        (wat("cat"), "core-module", "command", "_start", Some("wasi_snapshot_preview1.fd_read")),
        (wat("component-echo"), "component", "task", "`run`", None),
        (wat("component-interface"), "component", "task", "wpool:task/task@0.1.0", None),
        (guest("is-prime"), "component", "task", "`run`", Some("wasi:cli/")),
        (wat("huge-memory"), "core-module", "raw", "`run`", None),
    ] {
        let text = run(wpool().arg("inspect").arg(&task), "");
        assert_eq!((text.code, text.stderr.as_str()), (OK, ""), "{}", task.display());
        let needles = [&kind.replace('-', " "), convention, why, import.unwrap_or("none")];
        assert!(needles.iter().all(|needle| text.stdout.contains(needle)), "{needles:?} in {}", text.stdout);
        let ran = run(wpool().arg("inspect").arg("--json").arg(&task), "");
        let [report] = &ran.records()[..] else { panic!("one line of JSON, not {}", ran.stdout) };
        assert_eq!((&report["kind"], &report["convention"]), (&json!(kind), &json!(convention)));
        assert!(report["why"].as_str().is_some_and(|text| text.contains(why)), "{report}");
        let imports = report["imports"].as_array().expect("a list");
        let is = |text: &&Value| text.as_str().zip(import).is_some_and(|(text, import)| text.starts_with(import));
        assert_eq!(imports.iter().any(|text| is(&text)), import.is_some(), "{report}");
        assert_eq!(imports.is_empty(), import.is_none(), "{report}");
    }
}

#[test]
fn inspect_refuses_what_run_refuses() {
    for name in ["no-convention", "unknown-import"] {
        let ran = run(wpool().arg("inspect").arg(wat(name)), "");
        assert_refused(&ran, REFUSED, &[name], name);
    }
}

// The cache

/// A run with a cache of its own.
fn run_cached(home: &Path, args: &str) -> Ran {
    let ran = run(wpool_run(&wat("echo"), args).arg("-q").env("XDG_CACHE_HOME", home), "1");
    assert_eq!((ran.code, ran.stdout.as_str()), (OK, "{\"id\":0,\"status\":\"ok\",\"output\":1}\n"), "{}", ran.stderr);
    ran
}

/// The entries of a cache: paths and inodes.
fn entries(home: &Path) -> Vec<(PathBuf, u64)> {
    let Ok(dir) = fs::read_dir(home.join("wpool")) else { return Vec::new() };
    dir.map(|entry| entry.expect("an entry")).map(|entry| (entry.path(), entry.metadata().expect("it").ino())).collect()
}

#[test]
fn a_program_is_compiled_once() {
    let home = folder();
    // Nothing can be compiled with so little memory, so what runs with it was not compiled.
    let starved = "--compile-memory 1KiB";
    let ran = run(wpool_run(&wat("echo"), starved).env("XDG_CACHE_HOME", home.path()), "1");
    assert_refused(&ran, REFUSED, &["--compile-memory"], "starved");
    assert_eq!(run_cached(home.path(), "").stderr, "");
    let kept = entries(home.path());
    assert_eq!(kept.len(), 1);
    assert_eq!(run_cached(home.path(), starved).stderr, "");
    assert_eq!(entries(home.path()), kept);
}

#[test]
fn the_cache_is_for_its_owner_alone() {
    let home = folder();
    run_cached(home.path(), "");
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&home.path().join("wpool")), 0o700);
    assert_eq!(mode(&entries(home.path())[0].0), 0o600);
}

#[test]
fn c81_a_damaged_cache_entry_is_ignored_with_one_warning_and_replaced() {
    let home = folder();
    run_cached(home.path(), "");
    let entry = entries(home.path())[0].0.clone();
    let whole = fs::read(&entry).expect("the entry");
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    let mut lengthened = whole.clone();
    lengthened.push(0);
    for damaged in [flipped, lengthened, whole[..whole.len() / 2].to_vec(), vec![0; whole.len()], Vec::new()] {
        fs::write(&entry, &damaged).expect("it can be written");
        let stderr = run_cached(home.path(), "").stderr;
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.contains("warning") && stderr.contains(entry.to_str().expect("a name")), "{stderr}");
        assert_eq!(run_cached(home.path(), "").stderr, "");
        assert_eq!(entries(home.path()).len(), 1);
    }
}

#[test]
fn c82_a_cache_that_others_can_write_to_is_not_used() {
    let home = folder();
    let dir = home.path().join("wpool");
    fs::create_dir(&dir).expect("a directory");
    for mode in [0o777, 0o770, 0o702] {
        fs::set_permissions(&dir, fs::Permissions::from_mode(mode)).expect("it is ours");
        let stderr = run_cached(home.path(), "").stderr;
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.contains("warning") && stderr.contains(dir.to_str().expect("a name")), "{stderr}");
        assert_eq!(entries(home.path()), []);
    }
}

#[test]
fn c80_a_cache_that_cannot_be_written_costs_one_warning() {
    let folder = folder();
    // Not a matter of permissions, which do not bind root.
    let home = write(&folder, "home", "a file");
    let stderr = run_cached(&home, "").stderr;
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.contains("warning") && stderr.contains(home.to_str().expect("a name")), "{stderr}");
}

#[test]
fn no_cache_leaves_no_files() {
    let home = folder();
    assert_eq!(run_cached(home.path(), "--no-cache").stderr, "");
    assert_eq!(fs::read_dir(home.path()).expect("a directory").count(), 0);
}

#[test]
fn c80_without_a_home_there_is_no_cache_and_no_word_about_it() {
    let folder = folder();
    let mut command = Command::new(env!("CARGO_BIN_EXE_wpool"));
    command.env_clear().current_dir(folder.path()).args(["run", "-q"]).arg(wat("echo"));
    let ran = run(&mut command, "1");
    assert_eq!((ran.code, ran.stderr.as_str()), (OK, ""));
    assert_eq!(fs::read_dir(folder.path()).expect("a directory").count(), 0);
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
