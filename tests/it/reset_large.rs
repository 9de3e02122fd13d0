//! Instances of large programs that are put back: thousands of globals, tens of megabytes of data, and tasks that write
//! thousands of pages.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::reset::{makers, verified};
use crate::support::*;

/// A module whose `run` says whether its globals and its data are as in a new instance, and then changes all of them.
/// `size` bytes of data stand from 65 536 on, some of them in each page.
fn large(globals: usize, size: usize) -> String {
    let mut text = format!("(memory (export \"memory\") {})\n", 2 + size / 65_536);
    text.push_str("(data (i32.const 16) \"freshused\")\n");
    (0..globals).for_each(|number| writeln!(text, "(global $g{number} (mut i32) (i32.const {number}))").unwrap());
    let data = "x".repeat(64 << 10);
    (0..size >> 16).for_each(|part| writeln!(text, "(data (i32.const {}) \"{data}\")", 65_536 * (part + 1)).unwrap());
    text.push_str("(func (export \"alloc\") (param i32) (result i32) (i32.const 1024))\n");
    text.push_str("(func (export \"run\") (param i32 i32) (result i64) (local $used i32) (local $at i32)\n");
    for number in 0..globals {
        writeln!(
            text,
            "(local.set $used (i32.or (local.get $used) (i32.ne (global.get $g{number}) (i32.const {number}))))
             (global.set $g{number} (i32.const -1))"
        )
        .unwrap();
    }
    writeln!(
        text,
        "(local.set $at (i32.const 65536))
         (block $done (loop $next
            (br_if $done (i32.ge_u (local.get $at) (i32.const {})))
            (local.set $used (i32.or (local.get $used) (i32.ne (i32.load8_u (local.get $at)) (i32.const 120))))
            (i32.store8 (local.get $at) (i32.const 1))
            (local.set $at (i32.add (local.get $at) (i32.const 4096)))
            (br $next)))
         (if (result i64) (local.get $used) (then (i64.const 0x1500000004)) (else (i64.const 0x1000000005))))",
        65_536 + size
    )
    .unwrap();
    format!("(module {text})")
}

fn written(name: &str, text: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.wat"));
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn thousands_of_globals_and_megabytes_of_data_are_put_back() {
    let core = large(4_096, 12 << 20);
    // The same as a component, whose globals are reached by functions that the compiler adds.
    let lift = |text: &str| {
        let (head, run) = text.split_at(text.find("(func (export \"run\")").unwrap());
        let run = run.replace("(i64.const 0x1500000004)", "(i64.const 21)");
        let run = run.replace("(i64.const 0x1000000005)", "(i64.const 16)");
        let run = run.replace("(func (export \"run\")", "(func $run");
        format!(
            "(component (core module $m {} {run}
               (func (export \"realloc\") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
               (func (export \"check\") (result i32) (i32.wrap_i64 (call $run (i32.const 0) (i32.const 0)))))
             (core instance $i (instantiate $m))
             (func (export \"check\") (result u32) (canon lift (core func $i \"check\"))))",
            head.trim_start_matches("(module"),
        )
    };
    for (name, text, outputs) in
        [("core", core.clone(), json!("fresh")), ("component", lift(core.trim_end_matches(')')), json!(16))]
    {
        let program = written(&format!("large-{name}"), &text);
        let ran = verified(&program, "--lines --isolation reset", "a\nb\nc\n");
        assert_eq!(ran.each("output"), vec![outputs; 3], "{name}: {}", ran.stderr);
        assert_eq!(makers(&ran), [0], "{name}: one instance serves all");
    }
}

#[test]
fn a_program_of_more_globals_than_are_put_back_has_fresh_instances() {
    let program = written("large-too", &large(4_097, 0));
    let ran = run(&mut wpool_run(&program, "--lines --isolation reset"), "a\n");
    assert!(ran.code == 2 && ran.stderr.contains("more than 4096 mutable globals"), "{}", ran.stderr);
}

/// As [`verified`], but only the program itself looks for what its predecessors have left: comparing its 256 MiB takes a
/// while.
fn unverified(rows: &str) -> Ran {
    run(&mut wpool_run(&wat("scatter"), "--lines -j 1 --receipts --isolation reset"), rows)
}

#[test]
fn thousands_of_written_pages_are_put_back() {
    // How many pages, and how far one is from the next.
    let rows = ["20000 1", "5000 3", "1 1", "20000 1", "30000 2", "100 7", "100 7", "5000 1"];
    let ran = verified(&wat("scatter"), "--lines --isolation reset", &rows.join("\n"));
    assert_eq!(ran.each("output"), vec![json!("fresh"); 8], "{}", ran.stderr);
}

#[test]
fn a_task_that_writes_more_pages_than_are_put_back_leaves_nothing_either() {
    let rows: Vec<&str> = (0..40).map(|row| if row % 9 == 3 { "33000 1" } else { "256 1" }).collect();
    let ran = unverified(&rows.join("\n"));
    assert_eq!(ran.each("output"), vec![json!("fresh"); 40], "{}", ran.stderr);
    let after: Vec<usize> = (0..40).filter(|row| *row == 0 || row % 9 == 4).collect();
    assert_eq!(makers(&ran), after, "an instance is made after each task that wrote too much");
}

#[test]
fn pages_that_are_written_no_longer_cost_nothing_after_a_while() {
    // Each task writes other pages than the one before, and thousands of them in all.
    let rows: Vec<String> = (0..400).map(|row| format!("{} {}", 20 + row % 7 * 40, 1 + row % 13)).collect();
    let ran = unverified(&rows.join("\n"));
    assert_eq!(ran.each("output"), vec![json!("fresh"); 400], "{}", ran.stderr);
    assert_eq!(makers(&ran), [0]);
}
