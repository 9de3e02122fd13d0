//! `--events`: what is told, and when.

use serde_json::json;

use super::*;

#[test]
fn the_first_event_names_the_run_and_the_last_sums_it_up() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    let options = "-j 1 -q --events log --summary-json summary";
    let ran = run(wpool_run(&wat("trap-on-bang"), options).current_dir(folder.path()), ROWS);
    assert_eq!(ran.code, 100, "{}", ran.stderr);
    let log = events(&at("log"));
    let [first, .., last] = &log[..] else { panic!("{log:?}") };
    assert_eq!(
        (&first["event"], &first["workers"], &first["tasks"]),
        (&json!("run-started"), &json!(1), &json!(false))
    );
    assert_eq!(first["blake3"].as_str().map(str::len), Some(64));
    let summary: Value = serde_json::from_str(&read(at("summary"))).expect("JSON");
    assert_eq!((&last["event"], &last["exit_code"]), (&json!("run-finished"), &json!(100)));
    assert_eq!(last["summary"], summary, "it is the summary for programs");
    assert_eq!(called(&log, "worker-started").len(), 1);
    let names: Vec<_> = log.iter().filter_map(|event| event["event"].as_str()).collect();
    assert!(!names.iter().any(|name| name.starts_with("task-")), "nobody asked for single tasks: {names:?}");
    let times: Vec<_> = log.iter().map(|event| event["at_us"].as_u64()).collect();
    assert!(times.is_sorted(), "{times:?}");
}

#[test]
fn each_task_has_the_events_of_its_record() {
    let folder = folder();
    let options = "-j 2 -q --retries 1 --retry-on trap --retry-delay 1ms --events log --events-tasks";
    let ran = run(wpool_run(&wat("trap-on-bang"), options).current_dir(folder.path()), ROWS);
    let log = events(&folder.path().join("log"));
    let told: Vec<_> = called(&log, "task-settled").into_iter().map(|event| (&event["id"], &event["status"])).collect();
    let (ids, statuses) = (ran.each("id"), ran.each("status"));
    assert_eq!(told, ids.iter().zip(&statuses).collect::<Vec<_>>());
    let trapped = called(&log, "task-settled")[1];
    assert_eq!((&trapped["attempts"], trapped["worker"].is_u64()), (&json!(2), true), "{trapped}");
    assert!(trapped["times"]["wait_us"].is_u64() && trapped["times"]["wall_us"].is_u64(), "{trapped}");
    let retried = called(&log, "task-retried");
    assert_eq!((retried.len(), &retried[0]["id"], &retried[0]["status"]), (1, &json!(1), &json!("trap")));
    assert!(retried[0]["delay_us"].as_u64() > Some(0), "{retried:?}");
    let started: Vec<_> = called(&log, "task-started").into_iter().map(|event| event["id"].as_u64()).collect();
    let mut sorted = started.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, [Some(0), Some(1), Some(1), Some(2)], "each attempt begins");
    assert_eq!(events(&folder.path().join("log"))[0]["tasks"], json!(true));
}

#[test]
fn a_status_that_the_host_decides_is_that_of_the_record() {
    let folder = folder();
    let options = "-q --lines --output-type json --events log --events-tasks";
    let ran = run(wpool_run(&wat("echo"), options).current_dir(folder.path()), "1\nno JSON\n");
    assert_eq!(ran.each("status"), ["ok", "failed"], "{}", ran.stderr);
    let log = events(&folder.path().join("log"));
    let told: Vec<_> = called(&log, "task-settled").into_iter().map(|event| event["status"].clone()).collect();
    assert_eq!(told, ran.each("status"));
}

#[test]
fn ids_are_places_in_the_whole_input() {
    let folder = folder();
    let rows: String = (0..10).map(|row| if row == 7 { "\"!\"\n".to_owned() } else { format!("{row}\n") }).collect();
    write(&folder, "rows", &rows);
    let told = |options: &str, name: &str| {
        let options = format!("rows -q -j 1 --events log --events-tasks {options}");
        let ran = run(wpool_run(&wat("trap-on-bang"), &options).current_dir(folder.path()), "");
        assert!([OK, 100].contains(&ran.code), "{options}: {}", ran.stderr);
        let log = events(&folder.path().join("log"));
        called(&log, name).iter().map(|event| event["id"].as_u64().expect("a place")).collect::<Vec<_>>()
    };
    for name in ["task-settled", "task-started"] {
        assert_eq!(told("--shard 2/2 -o second --overwrite", name), [5, 6, 7, 8, 9], "{name}");
        assert_eq!(told("--shard 2/2 --shard-by block --unordered", name).len(), 0, "{name}: one block is of shard 1");
        told("-o out --overwrite", name);
        assert_eq!(told("-o out --resume --redo trap", name), [7], "{name}: what was kept does not run");
    }
    assert_eq!(events(&folder.path().join("log"))[0]["shard"], Value::Null);
    told("--shard 2/2", "task-settled");
    assert_eq!(events(&folder.path().join("log"))[0]["shard"], json!("2/2 by slice"));
}

