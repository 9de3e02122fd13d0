//! Instances that are kept for the next tasks: the state that lives on, the state of each task's own, and the end of an
//! instance.

use serde_json::{Value, json};
use wpool::{Error, Isolation, Outcome, Pool, PoolConfig, Program, TaskSettings, WorkerCommand};

use crate::support::*;

/// What becomes of rows in one worker, one after the other.
fn tally(args: &str, rows: &[&str]) -> Ran {
    run(&mut wpool_run(&guest("tally"), &format!("--lines -j 1 {args}")), rows.join("\n"))
}

fn counts(numbers: &[u32]) -> Vec<Value> {
    numbers.iter().map(|number| json!(number)).collect()
}

#[test]
fn what_a_task_leaves_is_there_for_the_next_one_only_when_instances_are_kept() {
    let rows = ["a"; 5];
    for (args, expected) in [
        ("", [1, 1, 1, 1, 1]),
        ("--isolation fresh", [1, 1, 1, 1, 1]),
        ("--isolation reuse", [1, 2, 3, 4, 5]),
        ("--isolation reuse=2", [1, 2, 1, 2, 1]),
        ("--isolation reuse=1", [1, 1, 1, 1, 1]),
    ] {
        assert_eq!(tally(args, &rows).each("output"), counts(&expected), "{args}");
    }
}

#[test]
fn memory_and_globals_of_a_core_module_live_on_too() {
    let ran = run(&mut wpool_run(&wat("counter"), "-j 1 --isolation reuse"), "1\n".repeat(1000));
    let expected: Vec<_> = (1..=1000).map(|count| json!([count, count])).collect();
    assert_eq!(ran.each("output"), expected);
}

#[test]
fn an_instance_that_traps_goes_and_one_that_says_no_stays() {
    let ran = tally("--isolation reuse", &["a", "refuse", "a", "trap", "a", "a"]);
    assert_eq!(ran.each("status"), ["ok", "failed", "ok", "trap", "ok", "ok"]);
    assert_eq!(ran.records()[1]["error"]["message"], "refused as task 2");
    assert_eq!(ran.each("output"), [json!(1), Value::Null, json!(3), Value::Null, json!(1), json!(2)]);
}

#[test]
fn each_task_of_a_kept_instance_has_its_own_deadline() {
    let ran = tally("--isolation reuse --timeout 300ms", &["a", "a", "spin", "a", "a", "sleep", "a"]);
    assert_eq!(ran.each("status"), ["ok", "ok", "timeout", "ok", "ok", "timeout", "ok"]);
    let expected = [json!(1), json!(2), Value::Null, json!(1), json!(2), Value::Null, json!(1)];
    assert_eq!(ran.each("output"), expected);
}

#[test]
fn the_limit_of_memory_is_the_instances() {
    let rows = ["grow"; 6];
    assert_eq!(tally("--memory 64MiB", &rows).each("status"), ["ok"; 6]);
    let ran = tally("--memory 64MiB --isolation reuse", &rows);
    let expected = ["ok", "ok", "ok", "out-of-memory", "ok", "ok"];
    assert_eq!(ran.each("status"), expected, "{}", ran.stdout);
}

#[test]
fn what_a_task_prints_is_told_of_it_and_of_no_other() {
    let ran = tally("--isolation reuse --receipts", &["a", "b", "trap", "c"]);
    let stderr: Vec<_> = ran.each("receipt").into_iter().map(|mut receipt| receipt["stderr"].take()).collect();
    assert_eq!(stderr, [json!("a\ntask 1\n"), json!("b\ntask 2\n"), Value::Null, json!("c\ntask 1\n")]);
    let of_trap = ran.records()[2]["error"]["stderr"].to_string();
    assert!(of_trap.contains("trap") && of_trap.contains("task 3") && !of_trap.contains("task 2"), "{of_trap}");
}

#[test]
fn a_kept_instance_takes_no_time_to_start() {
    let ran = tally("--isolation reuse --receipts", &["a"; 5]);
    let starts: Vec<_> = ran.each("receipt").into_iter().map(|receipt| receipt["start_us"].as_u64()).collect();
    assert!(starts[0].is_some_and(|first| first > 0), "{starts:?}");
    assert_eq!(starts[1..], [Some(0); 4]);
}

