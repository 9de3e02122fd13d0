//! Rows that travel together: many plain rows share a block, and reports of an exception name its own row.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use serde_json::Value;
use wpool::bulk::{Cuts, Span, Supply};
use wpool::{Pool, PoolConfig, Program, Status, WorkerCommand};

use crate::cli::{NOT_OK, OK, folder, read, write};
use crate::support::{Ran, block_on, run, run_rows, wat, wpool_run};

/// More than one lease, and more than one block.
const LINES: usize = 40_000;

/// What stands in a line.
#[derive(Clone, Copy, PartialEq)]
enum Line {
    Row,
    Blank,
    NotJson,
}

fn line(number: usize) -> Line {
    match number {
        _ if number.is_multiple_of(7) || (2_000..2_100).contains(&number) => Line::Blank,
        _ if number.is_multiple_of(997) => Line::NotJson,
        _ => Line::Row,
    }
}

/// Lines of all kinds, counted from 1.
fn mixed() -> String {
    let mut text = String::new();
    for number in 1..=LINES {
        let _ = match line(number) {
            Line::Row => writeln!(text, "\"row {number}\""),
            Line::Blank => writeln!(text, "{}", [" \t", "", "\r"][number % 3]),
            Line::NotJson => writeln!(text, "row {number}"),
        };
    }
    text
}

/// What the records over [`mixed`] lines are about: the line, and what a record says of it.
fn told(records: &[Value]) -> Vec<(String, u64)> {
    let told = |record: &Value| {
        let what = record["output"].as_str().or(record["error"]["message"].as_str()).expect("one of both");
        (what.to_owned(), record["id"].as_u64().expect("a number"))
    };
    records.iter().map(told).collect()
}

fn assert_told(told: &[(String, u64)], name: &str) {
    let rows: Vec<usize> = (1..=LINES).filter(|number| line(*number) != Line::Blank).collect();
    assert_eq!(told.len(), rows.len());
    for ((what, id), (position, number)) in told.iter().zip(rows.into_iter().enumerate()) {
        assert_eq!(*id, position as u64);
        match line(number) {
            Line::NotJson => assert!(what.starts_with(&format!("{name}:{number}: ")), "{what} is of line {number}"),
            _ => assert_eq!(*what, format!("row {number}")),
        }
    }
}

fn echo(folder: &Path, args: &str) -> Ran {
    run(wpool_run(&wat("echo"), args).current_dir(folder), "")
}

#[test]
fn blank_lines_and_bad_rows_among_many_shift_no_line_and_no_id() {
    let folder = folder();
    write(&folder, "rows", mixed());
    let ran = echo(folder.path(), "rows -q -j 3");
    assert_eq!(ran.code, NOT_OK, "{}", ran.stderr);
    assert_told(&told(&ran.records()), "rows");
    let mut unordered = told(&echo(folder.path(), "rows -q -j 3 --unordered").records());
    unordered.sort_by_key(|(_, id)| *id);
    assert_told(&unordered, "rows");
}

#[test]
fn lines_of_rows_that_travel_together_are_those_of_rows_that_travel_alone() {
    let folder = folder();
    let mut rows = mixed();
    for odd in ["[1,\u{20}2]\u{20}", "\"\\u00e9\\n\"", "1e999", "\"\u{2028}\"", "\"\""] {
        writeln!(rows, "{odd}").expect("it is a string");
    }
    write(&folder, "rows", &rows);
    for args in ["", "--values", "--lines", "--only ok", "--only failed"] {
        let together = echo(folder.path(), &format!("rows -q {args}"));
        // The rows of a deterministic run are numbered, and so travel alone.
        let alone = echo(folder.path(), &format!("rows -q --deterministic --seed 1 {args}"));
        assert_eq!(together.code, alone.code);
        assert!(together.stdout == alone.stdout, "{args}");
        assert!(!together.stdout.is_empty(), "{args}");
    }
}

#[test]
fn a_row_that_traps_among_many_is_the_only_one_that_is_not_ok() {
    let rows: String = (0..9_000).map(|id| if id % 1_234 == 1_233 { "!\n" } else { "1\n" }).collect();
    let ran = run(&mut wpool_run(&wat("trap-on-bang"), "-q --lines -j 2 --retries 1 --retry-delay 1ms"), rows);
    assert_eq!(ran.code, NOT_OK);
    for (id, record) in ran.records().into_iter().enumerate() {
        let status = if id % 1_234 == 1_233 { "trap" } else { "ok" };
        assert_eq!((record["id"].as_u64(), record["status"].as_str()), (Some(id as u64), Some(status)));
    }
}

