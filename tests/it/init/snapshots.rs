//! Snapshots: every task starts from the state after `init`.

use std::collections::BTreeSet;

use super::*;

#[test]
fn every_task_starts_from_what_one_init_left() {
    let cache = tempfile::tempdir().unwrap();
    let rows = "1\n".repeat(1000);
    let ran = run_in(cache.path(), &wat("init-component"), "-j 2 --init-arg {\"k\":5}", &rows);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let outputs = ran.each("output");
    // The first call in its instance, what one init has drawn, and its argument.
    assert_eq!(outputs[0][0], json!(1));
    assert_eq!(outputs[0][2], json!({"k": 5}));
    assert!(outputs.iter().all(|output| *output == outputs[0]));
    assert_eq!(outputs.len(), 1000);
}

#[test]
fn a_table_that_takes_its_time_is_built_once_for_a_thousand_tasks() {
    // A thousand inits would outlast the watchdog of this test.
    let ran = run(&mut wpool_run(&wat("init-raw"), "-j 2"), "1\n".repeat(1000));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let outputs: BTreeSet<_> = ran.each("output").iter().map(Value::to_string).collect();
    // One value for all: `_initialize` ran once, before `wpool_init`, and not again in any instance.
    assert_eq!(outputs.len(), 1, "{outputs:?}");
    assert!(outputs.first().unwrap().ends_with(",1,1,1]"), "{outputs:?}");
    assert_eq!(ran.records().len(), 1000);
    assert_eq!(
        BTreeSet::from_iter(self::outputs(&wat("init-raw"), "--init-each", "1\n2\n").iter().map(Value::to_string)),
        outputs
    );
}

#[test]
fn the_example_of_the_readme_reads_its_list_once() {
    let list = root().join("guest-tasks/words.txt");
    let letter = "The big dog sat on me.\nWe were with teh dog.\n";
    for each in ["", "--init-each"] {
        let args = format!("--lines --init-arg @{} {each}", list.display());
        assert_eq!(outputs(&guest("spelling"), &args, letter), [json!([]), json!(["teh"])]);
    }
    // Without a list, every word is unknown.
    assert_eq!(outputs(&guest("spelling"), "--lines", "a dog\n"), [json!(["a", "dog"])]);
    let ran = run(
        wpool_run(&guest("spelling"), "--lines --init-arg").arg(format!("@{}", guest("spelling").display())),
        "a\n",
    );
    assert_eq!(ran.code, 101, "{}", ran.stderr);
    assert!(ran.stderr.contains("the list of words is no text"), "{}", ran.stderr);
}

#[test]
fn a_snapshot_is_kept_by_program_argument_environment_and_memory_limit() {
    let cache = tempfile::tempdir().unwrap();
    let task = wat("init-component");
    let entries = || fs::read_dir(cache.path().join("wpool")).unwrap().count();
    let ran = |args: &str| run_in(cache.path(), &task, &format!("-v --init-arg 1 {args}"), "1\n");
    let first = ran("");
    assert!(first.stderr.contains("init took"), "{}", first.stderr);
    assert_eq!(entries(), 2, "an image and a state");
    let again = ran("");
    assert!(!again.stderr.contains("init took"), "{}", again.stderr);
    assert_eq!(again.stdout, first.stdout);
    for (more, expected) in
        [("--env A=1", 3), ("--env A=2", 4), ("--env A=1", 4), ("--timeout 60s", 5), ("--memory 8MiB", 6)]
    {
        ran(more);
        assert_eq!(entries(), expected, "{more}");
    }
    let other = run_in(cache.path(), &task, "--init-arg 2", "1\n");
    assert_eq!(other.each("output")[0][2], json!(2));
    assert_eq!(entries(), 7);
    let uncached = ran("--no-cache");
    assert!(uncached.stderr.contains("init took"), "{}", uncached.stderr);
}

#[test]
fn an_init_for_each_instance_runs_before_each_task() {
    let rows = "1\n".repeat(50);
    let outputs = outputs(&wat("init-component"), "--init-each --init-arg 7", &rows);
    let drawn: BTreeSet<_> = outputs.iter().map(|output| output[1].to_string()).collect();
    assert!(drawn.len() > 1, "{drawn:?}");
    assert!(outputs.iter().all(|output| output[0] == 1 && output[2] == 7), "{outputs:?}");
}

#[test]
fn constructors_do_not_undo_what_init_has_made() {
    for args in ["", "--init-each"] {
        let found = outputs(&wat("init-command"), &format!("--init-arg \"kept\" {args}"), "1\n2\n");
        assert_eq!(found, ["built 1 times: \"kept\"", "built 1 times: \"kept\""], "{args}");
    }
}

#[test]
fn what_init_prints_is_no_output_of_a_task() {
    let cache = tempfile::tempdir().unwrap();
    let ran = run_in(cache.path(), &wat("init-command"), "-v --init-arg 1 --receipts", "1\n");
    assert!(ran.stderr.contains("init: preparing"), "{}", ran.stderr);
    assert!(!ran.stdout.contains("preparing"), "{}", ran.stdout);
    let ran = run_in(cache.path(), &wat("init-refuse"), "-v", "1\n");
    assert_eq!(ran.each("output"), [1], "{}", ran.stderr);
    assert!(ran.stderr.contains("init: reading"), "{}", ran.stderr);
}
