//! Instances that are restored after each task: a task finds the same state as in a fresh instance.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use serde_json::{Value, json};

use crate::support::*;

/// What becomes of rows in one worker whose instances are compared with fresh ones.
pub fn verified(task: &Path, args: &str, rows: &str) -> Ran {
    let ran = run(&mut wpool_run(task, &format!("-j 1 --receipts --verify-isolation {args}")), rows);
    assert!(!ran.stderr.contains("warning") && ran.code != 2, "{}: {}", task.display(), ran.stderr);
    ran
}

/// Tasks for which an instance was made, by their place: it takes them a while to start.
pub fn makers(ran: &Ran) -> Vec<usize> {
    let started = |receipt: &Value| receipt["start_us"].as_u64().is_none_or(|micros| micros > 0);
    ran.each("receipt").iter().enumerate().filter(|(_, receipt)| started(receipt)).map(|(at, _)| at).collect()
}

#[test]
fn one_instance_serves_all_tasks_that_end_by_themselves() {
    for (program, rows) in
        [("pages", "x\nxx\nx\nxxx\n"), ("grow", "1\n1\n1\n1\n"), ("cat", "a\nb\nc\nd\n"), ("exit-code", "0\n3\n0\n1\n")]
    {
        let ran = verified(&wat(program), "--lines --memory 4MiB --isolation auto", rows);
        assert_eq!(makers(&ran), [0], "{program}: {}", ran.stdout);
    }
    let ran = verified(&wat("trap-on-bang"), "--lines --isolation auto", "a\na\n!\na\na\n");
    assert_eq!(makers(&ran), [0, 3], "what has trapped is not put back: {}", ran.stdout);
}

#[test]
fn a_task_finds_memories_and_globals_as_if_it_were_the_first() {
    for how in ["auto", "reset"] {
        let rows: String =
            (0..200).map(|row| format!("{}\n", "x".repeat(row % 50))).filter(|row| row != "\n").collect();
        let ran = verified(&wat("pages"), &format!("--lines --isolation {how}"), &rows);
        assert_eq!(ran.each("output"), vec![json!("fresh"); rows.lines().count()], "{}", ran.stderr);
    }
    let ran = run(&mut wpool_run(&wat("pages"), "--lines -j 1 --isolation reuse"), "x\nx\n");
    assert_eq!(ran.each("output"), [json!("fresh"), json!("used")], "the program can tell");
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
    let ran = verified(&wat("grow"), "--lines --memory 1MiB --isolation reset", &"1\n".repeat(100));
    assert_eq!(ran.each("output"), vec![json!(16); 100], "{}", ran.stderr);
}

#[test]
fn a_task_after_a_trap_or_a_timeout_finds_a_fresh_instance() {
    let ran = verified(&wat("trap-on-bang"), "--lines --isolation reset", "a\n!\na\n!\n!\na\n");
    assert_eq!(ran.each("status"), ["ok", "trap", "ok", "trap", "trap", "ok"]);
    let ran = verified(&wat("spin-on-bang"), "--lines --isolation reset --timeout 100ms", "a\n!\na\n");
    assert_eq!(ran.each("status"), ["ok", "timeout", "ok"]);
}

#[test]
fn commands_start_again_with_streams_and_arguments_of_their_own() {
    let ran = verified(&wat("cat"), "--lines --isolation reset", "one\ntwo\nthree\n");
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
    let ran = run(&mut wpool_run(&wat("table-swap"), "--lines -j 1 --verify-isolation"), "x\nx\nx\n");
    assert_eq!(ran.each("output"), [json!(0), json!(0), json!(0)]);
    assert!(ran.stderr.contains("no isolation to verify") && ran.stderr.contains("changes a table"), "{}", ran.stderr);
    for (program, args, why) in [
        (wat("table-swap"), "", "it changes a table"),
        (guest("typed"), "", "it has resources of its own"),
        (guest("shared-state"), "--state --call shared.square", "tasks share state"),
        (wat("init-raw"), "--init-each --fuel 1000", "`init` is to run in each instance"),
        (wat("init-raw"), "--init-each", "`init` is to run in each instance"),
    ] {
        let ran = run(&mut wpool_run(&program, &format!("--lines --isolation reset {args}")), "x\n");
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        assert!(ran.stderr.contains(why) && ran.stderr.contains("with automatic isolation"), "{}", ran.stderr);
    }
}

#[test]
fn what_init_has_frozen_is_what_each_task_finds() {
    let fresh = run(&mut wpool_run(&wat("init-raw"), "-j 1 --isolation fresh"), "1\n2\n3\n");
    let reset = run(&mut wpool_run(&wat("init-raw"), "-j 1 --isolation reset --verify-isolation"), "1\n2\n3\n");
    assert_eq!(reset.each("output"), fresh.each("output"), "{}", reset.stderr);
}

/// What becomes of rows in a small guest, one worker after the other.
fn ends(guest: &Path, how: &str) -> Ran {
    let args = format!("-j 1 --timeout 100ms --memory 16MiB --max-output 1MiB --isolation {how}");
    run(&mut wpool_run(guest, &args), "1\n\"two\"\n[3]\n")
}

/// Whether a guest's instances can be put back; it then gives what it gives in fresh ones.
fn is_the_same(guest: &Path) -> bool {
    let (name, reset) = (guest.display(), ends(guest, "reset --verify-isolation"));
    if reset.code == 2 {
        return false;
    }
    let fresh = ends(guest, "fresh");
    assert_eq!(reset.stdout, fresh.stdout, "{name}: {}", reset.stderr);
    assert_eq!(reset.code, fresh.code, "{name}: {}", reset.stderr);
    assert!(!reset.stderr.contains("differs from a fresh one"), "{name}: {}", reset.stderr);
    true
}

#[test]
fn every_small_guest_gives_what_it_gives_in_fresh_instances() {
    // What these give depends on chance, time or the processor; one takes a minute to be refused.
    const OTHERS: [&str; 12] = [
        "chance",
        "component-chance",
        "component-dice",
        "component-luck",
        "dice",
        "flaky",
        "flood-numbers",
        "init-chance",
        "init-component",
        "init-spin",
        "processor",
        "storm",
    ];
    let guests = std::fs::read_dir(root().join("guest-tasks/wat")).unwrap().map(|entry| entry.unwrap().path());
    let is_one = |guest: &PathBuf| {
        let name = guest.file_stem().unwrap().to_string_lossy().into_owned();
        !OTHERS.contains(&&*name)
    };
    let left = Mutex::new(guests.filter(is_one).collect::<Vec<_>>());
    let take = || left.lock().unwrap().pop();
    let some = || std::iter::from_fn(take).filter(|guest| is_the_same(guest)).count();
    let resettable: usize = thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(some)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert!(resettable > 20, "{resettable}");
}
