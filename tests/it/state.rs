//! State that tasks share: its promises while workers come and go.

use std::path::Path;

use rustix::process::Signal;
use serde_json::{Value, json};
use wpool::state::{MAX_STATE, MAX_VALUE, SharedState};
use wpool::{Error, Outcome, Pool, PoolConfig, Program, Retry, RetryOn, Setting, SettingError, Status, TaskResult, TaskSettings, WorkerCommand};

use crate::support::*;

/// What one row gives: the output, or the message of the error.
fn call(function: &str, args: &str, row: Value) -> Value {
    let ran =
        run(&mut wpool_run(&guest("shared-state"), &format!("--state --call {function} {args}")), row.to_string());
    let mut record = ran.records().pop().unwrap_or_else(|| panic!("{}", ran.stderr));
    if record["status"] == "ok" { record["output"].take() } else { record["error"]["message"].take() }
}

/// What rows give, one after another, over one state.
fn calls(calls: &[(&str, Value)]) -> Vec<Value> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("state.json");
    std::fs::write(&file, "{}").unwrap();
    let files = format!("--overwrite --state-in {0} --state-out {0}", file.display());
    calls.iter().map(|(function, row)| call(function, &files, row.clone())).collect()
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("the state was written")).expect("it is JSON")
}

fn config(function: &str, workers: usize, state: &SharedState, events: &Events) -> PoolConfig {
    PoolConfig {
        workers,
        call: Some(function.into()),
        task: TaskSettings { json_rows: true, ..TaskSettings::default() },
        state: Some(state.clone()),
        observer: events.observer(),
        worker: Some(WorkerCommand::at(env!("CARGO_BIN_EXE_wpool"))),
        ..PoolConfig::default()
    }
}

async fn pool(function: &str, workers: usize, state: &SharedState, events: &Events) -> Pool {
    let config = config(function, workers, state, events);
    Pool::builder(Program::read(guest("shared-state")).unwrap()).config(config).build().await.unwrap()
}

async fn collect(pool: &Pool, rows: impl IntoIterator<Item = &'static str>) -> Vec<TaskResult> {
    let mut results = pool.map(rows);
    let mut all = Vec::new();
    while let Some(result) = results.next().await.unwrap() {
        all.push(result);
    }
    all
}

fn counter(state: &SharedState, key: &str) -> u64 {
    state.get(key).map_or(0, |value| String::from_utf8_lossy(&value).parse().expect("a number"))
}

#[test]
fn each_task_writes_its_square_and_appends_to_a_list() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("squares.json");
    let args = format!("-j 4 --chunksize 3 --call shared.square --state-out {}", file.display());
    let rows: String = (0..300).map(|n| format!("{n}\n")).collect();
    let ran = run(&mut wpool_run(&guest("shared-state"), &args), rows);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let state = read(&file);
    let squares: Vec<u64> = (0..300).map(|n| n * n).collect();
    for (n, square) in squares.iter().enumerate() {
        assert_eq!(state[n.to_string()], square.to_string());
    }
    let list = state["squares"].as_str().unwrap().lines().map(|line| line.parse().unwrap());
    let mut list: Vec<u64> = list.collect();
    list.sort_unstable();
    assert_eq!(list, squares, "nothing that was appended is lost, however many did it at once");
}

#[test]
fn the_example_of_the_guide_runs() {
    let page = crate::guide::page("docs/guide/state.md");
    let shown = "seq 1 5 | wpool run guest-tasks/shared-state.wasm ";
    let args = page.lines().find_map(|line| line.trim().strip_prefix(shown)).expect("the page has it");
    let dir = tempfile::tempdir().unwrap();
    let ran = run(wpool_run(&guest("shared-state"), args).current_dir(dir.path()), "1\n2\n3\n4\n5\n");
    assert_eq!(ran.each("output"), [1, 4, 9, 16, 25], "{}", ran.stderr);
    let state = read(&dir.path().join("squares.json"));
    assert_eq!((&state["5"], state.as_object().unwrap().len()), (&json!("25"), 6));
}

#[test]
fn eight_workers_count_to_a_hundred_thousand() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("count.json");
    let args = format!("-j 8 --call shared.count --state-out {}", file.display());
    let ran = run(&mut wpool_run(&guest("shared-state"), &args), "100\n".repeat(1_000));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(read(&file), json!({ "counter": "100000" }));
    assert!(ran.stderr.contains("; shared state: 100000 calls, "), "{}", ran.stderr);
    let mut seen: Vec<u64> = ran.each("output").iter().map(|count| count.as_u64().unwrap()).collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!((seen.len(), seen.last()), (1_000, Some(&100_000)), "no two tasks saw the same count");
}

