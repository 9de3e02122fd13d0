//! Components whose instances are restored after each task, like core modules in `reset.rs`, and components that need a
//! fresh instance.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::reset::{makers, verified};
use crate::support::*;

#[test]
fn one_instance_serves_all_tasks_of_a_component_that_return() {
    for (program, args, rows) in [
        (wat("component-pages"), "--lines", "x\nxx\nx\nxxx\n"),
        (wat("component-echo"), "--lines", "a\nb\nc\nd\n"),
        (wat("component-refuse"), "--lines", "a\nb\nc\nd\n"),
        (wat("component-luck"), "", "1\n2\n3\n4\n"),
        (guest("largest-prime-factor"), "", "2\n97\n1001\n600851475143\n"),
        (guest("sum-of-squares"), "", "0\n1\n10\nnull\n"),
        (guest("spelling"), "", "\"one two\"\n[]\n\"thre\"\n\"one two\"\n"),
    ] {
        let ran = verified(&program, args, rows);
        assert_eq!(makers(&ran), [0], "{}: {}", program.display(), ran.stdout);
    }
}

#[test]
fn a_task_finds_every_module_of_a_component_as_if_it_were_the_first() {
    for how in ["auto", "reset"] {
        let rows: String = (0..200).map(|row| format!("{}\n", "x".repeat(1 + row % 50))).collect();
        let ran = verified(&wat("component-pages"), &format!("--lines --isolation {how}"), &rows);
        assert_eq!(ran.each("output"), vec![json!("fresh"); 200], "{}", ran.stderr);
        assert_eq!(makers(&ran), [0]);
    }
    let ran = run(&mut wpool_run(&wat("component-pages"), "--lines -j 1 --isolation reuse"), "x\nx\n");
    assert_eq!(ran.each("output"), [json!("fresh"), json!("used")], "the program can tell");
}

#[test]
fn a_component_that_has_trapped_is_made_anew() {
    let ran = verified(&wat("component-pages"), "--lines --isolation reset", "x\n!\nx\n!\n!\nx\nx\n");
    assert_eq!(ran.each("status"), ["ok", "trap", "ok", "trap", "trap", "ok", "ok"]);
    let outputs: Vec<_> = ran.each("output").into_iter().filter(|output| !output.is_null()).collect();
    assert_eq!(outputs, vec![json!("fresh"); 4]);
    assert_eq!(makers(&ran), [0, 2, 4, 5]);
}

#[test]
fn handles_are_numbered_as_in_a_fresh_instance() {
    let rows = "3\n1\n0\n0\n2\n1\n0\n";
    let ran = verified(&wat("component-handles"), "--isolation reset", rows);
    assert_eq!(ran.each("output"), [1, 1, 0, 0, 1, 1, 0].map(|number| json!(number)), "{}", ran.stderr);
    assert_eq!(makers(&ran), [0, 1, 2, 5, 6], "what has used a handle goes, what has not stays");
    let ran = run(&mut wpool_run(&wat("component-handles"), "-j 1 --isolation reuse"), rows);
    assert_ne!(ran.each("output")[1], json!(1), "the program can tell");
}

#[test]
fn what_a_component_prints_is_its_own_tasks() {
    let ran = verified(&guest("tally"), "--lines --isolation reset", "a\nb\nc\n");
    assert_eq!(ran.each("output"), [json!(1), json!(1), json!(1)]);
    let stderr: Vec<_> = ran.each("receipt").into_iter().map(|mut receipt| receipt["stderr"].take()).collect();
    assert_eq!(stderr, [json!("a\ntask 1\n"), json!("b\ntask 1\n"), json!("c\ntask 1\n")]);
}

#[test]
fn chance_and_time_are_each_tasks_own_in_a_component_that_is_put_back() {
    let ran = verified(&wat("component-luck"), "--isolation reset", &"1\n".repeat(50));
    let outputs = ran.each("output");
    for place in 0..3 {
        let numbers: HashSet<_> = outputs.iter().map(|output| output[place].to_string()).collect();
        assert_eq!(numbers.len(), 50, "place {place}: {}", ran.stdout);
    }
    for output in &outputs {
        // The monotonic clock began with the task, and not with the machine.
        assert!(output[3].as_u64().is_some_and(|nanos| nanos < 10_000_000_000), "{output}");
        assert_eq!(output[4], json!(1), "a global counts the calls");
    }
    assert_eq!(makers(&ran), [0]);
}

#[test]
fn a_component_that_was_told_something_when_it_was_made_is_made_anew() {
    let ran = run(&mut wpool_run(&wat("component-dice"), "-j 1 --isolation reset"), "1\n".repeat(8));
    let outputs: HashSet<_> = ran.each("output").iter().map(Value::to_string).collect();
    assert_eq!(outputs.len(), 8, "{}", ran.stdout);
}

#[test]
fn what_is_added_to_put_a_component_back_shows_nowhere() {
    for command in ["inspect", "schema"] {
        let mut told = wpool();
        told.arg(command).arg(wat("component-pages"));
        let told = run(&mut told, "");
        assert!(!told.stdout.contains("wpool:state") && !told.stdout.contains("__wpool"), "{}", told.stdout);
    }
    for function in ["wpool:state/access.restore", "restore", "part"] {
        let ran = run(&mut wpool_run(&wat("component-pages"), &format!("--lines --call {function}")), "1\n");
        assert_eq!(ran.code, 101, "{}", ran.stderr);
    }
}

#[test]
fn what_the_init_of_a_component_has_frozen_is_what_each_task_finds() {
    // A letter of it is left to chance, once.
    let outputs = verified(&wat("init-component"), "--lines --isolation reset", &"x\n".repeat(20)).each("output");
    assert!(outputs[0].as_str().is_some_and(|output| output.starts_with("[1,")), "{outputs:?}");
    assert_eq!(outputs, vec![outputs[0].clone(); 20]);
}