#[test]
fn a_program_that_counts_is_found_out_and_runs_fresh_from_there_on() {
    let ran = tally("--isolation reuse=checked", &["a"; 100]);
    assert_eq!(ran.each("output"), vec![json!(1); 100]);
    let warnings = ran.stderr.lines().filter(|line| line.contains("different outputs in a kept instance")).count();
    assert_eq!(warnings, 1, "{}", ran.stderr);
}

#[test]
fn what_changes_late_is_found_by_the_sample() {
    // The first 32 tasks are alike wherever they run; the counting begins behind them.
    let rows: Vec<_> = (0..600).map(|at| if at < 32 { "pure" } else { "a" }).collect();
    let ran = tally("--isolation reuse=checked", &rows);
    let outputs = ran.each("output");
    assert_eq!(outputs[256], 1, "this one was compared");
    assert_eq!(outputs[255], 256, "and this one was not");
    assert!(outputs[257..].iter().all(|output| *output == 1));
}

#[test]
fn a_pure_program_stays_in_its_instance() {
    let mut rows = vec!["pure"; 40];
    rows.push("a");
    let ran = tally("--isolation reuse=checked", &rows);
    assert_eq!(ran.each("output")[40], 41, "{}", ran.stderr);
    assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);
}

#[test]
fn a_comparison_shares_the_deadline_of_its_task() {
    // The second run of a task that used up its time is over at once, and says nothing about the program.
    let ran = tally("--isolation reuse=checked --timeout 1s", &["pure", "spin", "pure"]);
    assert_eq!(ran.each("status"), ["ok", "timeout", "ok"]);
    assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);
}

#[test]
fn commands_are_refused() {
    for program in [guest("word-count"), wat("cat")] {
        for how in ["reuse", "reuse=3", "reuse=checked"] {
            let ran = run(&mut wpool_run(&program, &format!("--isolation {how}")), "1\n");
            assert_eq!(ran.code, 2, "{}", ran.stderr);
            assert!(ran.stderr.contains("is a command, which may be started only once"), "{}", ran.stderr);
        }
    }
}

#[test]
fn no_task_writes_twice_to_be_compared() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = wpool_run(&guest("tally"), "--isolation reuse=checked --dir");
    let ran = run(command.arg(format!("{}::/data:rw", dir.path().display())), "1\n");
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("write twice"), "{}", ran.stderr);
}

#[test]
fn an_isolation_that_there_is_not_is_a_usage_error() {
    for how in ["reuse=0", "reuse=", "reuse=many", "none", "fresh=1"] {
        let ran = tally(&format!("--isolation {how}"), &["a"]);
        assert_eq!(ran.code, 2, "{how}");
        assert!(ran.stderr.contains("reuse=checked"), "{}", ran.stderr);
    }
}

fn pool(isolation: Isolation) -> PoolConfig {
    let worker = WorkerCommand::at(env!("CARGO_BIN_EXE_wpool"));
    let task = TaskSettings { isolation, ..TaskSettings::default() };
    PoolConfig { workers: 1, worker: Some(worker), task, ..PoolConfig::default() }
}

/// Functions of one component, with a row for each and the output to it.
const CALLS: [(&str, &str, &str); 4] =
    [("double", "8", "16"), ("halve", "8", "4"), ("halve", "[10]", "5"), ("double", "{\"n\": 3}", "6")];

#[test]
fn functions_of_a_program_share_the_instance_that_is_kept() {
    block_on(async {
        let program = Program::read(wat("component-two")).unwrap();
        let mut config = PoolConfig { call: Some("double".to_owned()), ..pool(Isolation::Reuse(None)) };
        config.task.json_rows = true;
        let pool = Pool::builder(program).config(config).build().await.unwrap();
        for (function, row, expected) in CALLS {
            let result = pool.submit_to(function, row).await.unwrap().await;
            assert_eq!(result.outcome, Outcome::Ok(expected.into()), "{function}");
        }
        assert!(matches!(pool.submit_to("no-such", "1").await, Err(Error::ProgramRefused { .. })));
    });
}

#[test]
fn the_last_line_of_a_running_task_can_be_seen() {
    block_on(async {
        let program = Program::read(guest("tally")).unwrap();
        let pool = Pool::builder(program).config(pool(Isolation::Fresh)).build().await.unwrap();
        let task = pool.submit("sleep").await.unwrap();
        until("its line is there", || pool.running().first().is_some_and(|running| running.note == "task 1")).await;
        drop((task, pool));
    });
}