#[test]
fn the_counter_is_what_the_host_counted_while_workers_are_killed() {
    const ROWS: usize = 600;
    let (state, events) = (SharedState::new(), Events::default());
    let (results, stats) = block_on(async {
        let pool = pool("shared.count", 4, &state, &events).await;
        let killer = async {
            for round in 1..=10 {
                until("tasks count", || state.stats().increments >= round * 2_000).await;
                signal_child(*events.pids().last().unwrap(), Signal::KILL);
            }
        };
        let (results, ()) = tokio::join!(collect(&pool, ["50"; ROWS]), killer);
        (results, pool.stats())
    });
    assert_eq!(results.len(), ROWS, "every row is answered");
    let crashed = |result: &&TaskResult| match &result.outcome {
        Outcome::Ok(_) => false,
        Outcome::NotOk(failure) => {
            assert_eq!((failure.status, failure.error.code.as_str()), (Status::Crash, "state-changed"));
            true
        }
    };
    let crashes = results.iter().filter(crashed).count() as u64;
    let counted = counter(&state, "counter");
    assert_eq!(counted, state.stats().increments);
    assert_eq!(stats.state, Some(state.stats()));
    let done = (ROWS as u64 - crashes) * 50;
    assert!(crashes > 0 && stats.deaths > 0, "no worker was killed while it counted");
    assert!((done + crashes..=done + crashes * 50).contains(&counted), "{counted} of {done} and {crashes} crashes");
}

/// Kills the only worker when something is so, and lets tasks that wait go on.
async fn kill_when(so: impl FnMut() -> bool, state: &SharedState, events: &Events) {
    until("the task waits", so).await;
    signal_child(*events.pids().last().unwrap(), Signal::KILL);
    until("the worker is gone", || !events.deaths().is_empty()).await;
    state.set("go", "").unwrap();
}

#[test]
fn a_task_that_has_only_looked_at_shared_state_is_run_again() {
    let (state, events) = (SharedState::new(), Events::default());
    block_on(async {
        let pool = pool("shared.wait", 1, &state, &events).await;
        let kill = kill_when(|| state.stats().calls > 10, &state, &events);
        let (results, ()) = tokio::join!(collect(&pool, ["false"]), kill);
        assert_eq!((results[0].outcome.status(), results[0].receipt.attempts), (Status::Ok, 2));
        assert_eq!(state.stats().writes, 0);
    });
}

#[test]
fn a_task_that_changed_shared_state_is_not_run_again() {
    let (state, events) = (SharedState::new(), Events::default());
    block_on(async {
        let pool = pool("shared.wait", 1, &state, &events).await;
        let kill = kill_when(|| state.get("starts").is_some(), &state, &events);
        let (results, ()) = tokio::join!(collect(&pool, ["true", "true"]), kill);
        let Outcome::NotOk(failure) = &results[0].outcome else { panic!("{:?}", results[0]) };
        assert_eq!((failure.status, failure.error.code.as_str()), (Status::Crash, "state-changed"));
        assert!(failure.error.message.contains("SIGKILL"), "{}", failure.error.message);
        assert_eq!((results[0].receipt.attempts, results[1].outcome.status()), (1, Status::Ok));
        assert_eq!(counter(&state, "starts"), 2, "each of them counted itself once");
    });
}

#[test]
fn a_task_that_changed_shared_state_runs_again_when_that_is_asked_for() {
    let (state, events) = (SharedState::new(), Events::default());
    block_on(async {
        let program = Program::read(guest("shared-state")).unwrap();
        let retry = Retry { times: 1, on: vec![RetryOn::Status(Status::Crash)], ..Retry::default() };
        let config = config("shared.wait", 1, &state, &events);
        let pool = Pool::builder(program).config(config).retry(retry).build().await.unwrap();
        let kill = kill_when(|| state.get("starts").is_some(), &state, &events);
        let (results, ()) = tokio::join!(collect(&pool, ["true"]), kill);
        assert_eq!((results[0].outcome.status(), counter(&state, "starts")), (Status::Ok, 2));
    });
}