#[test]
fn a_worker_that_dies_is_told_of_with_the_row_in_it() {
    let folder = folder();
    let path = folder.path().join("log");
    let mut live = Live::start(wpool_run(&wat("spin-on-bang"), "-j 1 -q --crash-limit 1 --events").arg(&path));
    live.say("1\n\"!\"\n");
    live.line();
    let find = |name: &str| called(&events(&path), name).first().map(|event| (*event).clone());
    block_on(until("a worker has started", || path.exists() && find("worker-started").is_some()));
    let pid = find("worker-started").expect("it is there")["pid"].as_i64().expect("a process");
    block_on(until("it is busy", || Process::is_busy(pid as u32)));
    let pid = rustix::process::Pid::from_raw(pid as i32).expect("no process is 0");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it is there");
    block_on(until("a worker has died", || find("worker-died").is_some()));
    let died = find("worker-died").expect("it is there");
    assert_eq!((&died["worker"], &died["id"]), (&json!(0), &json!(1)), "{died}");
    assert!(died["why"].as_str().is_some_and(|why| why.contains("SIGKILL")), "{died}");
    live.end();
}

#[test]
fn progress_is_told_while_a_run_is_running() {
    let folder = folder();
    let (path, rows) = (folder.path().join("log"), write(&folder, "rows", "1\n2\n"));
    let mut live = Live::start(wpool_run(&wat("echo"), "-q --events").arg(&path).args([&rows, Path::new("-")]));
    live.line();
    let told = || called(&events(&path), "progress").iter().any(|event| event["done"] == 2);
    block_on(until("progress", told));
    live.say("3\n");
    live.line();
    assert_eq!(live.end().code, OK);
    let log = events(&path);
    let progress = *called(&log, "progress").last().expect("it is there");
    assert_eq!((&progress["not_ok"], &progress["total"]), (&json!(0), &Value::Null), "{progress}");
}

#[test]
fn a_run_that_ends_before_its_first_task_has_an_end_without_a_summary() {
    let folder = folder();
    let ran = run(wpool_run(&wat("no-convention"), "--events log").current_dir(folder.path()), "1\n");
    assert_eq!(ran.code, REFUSED, "{}", ran.stderr);
    let log = events(&folder.path().join("log"));
    let last = log.last().expect("an end");
    assert_eq!((&last["event"], &last["exit_code"]), (&json!("run-finished"), &json!(REFUSED)));
    assert_eq!((&last["summary"], log.len()), (&Value::Null, 2));
}

#[test]
fn warnings_are_events_whatever_they_say() {
    let folder = folder();
    std::fs::create_dir(folder.path().join("a\u{1b}[31m")).expect("a folder");
    let mut command = wpool_run(&wat("echo"), "-q -j 2 --events log --dir");
    let ran = run(command.arg("a\u{1b}[31m::/in:rw").current_dir(folder.path()), "1\n");
    assert_eq!(ran.code, OK, "{}", ran.stderr);
    let log = events(&folder.path().join("log"));
    assert!(called(&log, "warning")[0]["text"].as_str().is_some_and(|text| text.contains("share the directory")));
}

#[test]
fn a_run_that_is_done_again_writes_neither_events_nor_metrics() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    let options = "-q -o out --events log --events-tasks --metrics-file run.prom";
    write(&folder, "rows", ROWS);
    let mut command = wpool_run(&wat("trap-on-bang"), options);
    assert_eq!(run(command.arg("rows").current_dir(folder.path()), "").code, 100);
    for again in ["replay out 1", "rerun out --failed"] {
        for name in ["log", "run.prom"] {
            write(&folder, name, "precious\n");
        }
        let ran = run(wpool().args(again.split(' ')).current_dir(folder.path()), "");
        assert_eq!(ran.code, 100, "{again}: {}", ran.stderr);
        assert_eq!(["log", "run.prom"].map(|name| read(at(name))), ["precious\n", "precious\n"], "{again}");
    }
    // Neither decides over records.
    let ran = run(wpool_run(&wat("trap-on-bang"), "-q -o out --resume rows").current_dir(folder.path()), "");
    assert_eq!(ran.code, 100, "{}", ran.stderr);
}
