//! Hints: what rows look like that are not JSON, and what a program misses that opens files.

use super::*;

fn hints(ran: &Ran) -> Vec<&str> {
    ran.stderr.lines().filter(|line| line.starts_with("wpool: hint: ")).collect()
}

fn utf16(text: &str) -> Vec<u8> {
    [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect()
}

#[test]
fn rows_that_are_no_lines_of_json_are_named_once_with_what_reads_them() {
    let desk = Desk::new();
    let cases: [(&str, Vec<u8>, &[&str]); 15] = [
        (
            "pretty.json",
            b"{\n  \"a\": 1\n}\n{\n  \"a\": 2\n}\n".into(),
            &["several lines", "`jq -c . pretty.json | wpool …`"],
        ),
        ("array.json", b"[\n  1,\n  2\n]\n".into(), &["one JSON array", "--json-array makes"]),
        ("objects.json", b"[{\"a\":1},\n{\"a\":2},\n{\"a\":3}]\n".into(), &["one JSON array"]),
        ("commas.json", b"{\"a\":1},\n{\"a\":2},\n{\"a\":3}\n".into(), &["a comma behind each line", "sed"]),
        (
            "table.txt",
            b"name,n\na,1\nb,2\n".into(),
            &["table.txt looks like CSV,", "--csv makes a row of each record", "--lines"],
        ),
        ("tabs.txt", b"name\tn\na\t1\nb\t2\n".into(), &["TSV", "--tsv"]),
        ("semicolons.txt", b"name;n\na;1\nb;2\n".into(), &["semicolons"]),
        ("wide.jsonl", utf16("{\"a\":1}\n{\"a\":2}\n"), &["UTF-16", "iconv -f UTF-16 -t UTF-8 wide.jsonl"]),
        ("latin.jsonl", b"{\"a\":\"\xfcber\"}\n".into(), &["not UTF-8", "iconv -f LATIN1"]),
        ("rows.bz2", b"BZh91AY&SY\xff".into(), &["bzip2", "`bzip2 -dc rows.bz2 | wpool …`"]),
        ("rows.parquet", b"PAR1\x15\x04".into(), &["Parquet", "--files rows.parquet"]),
        ("page.html", b"<!doctype html>\n<p>a</p>\n<p>b</p>\n".into(), &["HTML", "--files page.html"]),
        ("words.txt", b"alpha\nbeta\ngamma\n".into(), &["plain text", "--lines"]),
        ("two words.txt", b"alpha\n".into(), &["'two words.txt' looks like plain text"]),
        ("sequence", b"\x1e{\"a\":1}\n\x1e{\"a\":2}\n".into(), &["sequence of JSON texts", "jq --seq"]),
    ];
    for (name, bytes, needles) in cases {
        desk.write(name, bytes);
        let ran = run(desk.command("run echo.wat").arg(name), "");
        assert_eq!(ran.code, NOT_OK, "{name}: {}", ran.stderr);
        let [hint] = hints(&ran)[..] else { panic!("{name}: one hint, not {}", ran.stderr) };
        assert!(needles.iter().all(|needle| hint.contains(needle)), "{needles:?} in {hint}");
        for args in ["run echo.wat -q", "run echo.wat --lines"] {
            let ran = run(desk.command(args).arg(name), "");
            assert!(hints(&ran).is_empty(), "{args} {name}: {}", ran.stderr);
        }
        // The same before anything runs.
        for command in [desk.command("run echo.wat --strict-input").arg(name), desk.command("check echo.wat").arg(name)]
        {
            let ran = run(command, "");
            assert!(hints(&ran) == [hint] && ran.code == 102, "{name}: {}", ran.stderr);
        }
    }
}

#[test]
fn rows_of_standard_input_get_the_same_hint_without_a_name() {
    let desk = Desk::new();
    let ran = desk.fed("run echo.wat", "{\n\"a\": 1\n}\n");
    let [hint] = hints(&ran)[..] else { panic!("{}", ran.stderr) };
    assert!(hint.contains("standard input looks like JSON that takes several lines"), "{hint}");
    assert!(hint.contains("`… | jq -c . | wpool …`"), "{hint}");
}

#[test]
fn one_row_that_is_an_array_of_all_is_named_when_the_program_can_do_nothing_with_it() {
    let desk = Desk::new();
    let all = "[{\"n\":1},{\"n\":2}]\n";
    let ran = desk.fed("run component-two.wat --call double", all);
    assert!(hints(&ran).len() == 1 && hints(&ran)[0].contains("--json-array"), "{}", ran.stderr);
    assert!(hints(&desk.fed("run echo.wat", all)).is_empty(), "an array is a row like any other");
    assert!(hints(&desk.fed("run component-two.wat --call double", all.repeat(2))).is_empty());
}

#[test]
fn single_rows_that_are_wrong_get_no_hint() {
    let desk = Desk::new();
    for rows in ["{\"bad\n1\n2\n", "1\n{\n2\n", "word\n1\n2\n", "1\nalpha\nbeta\ngamma\n", "", "\n\n"] {
        let ran = desk.fed("run echo.wat", rows);
        assert!(hints(&ran).is_empty(), "{rows:?}: {}", ran.stderr);
    }
}

#[test]
fn a_file_that_was_meant_as_an_argument_of_a_command_is_shown_behind_two_dashes() {
    let desk = Desk::new();
    desk.write("t.py", "import sys\nprint(1)\nsys.exit(0)\n");
    let ran = desk.wpool("run cat.wat --timeout 3s t.py");
    assert!(hints(&ran).len() == 1 && hints(&ran)[0].contains("-- t.py"), "{}", ran.stderr);
    let ran = desk.wpool("run echo.wat t.py");
    assert!(hints(&ran).len() == 1 && !hints(&ran)[0].contains("-- t.py"), "it takes no arguments: {}", ran.stderr);
}

/// A command that says that it cannot open a file, as interpreters do, and exits with 2.
const CANNOT_OPEN: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (data (i32.const 16) "can't open file '//t.py': [Errno 44] No such file or directory\n")
    (func (export "_start")
        (i32.store (i32.const 0) (i32.const 16)) (i32.store (i32.const 4) (i32.const 63))
        (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)))
        (call $exit (i32.const 2))))"#;

#[test]
fn a_program_that_cannot_open_a_file_is_shown_how_a_directory_is_granted() {
    let desk = Desk::new();
    desk.write("python.wat", CANNOT_OPEN);
    let ran = desk.wpool("run python.wat -n -- t.py");
    assert!(hints(&ran).len() == 1 && hints(&ran)[0].contains("--dir HOST"), "{}", ran.stderr);
    let ran = desk.fed("run python.wat", "1\n2\n3\n");
    assert_eq!(hints(&ran).len(), 1, "{}", ran.stderr);
    let ran = desk.wpool("run python.wat -n --dir . -- t.py");
    assert!(hints(&ran).is_empty(), "it has one: {}", ran.stderr);
}