#[test]
fn both_drafts_do_what_they_say() {
    for draft in ["first", "second"] {
        let name = |function: &str| format!("{draft}.{function}");
        let named: Vec<(String, Value, Value)> = [
            ("get", json!(["a"]), json!(null)),
            ("exists", json!(["a"]), json!(false)),
            ("set", json!(["a", "1"]), json!(null)),
            ("get", json!(["a"]), json!("1")),
            ("exists", json!(["a"]), json!(true)),
            ("increment", json!(["a", 41]), json!(42)),
            ("increment", json!(["new", 7]), json!(7)),
            ("list", json!([]), json!([["a", "new"], 1])),
            ("delete", json!(["a"]), json!(null)),
            ("delete", json!(["a"]), json!(null)),
            ("get", json!(["a"]), json!(null)),
            ("batch", json!([3_000]), json!(3_000)),
            ("list", json!([]), json!([["batch-00000", "new"], 1])),
            ("open", json!(["default"]), json!(null)),
            ("open", json!(["another"]), json!("no such store")),
            ("set", json!(["text", "one"]), json!(null)),
            (
                "increment",
                json!(["text", 1]),
                json!("the value of `text` is not a decimal integer, so it cannot be incremented"),
            ),
        ]
        .map(|(function, row, expected)| (name(function), row, expected))
        .into();
        let given: Vec<_> = named.iter().map(|(function, row, _)| (function.as_str(), row.clone())).collect();
        for (result, (function, row, expected)) in calls(&given).iter().zip(&named) {
            assert_eq!(result, expected, "{function} {row}");
        }
    }
}

#[test]
fn what_only_one_draft_has_works_too() {
    let given = [
        ("second.increment", json!(["n", -5])),
        ("first.increment", json!(["n", 4])),
        ("second.increment", json!(["n", 9_223_372_036_854_775_807u64])),
        ("second.increment", json!(["n", 9_223_372_036_854_775_807u64])),
        ("second.set", json!(["k", "mine"])),
        ("second.late", json!(["k"])),
        ("second.get", json!(["k"])),
        ("second.late", json!(["nothing"])),
        ("second.watch", json!(["k", 15])),
        ("second.watch", json!(["k", 16])),
        ("first.after", json!([0])),
    ];
    let expected = [
        json!(-5),
        json!("the value of `n` would leave the range of its type"),
        json!(9_223_372_036_854_775_802u64),
        json!("the value of `n` would leave the range of its type"),
        json!(null),
        json!(["mine", "somebody else's"]),
        json!("won"),
        json!([null, "somebody else's"]),
        json!(null),
        json!("the handles of this task would hold over 16777216 bytes; drop some of them"),
        json!("the cursor 0 is not among the last 64 that this task was given"),
    ];
    assert_eq!(calls(&given), expected);
}

#[test]
fn many_keys_come_in_pages() {
    let state = SharedState::new();
    let keys: Vec<String> = (0..30_000).map(|n| format!("key-{n:05}")).collect();
    keys.iter().for_each(|key| state.set(key, "").unwrap());
    for function in ["first.list", "second.list"] {
        block_on(async {
            let pool = pool(function, 1, &state, &Events::default()).await;
            let results = collect(&pool, ["[]"]).await;
            let output = results[0].outcome.output().expect("it is ok");
            let (listed, pages): (Vec<String>, u32) = serde_json::from_slice(output).unwrap();
            assert_eq!(listed, keys);
            assert!((3..=30).contains(&pages), "{pages} pages");
        });
    }
}

#[test]
fn a_guest_is_told_of_the_limits() {
    for draft in ["first", "second"] {
        let name = |function: &str| format!("{draft}.{function}");
        let (fill, set, batch) = (name("fill"), name("set"), name("batch"));
        let given = [
            (fill.as_str(), json!(["k", MAX_VALUE])),
            (fill.as_str(), json!(["k", MAX_VALUE + 1])),
            (set.as_str(), json!(["k".repeat(1_024), ""])),
            (set.as_str(), json!(["k".repeat(1_025), ""])),
            (batch.as_str(), json!([17_000])),
        ];
        let told = calls(&given);
        assert_eq!((&told[0], &told[2]), (&json!(null), &json!(null)));
        let refused = [(1, "values have at most 1048576"), (3, "keys have at most 1024"), (4, "do it in parts")];
        for (at, why) in refused {
            assert!(told[at].as_str().is_some_and(|told| told.contains(why)), "{}", told[at]);
        }
    }
    let full = SharedState::new();
    (0..63).for_each(|n| full.set(&n.to_string(), vec![0; MAX_VALUE]).unwrap());
    block_on(async {
        let pool = pool("second.fill", 1, &full, &Events::default()).await;
        let results = collect(&pool, ["[\"more\", 1048576]", "[\"0\", 1000]", "[\"more\", 1000]"]).await;
        let Outcome::NotOk(failure) = &results[0].outcome else { panic!("over {MAX_STATE} bytes were taken") };
        assert!(failure.error.message.contains("shared state is full"), "{}", failure.error.message);
        assert_eq!(results[1..].iter().map(|result| result.outcome.status()).collect::<Vec<_>>(), [Status::Ok; 2]);
    });
}

