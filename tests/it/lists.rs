//! Lists of files: `--files-from`, `--files0-from`, and what `--failed` writes of rows that are files.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use serde_json::json;
use tempfile::TempDir;
use wpool::limits::MAX_INPUT;

use crate::cli::{NO_INPUTS, NOT_OK, OK, SET_UP, USAGE, assert_refused, folder, read, write};
use crate::journal::kept;
use crate::support::{Ran, run, wat, wpool};

fn run_in(folder: &TempDir, guest: &str, args: &[&str], input: impl AsRef<[u8]>) -> Ran {
    let mut command = wpool();
    command.current_dir(folder.path()).env("XDG_STATE_HOME", folder.path().join(".state"));
    run(command.arg("run").arg(wat(guest)).args(args), input)
}

#[test]
fn each_file_of_a_list_is_a_row_in_the_order_of_the_list() {
    let folder = folder();
    for name in ["a", "b c", "-d", "*", "\"q\"", "[e"] {
        write(&folder, name, "1");
    }
    let list = "\u{feff}b c\r\n\n-d\n*\na\na\n[e\n\"\\\"q\\\"\"";
    let expected = ["b c", "./-d", "*", "a", "a", "[e", "\"q\""];
    write(&folder, "list", list);
    assert_eq!(run_in(&folder, "echo", &["--files-from", "list"], "").each("file"), expected);
    assert_eq!(run_in(&folder, "echo", &["--files-from", "-"], list).each("file"), expected);
    let with_nul = "b c\0-d\0*\0a\0\0\"q\"\0";
    let ran = run_in(&folder, "echo", &["--files0-from", "-"], with_nul);
    assert_eq!(ran.each("file"), ["b c", "./-d", "*", "a", "\"q\""]);
    // They are rows as those of --files.
    let ran = run_in(&folder, "args", &["--files-from", "-", "--", "{}", "{stem}"], "./a\n");
    assert_eq!(ran.each("output"), ["args.wat\n./a\na"]);
}

#[test]
fn a_file_of_a_list_that_cannot_be_read_keeps_its_place() {
    let folder = folder();
    write(&folder, "a", "1");
    fs::create_dir(folder.path().join("d")).expect("a folder");
    let ran = run_in(&folder, "echo", &["--files-from", "-"], "missing\na\nd\n");
    assert_eq!(ran.code, NOT_OK);
    assert_eq!(ran.each("file"), ["missing", "a", "d"]);
    assert_eq!(ran.each("status"), ["invalid-input", "ok", "invalid-input"]);
    assert!(ran.stdout.contains("missing: cannot read it") && ran.stdout.contains("d: cannot read it: it is not a"));
}

#[test]
fn a_list_that_makes_no_sense_is_refused() {
    let folder = folder();
    write(&folder, "a", "1");
    for (args, input, code, needle) in [
        (&["--files-from", "-"][..], "", NO_INPUTS, "- lists no files"),
        (&["--files-from", "-"], "a\n\"a\n", USAGE, "line 2 of -"),
        (&["--files-from", "-"], "\"\\x41\"\n", USAGE, "--files0-from"),
        (&["--files-from", "-"], "a\0b\n", USAGE, "holds a NUL"),
        (&["--files-from", "missing"], "", SET_UP, "cannot read missing (--files-from)"),
        (&["--files0-from", "."], "", SET_UP, "cannot read . (--files0-from)"),
        (&["--files-from", "a", "--files", "a"], "", USAGE, "--files"),
        (&["--files-from", "a", "--files0-from", "a"], "", USAGE, "--files0-from"),
        (&["--files-from", "a", "a"], "", USAGE, "--files-from"),
        (&["--files-from", "a", "--lines"], "", USAGE, "--lines"),
        (&["--files-from", "a", "-n"], "", USAGE, "--once"),
        (&["--files-from", "-", "-o", "new"], "a\nnew\n", USAGE, "new is an input"),
    ] {
        assert_refused(&run_in(&folder, "echo", args, input), code, &[needle], &format!("{args:?}"));
    }
}

