//! Instances that are put back after each task: what a task finds is what it would find in a fresh one.

use std::collections::HashSet;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::*;

/// What becomes of rows in one worker whose instances are compared with fresh ones.
fn verified(task: &Path, args: &str, rows: &str) -> Ran {
    let ran = run(&mut wpool_run(task, &format!("--lines -j 1 --verify-isolation {args}")), rows);
    assert!(!ran.stderr.contains("warning"), "{}: {}", task.display(), ran.stderr);
    ran
}

#[test]
fn a_task_finds_memories_and_globals_as_if_it_were_the_first() {
    for how in ["auto", "reset"] {
        let rows: String =
            (0..200).map(|row| format!("{}\n", "x".repeat(row % 50))).filter(|row| row != "\n").collect();
        let ran = verified(&wat("pages"), &format!("--isolation {how}"), &rows);
        assert_eq!(ran.each("output"), vec![json!("fresh"); rows.lines().count()], "{}", ran.stderr);
    }
    let ran = run(&mut wpool_run(&wat("pages"), "--lines -j 1 --isolation reuse"), "x\nx\n");
    assert_eq!(ran.each("output"), [json!("fresh"), json!("used")], "the program can tell");
}

#[test]
fn a_task_that_writes_more_pages_than_are_put_back_leaves_nothing_either() {
    let (few, many) = ("x".repeat(3), "x".repeat(200));
    let rows: Vec<&str> = (0..300).map(|row| if row % 7 == 3 { &*many } else { &*few }).collect();
    let ran = verified(&wat("pages"), "--isolation reset", &rows.join("\n"));
    assert_eq!(ran.each("output"), vec![json!("fresh"); 300], "{}", ran.stderr);
}

#[test]
fn pages_that_one_task_in_thousands_writes_are_forgotten_again() {
    let (few, many) = ("x", "x".repeat(60));
    let rows: Vec<&str> = (0..12_000).map(|row| if row % 5_000 == 9 { &*many } else { few }).collect();
    let ran = run(&mut wpool_run(&wat("pages"), "--lines -j 1 --isolation reset"), rows.join("\n"));
    assert_eq!(ran.each("output"), vec![json!("fresh"); 12_000], "{}", ran.stderr);
}

#[test]
fn memory_that_a_task_takes_is_gone_for_the_next() {
    let ran = verified(&wat("grow"), "--memory 1MiB --isolation reset", &"1\n".repeat(100));
    assert_eq!(ran.each("output"), vec![json!(16); 100], "{}", ran.stderr);
}

#[test]
fn a_task_after_a_trap_or_a_timeout_finds_a_fresh_instance() {
    let ran = verified(&wat("trap-on-bang"), "--isolation reset", "a\n!\na\n!\n!\na\n");
    assert_eq!(ran.each("status"), ["ok", "trap", "ok", "trap", "trap", "ok"]);
    let ran = verified(&wat("spin-on-bang"), "--isolation reset --timeout 100ms", "a\n!\na\n");
    assert_eq!(ran.each("status"), ["ok", "timeout", "ok"]);
}

#[test]
fn commands_start_again_with_streams_and_arguments_of_their_own() {
    let ran = verified(&wat("cat"), "--isolation reset", "one\ntwo\nthree\n");
    assert_eq!(ran.each("output"), [json!("one"), json!("two"), json!("three")]);
    let numbers = run(&mut wpool_run(&wat("chance"), "-j 1 --isolation reset --verify-isolation"), "1\n2\n3\n");
    let outputs = numbers.each("output");
    let firsts: HashSet<_> = outputs.iter().map(|output| output[0].to_string()).collect();
    assert_eq!(firsts.len(), 3, "each has random numbers of its own: {}", numbers.stdout);
    for output in &outputs {
        // Its monotonic clock began with the task, and not with the worker.
        assert!(output[3].as_u64().is_some_and(|nanos| nanos < 10_000_000_000), "{output}");
    }
}

#[test]
fn an_instance_that_was_told_something_when_it_was_made_is_made_anew() {
    let ran = run(&mut wpool_run(&wat("dice"), "--lines -j 1 --isolation reset"), "x\n".repeat(8));
    let outputs: HashSet<_> = ran.each("output").iter().map(Value::to_string).collect();
    assert!(outputs.len() > 4, "{}", ran.stdout);
}

#[test]
fn a_program_whose_state_is_out_of_reach_gets_fresh_instances_or_a_reason() {
    let ran = verified(&wat("table-swap"), "", "x\nx\nx\n");
    assert_eq!(ran.each("output"), [json!(0), json!(0), json!(0)]);
    for (program, args, why) in [
        (wat("table-swap"), "", "it changes a table"),
        (wat("component-echo"), "", "component"),
        (wat("echo"), "--deterministic", "--deterministic"),
        (wat("init-raw"), "--init-each", "--init-each"),
    ] {
        let ran = run(&mut wpool_run(&program, &format!("--lines --isolation reset {args}")), "x\n");
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        assert!(ran.stderr.contains(why) && ran.stderr.contains("--isolation auto"), "{}", ran.stderr);
    }
}

#[test]
fn fuel_is_what_a_fresh_instance_would_have_used() {
    let fuel = |how: &str| {
        let args = format!("--lines -j 1 --fuel 1000000 --receipts --isolation {how}");
        let ran = run(&mut wpool_run(&wat("pages"), &args), "x\nxx\nx\n");
        ran.each("receipt").into_iter().map(|mut receipt| receipt["fuel"].take()).collect::<Vec<_>>()
    };
    let fresh = fuel("fresh");
    assert!(fresh.iter().all(|fuel| fuel.as_u64().is_some_and(|fuel| fuel > 0)), "{fresh:?}");
    assert_eq!(fuel("reset"), fresh);
}

#[test]
fn what_init_has_frozen_is_what_each_task_finds() {
    let fresh = run(&mut wpool_run(&wat("init-raw"), "-j 1 --isolation fresh"), "1\n2\n3\n");
    let reset = run(&mut wpool_run(&wat("init-raw"), "-j 1 --isolation reset --verify-isolation"), "1\n2\n3\n");
    assert_eq!(reset.each("output"), fresh.each("output"), "{}", reset.stderr);
}

/// Every guest of this repository, small and real, gives the same either way.
#[test]
fn every_guest_gives_what_it_gives_in_fresh_instances() {
    let rows = "1\n\"two\"\n[3]\n4\n";
    let mut guests: Vec<_> =
        std::fs::read_dir(root().join("guest-tasks/wat")).unwrap().map(|entry| entry.unwrap().path()).collect();
    guests.sort();
    let mut resettable = 0;
    for guest in guests {
        let name = guest.file_stem().unwrap().to_string_lossy().into_owned();
        // What these give depends on chance, time or the processor.
        if ["chance", "component-chance", "dice", "flaky", "init-chance", "processor", "storm"].contains(&&*name) {
            continue;
        }
        let ran = |how: &str| {
            let args = format!("-j 1 --timeout 200ms --memory 16MiB --max-output 1MiB --isolation {how}");
            run(&mut wpool_run(&guest, &args), rows)
        };
        let reset = ran("reset --verify-isolation");
        if reset.code == 2 {
            continue;
        }
        resettable += 1;
        let fresh = ran("fresh");
        assert_eq!(reset.stdout, fresh.stdout, "{name}: {}", reset.stderr);
        assert_eq!(reset.code, fresh.code, "{name}: {}", reset.stderr);
        assert!(!reset.stderr.contains("is not what a fresh one is"), "{name}: {}", reset.stderr);
    }
    assert!(resettable > 20, "{resettable}");
}
