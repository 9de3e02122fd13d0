//! Deadlines that the host enforces: each kills a worker, and stops only the task that it ran.

use std::fs::read_dir;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;
use wpool::outcome::Layer;
use wpool::{Input, Interrupt, Isolation, Outcome, Pool, PoolConfig, Program, Retry, Setting, Shutdown, Status, TaskResult, TaskSettings, TaskState, WorkerCommand};

use crate::cli::{NOT_OK, OK, USAGE, assert_refused, folder};
use crate::support::*;

/// Workers that keep no deadline themselves. Whatever waited for the grace period would never come to its end.
fn killing(deadline: Duration, events: &Events) -> PoolConfig {
    let worker = WorkerCommand::at(env!("CARGO_BIN_EXE_wpool"));
    let mut config = PoolConfig {
        workers: 1,
        interrupt: Interrupt::Kill,
        grace: Duration::MAX,
        observer: events.observer(),
        worker: Some(worker),
        ..PoolConfig::default()
    };
    config.task.limits.deadline = Some(deadline);
    config
}

async fn start(guest: &str, config: PoolConfig) -> Pool {
    Pool::builder(Program::read(wat(guest)).unwrap()).config(config).build().await.expect("the pool starts")
}

async fn map(pool: &Pool, rows: Vec<String>) -> Vec<TaskResult> {
    let mut results = pool.map(rows);
    let mut all = Vec::new();
    while let Some(result) = results.next().await.unwrap() {
        all.push(result);
    }
    all
}

fn is_killed(result: &TaskResult, message: &str) -> bool {
    let Outcome::NotOk(failure) = &result.outcome else { return false };
    let error = (&*failure.error.code, &*failure.error.message);
    (failure.status, result.receipt.layer, error) == (Status::Timeout, Layer::Backstop, ("timeout", message))
}

#[test]
fn a_loop_is_killed_at_its_deadline_and_the_rows_before_and_behind_it_run() {
    let mut rows: Vec<_> = (0..600).map(|row| row.to_string()).collect();
    rows[300] = "\"!\"".into();
    let args = "-j 1 --timeout 100ms --interrupt kill --receipts";
    let ran = run(&mut wpool_run(&wat("spin-on-bang"), args), rows.join("\n"));
    assert_eq!(ran.code, NOT_OK, "{}", ran.stderr);
    assert!(ran.stderr.contains("died     1 × was killed at its task's deadline"), "{}", ran.stderr);
    for (record, row) in ran.records().iter().zip(0..) {
        if row == 300 {
            assert_eq!(record["error"], json!({ "code": "timeout", "message": "ran longer than 100ms" }));
            assert_eq!((&record["receipt"]["layer"], &record["receipt"]["attempts"]), (&json!("backstop"), &json!(1)));
            assert!(record["receipt"]["wall_us"].as_u64().is_some_and(|wall| wall >= 100_000), "{record}");
        } else {
            assert_eq!((&record["status"], &record["output"]), (&json!("ok"), &json!(row)), "{record}");
            assert_eq!(record["receipt"]["attempts"], 1, "{record}");
        }
    }
}

#[test]
fn a_record_of_a_timeout_is_the_same_whatever_has_stopped_the_task() {
    let records = ["epoch", "kill"].map(|how| {
        let args = format!("-j 2 --timeout 100ms --interrupt {how}");
        run(&mut wpool_run(&wat("spin-on-bang"), &args), "1\n\"!\"\n2\n\"!\"\n3\n").stdout
    });
    assert_eq!(records[0], records[1]);
    assert_eq!(records[0].matches("\"timeout\",\"message\"").count(), 2, "{}", records[0]);
}

#[test]
fn a_kill_waits_neither_for_a_long_instruction_nor_for_a_guest_that_waits() {
    for (guest, row) in [("fill", "1"), ("sleep", "3600000")] {
        let events = Events::default();
        block_on(async {
            let pool = start(guest, killing(Duration::from_millis(150), &events)).await;
            let results = map(&pool, vec![row.into(); 2]).await;
            assert!(results.iter().all(|result| is_killed(result, "ran longer than 150ms")), "{results:?}");
        });
        let why = "was killed at its task's deadline".to_owned();
        assert_eq!(events.deaths(), [(why.clone(), Some(0)), (why, Some(1))]);
    }
}