#[test]
fn state_goes_from_file_to_file_byte_for_byte() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (dir.path().join("first.json"), dir.path().join("second.json"));
    std::fs::write(&first, r#"{"text": "héllo\n", "bytes": {"base64": "/wA="}, "n": 41, "list": [1, 2]}"#).unwrap();
    let args = format!("--call second.increment --state-in {} --state-out {}", first.display(), second.display());
    let ran = run(&mut wpool_run(&guest("shared-state"), &args), r#"["n", 1]"#);
    assert_eq!((ran.code, ran.each("output")), (0, vec![json!(42)]), "{}", ran.stderr);
    let expected = json!({ "text": "héllo\n", "bytes": { "base64": "/wA=" }, "n": "42", "list": "[1, 2]" });
    assert_eq!(read(&second), expected);
    // In place, and although the task failed.
    let args = format!("--call second.open --state-in {0} --state-out {0}", second.display());
    let ran = run(&mut wpool_run(&guest("shared-state"), &args), r#"["another"]"#);
    assert_eq!((ran.code, ran.stderr.contains("exists; replace it with --overwrite")), (2, true), "{}", ran.stderr);
    let before = std::fs::read(&second).unwrap();
    let ran = run(&mut wpool_run(&guest("shared-state"), &format!("--overwrite {args}")), r#"["another"]"#);
    assert_eq!(ran.code, 100, "{}", ran.stderr);
    assert_eq!(std::fs::read(&second).unwrap(), before);
    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "nothing else is left behind: {left:?}");
}

#[test]
fn state_that_cannot_be_had_is_refused_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("wrong.json");
    std::fs::write(&file, "[1]").unwrap();
    let shown = file.display();
    let both = format!("--state-out {shown}.new -o {shown}.new");
    for (task, args, code, why) in [
        (wat("echo"), "--state", 2, "cannot reach shared state"),
        (guest("shared-state"), &format!("--call first.get --state-in {shown}"), 96, "not a JSON object"),
        (guest("shared-state"), "--call first.get --state --isolation reuse=checked", 2, "some tasks write twice"),
        (guest("shared-state"), "--call first.get --state-in /nowhere", 96, "/nowhere"),
        (guest("shared-state"), &both, 2, "cannot take records and the shared state"),
        (guest("shared-state"), "--call first.open --state-out /nowhere/state.json", 110, "cannot write /nowhere"),
    ] {
        let ran = run(&mut wpool_run(&task, args), "[\"\"]\n");
        assert_eq!((ran.code, ran.stderr.contains(why)), (code, true), "{args}: {}", ran.stderr);
    }
    let ran = run(&mut wpool_run(&wat("component-echo"), "--state"), "1\n");
    assert_eq!(ran.code, 0);
    assert!(ran.stderr.contains("warning: there is shared state, and the program does not import"), "{}", ran.stderr);
}

#[test]
fn without_shared_state_a_call_is_denied() {
    let ran = run(&mut wpool_run(&guest("shared-state"), "--call first.get"), "[\"k\"]\n");
    let record = &ran.records()[0];
    assert_eq!((&record["status"], &record["error"]["code"]), (&json!("trap"), &json!("denied-import")));
    let message = record["error"]["message"].as_str().unwrap();
    assert!(message.contains("`wasi:keyvalue/store@0.2.0-draft`, which is denied"), "{message}");
    assert!(message.contains("in a pool with shared state it works"), "{message}");
    assert!(!ran.stderr.contains("shared state:"), "{}", ran.stderr);
}

#[test]
fn two_pools_may_share_one_state() {
    let state = SharedState::from_json(br#"{"counter": 10}"#).unwrap();
    let events = Events::default();
    block_on(async {
        let one = pool("shared.count", 1, &state, &events).await;
        let other = pool("shared.count", 1, &state, &events).await;
        let (a, b) = tokio::join!(collect(&one, ["20"; 20]), collect(&other, ["20"; 20]));
        assert!(a.iter().chain(&b).all(|result| result.outcome.status() == Status::Ok));
    });
    assert_eq!(counter(&state, "counter"), 810);
    assert!(state.stats().time > std::time::Duration::ZERO);
}

#[test]
fn a_pool_of_a_core_module_refuses_shared_state() {
    let config = PoolConfig {
        state: Some(SharedState::new()),
        worker: Some(WorkerCommand::at(env!("CARGO_BIN_EXE_wpool"))),
        ..PoolConfig::default()
    };
    let error = block_on(Pool::builder(Program::read(wat("echo")).unwrap()).config(config).build()).unwrap_err();
    assert!(matches!(error, Error::Setting(SettingError::Program { setting: Setting::State, .. })), "{error}");
}