#[test]
fn a_run_over_many_rows_goes_on_where_its_journal_ends() {
    let folder = folder();
    write(&folder, "rows", mixed());
    let path = |name: &str| folder.path().join(name);
    echo(folder.path(), "rows -q -o calm --no-journal");
    echo(folder.path(), "rows -q -o out");
    assert!(read(path("out")) == read(path("calm")));
    for keep in 1..=3 {
        // As a power cut leaves it: what the journal does not tell of is done again.
        let journal = path("out.wpool/journal");
        let length = fs::metadata(&journal).expect("there is a journal").len();
        fs::File::options().write(true).open(&journal).and_then(|file| file.set_len(length * keep / 4)).expect("cut");
        let ran = echo(folder.path(), "rows -o out --resume");
        assert_eq!(ran.code, NOT_OK, "{}", ran.stderr);
        assert!(read(path("out")) == read(path("calm")), "{keep} of 4: {}", ran.stderr);
    }
    let again = echo(folder.path(), "rows -o out --resume");
    assert!(again.stderr.contains("kept"), "{}", again.stderr);
}

#[test]
fn rows_over_a_frames_size_travel_among_short_ones() {
    let mut rows = String::new();
    for number in 0..300 {
        let length = if number % 50 == 49 { 200_000 } else { number };
        writeln!(rows, "\"{}\"", "x".repeat(length)).expect("it is a string");
    }
    let ran = run(&mut wpool_run(&wat("echo"), "-q --values -j 2"), &rows);
    assert_eq!(ran.code, OK, "{}", ran.stderr);
    assert!(ran.stdout == rows);
}

/// A span of numbers, with a gap between each two.
fn numbers(rows: std::ops::Range<u64>) -> Span {
    let (mut block, mut cuts) = (String::new(), Cuts::default());
    for number in rows {
        let start = block.len();
        let _ = write!(block, "{number}");
        cuts.push(start..block.len(), number);
        block.push_str("\n\n");
    }
    Span::new(block, cuts)
}

#[test]
fn spans_and_inputs_of_a_stream_keep_their_order_and_their_tags() {
    let config = PoolConfig {
        workers: 2,
        worker: Some(WorkerCommand::at(env!("CARGO_BIN_EXE_wpool"))),
        ..PoolConfig::default()
    };
    let tags = block_on(async {
        let program = Program::read(wat("echo")).expect("a program");
        let pool = Pool::builder(program).config(config).build().await.expect("the pool starts");
        let supply = |at: u64| match at {
            3 | 5 => Supply::from(wpool::Input::new(format!("{}", at * 1_000)).tagged(at * 1_000)),
            _ => Supply::Many(numbers(at * 1_000..at * 1_000 + 1_000)),
        };
        let mut results = pool.map((0..9).map(supply));
        let mut tags = Vec::new();
        while let Some(result) = results.next().await.expect("the pool goes on") {
            assert_eq!((result.outcome.status(), result.receipt.attempts), (Status::Ok, 1));
            assert_eq!(result.outcome.output(), Some(&result.input.bytes));
            assert_eq!(result.input.bytes, result.input.tag.to_string());
            assert_eq!(result.id.0, tags.len() as u64);
            assert!(result.receipt.slot.is_some());
            tags.push(result.input.tag);
        }
        assert_eq!((pool.stats().answers, pool.stats().bytes_in), (7_002, pool.stats().bytes_out));
        tags
    });
    let expected = (0..9_000).filter(|tag| !matches!(tag / 1_000, 3 | 5) || tag % 1_000 == 0);
    assert!(tags.into_iter().eq(expected));
}

#[test]
fn slow_rows_behind_many_fast_ones_are_shared() {
    const FAST: usize = 4_000;
    let rows = "0\n".repeat(FAST) + &"20\n".repeat(15);
    let ran = run_rows(&["-j", "2", "--receipts", wat("sleep").to_str().unwrap()], &rows);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let records = ran.records();
    let workers: BTreeSet<_> =
        records[FAST..].iter().filter_map(|record| record["receipt"]["worker"].as_u64()).collect();
    assert_eq!(workers.len(), 2, "one worker had all of the slow rows: {:?}", &records[FAST..]);
}