#[test]
fn a_task_that_is_killed_at_its_deadline_is_retried() {
    let args = "--timeout 100ms --interrupt kill --retries 1 --retry-delay 1ms --receipts";
    let ran = run(&mut wpool_run(&wat("spin"), args), "1");
    let receipt = &ran.records()[0]["receipt"];
    assert_eq!((&receipt["attempts"], &receipt["retried"]), (&json!(2), &json!(["timeout"])), "{}", ran.stdout);

    let events = Events::default();
    block_on(async {
        let retry = Retry { times: 1, delay: Duration::from_millis(1), ..Retry::default() };
        let pool = start("sleep", PoolConfig { retry, ..killing(Duration::from_millis(150), &events) }).await;
        let results = map(&pool, ["1", "3600000", "1"].map(Into::into).into()).await;
        let attempts: Vec<_> = results.iter().map(|result| result.receipt.attempts).collect();
        assert_eq!(attempts, [1, 2, 1]);
    });
}

#[test]
fn a_task_has_its_own_deadline_where_the_host_keeps_that_of_all() {
    let events = Events::default();
    block_on(async {
        let pool = start("spin-on-bang", killing(Duration::from_secs(100), &events)).await;
        let endless = pool.submit(Input::new("!").timeout(Duration::from_millis(150))).await.unwrap();
        let behind = pool.submit("1").await.unwrap();
        let result = endless.await;
        assert!(is_killed(&result, "ran longer than 150ms"), "{result:?}");
        assert_eq!(behind.await.outcome.status(), Status::Ok);
    });
    assert_eq!(events.deaths().len(), 1);
}

#[test]
fn tasks_within_their_deadline_are_never_killed_however_long_their_lease() {
    let events = Events::default();
    block_on(async {
        let mut config = killing(Duration::from_secs(4), &events);
        config.chunksize = NonZeroUsize::new(1_000);
        // Rows that take no time make the lease long; those that follow take more than the deadline together. Each of
        // them is far from it, so that a machine that is busy does not make it late.
        let rows = std::iter::repeat_n("0", 300).chain(["100"; 45]).map(Into::into).collect();
        let results = map(&start("sleep", config).await, rows).await;
        assert!(results.iter().all(|result| result.outcome == Outcome::Ok("\"slept\"".into())), "{results:?}");
    });
    assert_eq!(events.deaths(), []);
}

#[test]
fn c75_time_in_which_workers_are_paused_brings_no_deadline_nearer() {
    let events = Events::default();
    block_on(async {
        let pool = start("spin-on-bang", killing(Duration::from_millis(600), &events)).await;
        let stopper = pool.stopper();
        let endless = pool.submit("!").await.unwrap();
        until("it runs", || endless.state() == TaskState::Running).await;
        for _ in 0..3 {
            stopper.pause();
            sleep(Duration::from_millis(400)).await;
            assert!(endless.result().is_none(), "it was killed for a pause");
            stopper.resume();
        }
        assert!(is_killed(&endless.await, "ran longer than 600ms"));
        pool.shutdown(Shutdown::Drain).await;
    });
}

/// The number of images in a cache.
fn images(cache: &Path) -> usize {
    read_dir(cache.join("wpool")).expect("there is a cache").count()
}

#[test]
fn a_program_whose_deadline_the_host_keeps_is_compiled_as_one_without() {
    let cache = folder();
    let run = |args: &str| {
        let ran = run(wpool_run(&wat("noop"), args).env("XDG_CACHE_HOME", cache.path()), "1");
        assert_eq!(ran.code, OK, "{}", ran.stderr);
        images(cache.path())
    };
    assert_eq!(run(""), 1);
    assert_eq!(run("--timeout 60s --interrupt kill"), 1);
    assert_eq!(run("--timeout 60s --interrupt epoch"), 2);
    assert_eq!(run("--timeout 60s"), 2);
}

#[test]
fn a_way_to_interrupt_needs_something_to_interrupt() {
    let program = wat("noop");
    for (args, needle) in [
        ("--interrupt kill", "--timeout"),
        ("--interrupt kill --deterministic", "--deterministic"),
        ("--interrupt nicely --timeout 1s", "expected epoch or kill"),
    ] {
        assert_refused(&run(&mut wpool_run(&program, args), "1"), USAGE, &[needle], args);
    }
    let events = Events::default();
    block_on(async {
        let killing = |deadline| killing(Duration::from_millis(deadline), &events);
        for (task, setting) in [
            (TaskSettings { isolation: Isolation::Checked, ..killing(1000).task }, Setting::Isolation),
            (TaskSettings { verify_isolation: true, ..killing(1000).task }, Setting::VerifyIsolation),
            (killing(29).task, Setting::Deadline),
        ] {
            let config = PoolConfig { task, ..killing(1000) };
            let refused = Pool::builder(Program::read(&program).unwrap()).config(config).build().await;
            let error = refused.expect_err("settings that harm each other");
            assert!(error.settings().contains(&setting), "{error}");
        }
    });
}
