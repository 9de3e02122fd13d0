//! Records that have their rows, so that both can be joined.

use serde_json::{Value, json};

use super::*;

#[test]
fn a_record_has_its_row_and_a_member_of_it() {
    let desk = Desk::new();
    let rows = "{\"id\": \"a\",\"n\":1}\n{\"n\":\u{1}2}\n[3]\n{\"id\":{\"x\":22222222222222222222222}}\n";
    let ran = desk.fed("run %echo -q --with-input --key .id", rows);
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert_eq!(
        lines[0],
        "{\"id\":0,\"status\":\"ok\",\"output\":{\"id\": \"a\",\"n\":1},\"key\":\"a\",\"input\":{\"id\": \"a\",\"n\":1}}"
    );
    assert_eq!(ran.records()[1]["input"], "{\"n\":\u{1}2}", "a row that is not JSON is a text");
    assert_eq!(ran.each("key"), [json!("a"), Value::Null, Value::Null, ran.records()[3]["input"]["id"].clone()]);
    assert!(lines[3].contains("\"key\":{\"x\":22222222222222222222222}"), "every digit stays: {}", lines[3]);
    let ran = desk.fed("run %echo -q --with-input --lines", "12\n\u{9b}\n");
    assert_eq!(ran.each("input"), ["12", "\u{9b}"]);
    assert!(!ran.stdout.contains('\u{9b}'), "a row has no effect on a terminal either");
    let ran = desk.fed("run %echo -q --csv --key .id --receipts", "id,n\n007,1\n");
    assert_eq!(ran.each("key"), ["007"]);
}

#[test]
fn records_of_several_files_have_their_places() {
    let desk = Desk::new();
    desk.write("a.jsonl", "1\n\n2\n");
    desk.write("b.jsonl", "x\n3\n");
    let ran = desk.run("run %echo a.jsonl b.jsonl -q --with-input");
    assert_eq!(ran.each("file"), ["a.jsonl", "a.jsonl", "b.jsonl", "b.jsonl"]);
    assert_eq!(ran.each("line"), [1, 3, 1, 2]);
    assert!(ran.stdout.starts_with("{\"id\":0,\"file\":\"a.jsonl\",\"line\":1,\"status\":\"ok\","), "{}", ran.stdout);
    desk.write("a.json", "[1,2]");
    desk.write("b.json", "[3]");
    let ran = desk.ends("run %echo --json-array a.json b.json -q --with-input", OK);
    assert_eq!(ran.each("element"), [0, 1, 0]);
    assert_eq!(
        desk.run("run %echo a.jsonl -q --with-input").each("file"),
        [Value::Null, Value::Null],
        "of one file there is none"
    );
    assert_eq!(desk.run("run %echo a.jsonl a.jsonl -q").each("file"), vec![Value::Null; 4], "and none was asked for");
}

#[test]
fn values_can_have_their_rows_too() {
    let desk = Desk::new();
    let ran = desk.fed("run %echo --values --key .id -q", "{\"id\":1}\nx\n");
    assert_eq!(ran.stdout, "{\"output\":{\"id\":1},\"key\":1}\n{\"output\":null,\"key\":null}\n");
}

#[test]
fn what_has_no_members_or_rows_is_refused() {
    let desk = Desk::new();
    desk.write("a", "1\n");
    assert_refused(
        &desk.run("run %echo --files a --with-input"),
        USAGE,
        &["--with-input is for files of rows"],
        "files",
    );
    assert_refused(&desk.run("run %echo a --lines --key .id"), USAGE, &["lines of text have no members"], "lines");
    assert_refused(&desk.run("run %echo a --key id"), USAGE, &["expected a dot"], "a name without a dot");
}

#[test]
fn shards_with_their_rows_are_merged() {
    let desk = Desk::new();
    let rows = |from: u64| (from..from + 60).map(|n| format!("{{\"id\":{n}}}\n")).collect::<String>();
    desk.write("a", rows(0) + "bad\n");
    desk.write("b", rows(60));
    let args = "run %echo a b -q --with-input --key .id";
    let one = desk.ends(args, NOT_OK).stdout;
    for number in 1..=3 {
        let ran = desk.run(&format!("{args} --shard {number}/3 -o part.{number} --failed failed.{number}"));
        assert!([OK, NOT_OK].contains(&ran.code), "{}", ran.stderr);
    }
    desk.ends("merge -q -o all --failed failed part.1 part.2 part.3", NOT_OK);
    assert_eq!(desk.read("all"), one);
    assert_eq!(desk.read("failed"), "bad\n");
}