#[test]
fn whatever_the_names_are_failed_rows_can_be_fed_back() {
    let folder = folder();
    let names: [&[u8]; 9] =
        [b"a", b"b c", b"-d", b"*", b"\"q\"", b"new\nline", b"back\\slash", b"\xc3\xa9", b"bell\x07\\\r"];
    for name in names {
        fs::write(folder.path().join(OsStr::from_bytes(name)), "!").expect("a file");
    }
    write(&folder, "fine", "1");
    let failed = tempfile::NamedTempFile::new().expect("a file");
    let failed = failed.path().to_str().expect("a path");
    let ran = run_in(&folder, "trap-on-bang", &["--files", "*", "--failed", failed], "");
    assert_eq!(ran.code, NOT_OK, "{}", ran.stderr);
    let list = read(failed);
    assert_eq!(list.lines().count(), names.len(), "{list}");
    assert!(list.contains("\"new\\nline\"\n") && list.contains("b c\n"), "{list}");
    let bad: Vec<_> = ran.records().into_iter().filter(|record| record["status"] == "trap").collect();
    let again = run_in(&folder, "trap-on-bang", &["--files-from", failed], "");
    assert_eq!(again.each("file"), bad.iter().map(|record| record["file"].clone()).collect::<Vec<_>>());
    assert_eq!(again.each("status"), vec![json!("trap"); names.len()]);
    // And what fails once more is the same list.
    run_in(&folder, "trap-on-bang", &["--files-from", "-", "--failed", failed], &list);
    assert_eq!(read(failed), list);
}

#[test]
fn a_name_that_is_not_utf_8_is_kept_byte_for_byte() {
    let folder = folder();
    fs::write(folder.path().join(OsStr::from_bytes(b"a\xff\"")), "1").expect("a file");
    let ran = run_in(&folder, "echo", &["--files", "a*", "--failed", "failed"], "");
    assert_eq!((ran.each("status"), ran.each("file")), (vec![json!("invalid-input")], vec![json!("\"a\\377\\\"\"")]));
    assert_eq!(read(folder.path().join("failed")), "\"a\\377\\\"\"\n");
    // It is the same file again.
    let ran = run_in(&folder, "echo", &["--files-from", "failed"], "");
    assert!(ran.stdout.contains("its name is not UTF-8"), "{}", ran.stdout);
}

#[test]
fn a_run_over_a_list_can_be_resumed_and_run_again() {
    let folder = folder();
    for (name, content) in [("a", "1"), ("b", "!"), ("c", "3")] {
        write(&folder, name, content);
    }
    write(&folder, "list", "c\nb\na\n");
    assert_eq!(run_in(&folder, "trap-on-bang", &["--files-from", "list", "-q", "-o", "out"], "").code, NOT_OK);
    assert_eq!(run_in(&folder, "trap-on-bang", &["--files-from", "-", "-q", "-o", "piped"], "b\na\n").code, NOT_OK);
    write(&folder, "b", "2");
    let in_folder = |args: &str| {
        let mut command = wpool();
        command.current_dir(folder.path()).env("XDG_STATE_HOME", folder.path().join(".state"));
        run(command.args(args.split_whitespace()), "")
    };
    let ran = in_folder("rerun out --failed");
    assert!(ran.code == OK && kept(&ran) == 2, "{}", ran.stderr);
    assert_refused(&in_folder("rerun piped --failed"), USAGE, &["standard input, which is gone"], "a list from a pipe");
    let ran = in_folder("rerun piped list --failed");
    assert!(ran.code == OK && kept(&ran) == 1, "{}", ran.stderr);
}

#[test]
fn a_row_that_is_too_long_to_be_kept_is_named() {
    let folder = folder();
    let long = fs::File::create(folder.path().join("rows")).expect("a file");
    long.set_len(MAX_INPUT as u64 + 1).expect("a length");
    let ran = run_in(&folder, "echo", &["rows", "--failed", "failed"], "");
    assert_eq!((ran.code, read(folder.path().join("failed"))), (NOT_OK, String::new()));
    assert!(ran.stderr.contains("--failed cannot keep row 0 (rows:1)"), "{}", ran.stderr);
    let ran = run_in(&folder, "echo", &["--files", "rows", "--failed", "failed"], "");
    assert_eq!((ran.code, read(folder.path().join("failed"))), (NOT_OK, "rows\n".to_owned()), "{}", ran.stderr);
}
