//! wpool as a library: the guarantees to an embedder.

use std::cell::Cell;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use tokio::time::sleep;
use wpool::limits::MAX_WORKERS;
use wpool::limits::{MAX_INPUT, MAX_MEMORY, MAX_OUTPUT};
use wpool::report::Convention;
use wpool::{
    Error, Input, Limits, Outcome, Pool, PoolConfig, Program, Rejected, Results, Shutdown, Status, TaskResult,
    TaskSettings, WorkerCommand,
};

use crate::support::*;

fn config() -> PoolConfig {
    PoolConfig { workers: 2, worker: Some(WorkerCommand::at(env!("CARGO_BIN_EXE_wpool"))), ..PoolConfig::default() }
}

async fn start(guest: &str, config: PoolConfig) -> Pool {
    Pool::builder(Program::read(wat(guest)).unwrap()).config(config).build().await.unwrap()
}

fn numbers(count: u64) -> impl Iterator<Item = String> {
    (0..count).map(|number| number.to_string())
}

async fn collect<I>(pool: &Pool, inputs: I) -> Vec<TaskResult>
where
    I: IntoIterator<Item: Into<Input>>,
{
    drain(pool.map(inputs)).await
}

async fn drain<S>(mut results: Results<'_, S>) -> Vec<TaskResult>
where
    S: Stream<Item: Into<Input>>,
{
    let mut all = Vec::new();
    while let Some(result) = results.next().await.unwrap() {
        all.push(result);
    }
    all
}

/// All results, with ids counted from 0, are the rows from 0 on.
fn assert_numbers(results: &[TaskResult], count: u64) {
    assert_eq!(results.len() as u64, count);
    for (result, number) in results.iter().zip(0..) {
        assert_eq!((result.id.0, &result.outcome), (number, &Outcome::Ok(number.to_string().into())));
    }
}

#[test]
fn results_come_in_the_order_of_their_inputs() {
    block_on(async {
        let pool = start("echo", config()).await;
        assert_numbers(&collect(&pool, numbers(30_000)).await, 30_000);
    });
}

#[test]
fn unordered_results_come_as_tasks_end_and_each_comes_once() {
    block_on(async {
        let pool = start("sleep", config()).await;
        let mut results = drain(pool.map(std::iter::once("700").chain(["0"; 200])).unordered()).await;
        assert_eq!(results.last().unwrap().id.0, 0, "the slow one comes last");
        results.sort_by_key(|result| result.id);
        let ids: Vec<u64> = results.iter().map(|result| result.id.0).collect();
        assert_eq!(ids, (0..=200).collect::<Vec<_>>());
    });
}

#[test]
fn a_slow_task_does_not_keep_the_tasks_behind_it_waiting() {
    block_on(async {
        // All rows of the first lease are together; the second worker takes what the first has not begun.
        let chunksize = NonZeroUsize::new(1_000);
        let pool = start("sleep", PoolConfig { chunksize, ..config() }).await;
        let rows: Vec<&str> = std::iter::repeat_n("0", 1_000).chain(["3000"]).chain(["0"; 200]).collect();
        let results = drain(pool.map(rows).unordered()).await;
        assert_eq!(results.last().unwrap().id.0, 1_000);
    });
}

#[test]
fn inputs_come_back_with_their_tags() {
    block_on(async {
        let pool = start("echo", config()).await;
        let inputs = (0..100).map(|number| Input::new(vec![number]).tagged(1_000 + u64::from(number)));
        for (result, number) in collect(&pool, inputs).await.into_iter().zip(0u8..) {
            assert_eq!((result.input.tag, result.input.bytes), (1_000 + u64::from(number), Bytes::from(vec![number])));
        }
    });
}

#[test]
fn a_chunk_of_results_is_empty_only_after_the_last() {
    block_on(async {
        let pool = start("echo", config()).await;
        let mut results = pool.map(numbers(5_000));
        let mut all = Vec::new();
        loop {
            let chunk: Vec<_> = results.next_chunk().await.unwrap().collect();
            if chunk.is_empty() {
                break;
            }
            all.extend(chunk);
        }
        assert_numbers(&all, 5_000);
        assert!(results.next().await.unwrap().is_none(), "and nothing follows");
    });
}

#[test]
fn one_pool_serves_many_maps_with_the_same_workers() {
    let events = Events::default();
    block_on(async {
        let pool = start("echo", PoolConfig { observer: events.observer(), ..config() }).await;
        for count in [1_000, 0, 1, 3_000] {
            assert_numbers(&collect(&pool, numbers(count)).await, count);
        }
        assert_eq!(pool.stats().deaths, 0);
        pool.shutdown(Shutdown::Drain).await;
    });
    assert!(events.pids().len() <= 2, "{:?}", events.pids());
}

#[test]
fn two_pools_work_at_once() {
    block_on(async {
        let (one, other) = (start("echo", config()).await, start("counter", config()).await);
        let (echoed, counted) = tokio::join!(collect(&one, numbers(2_000)), collect(&other, numbers(2_000)));
        assert_numbers(&echoed, 2_000);
        assert!(counted.iter().all(|result| result.outcome == Outcome::Ok("[1,1]".into())), "every instance is fresh");
    });
}

#[test]
fn a_pool_can_be_used_from_the_tasks_of_a_runtime_with_many_threads() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(3).enable_all().build().unwrap();
    runtime.block_on(async {
        let tasks = (0..3).map(|_| {
            tokio::spawn(async {
                let pool = start("echo", config()).await;
                assert_numbers(&collect(&pool, numbers(2_000)).await, 2_000);
                pool.shutdown(Shutdown::Drain).await;
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            tokio::time::timeout(Duration::from_secs(60), task).await.expect("it hangs").unwrap();
        }
    });
}

#[test]
fn workers_start_when_there_is_work_and_no_more_than_there_is() {
    let events = Events::default();
    block_on(async {
        let config = PoolConfig { workers: 8, observer: events.observer(), ..config() };
        let pool = start("echo", config).await;
        sleep(Duration::from_millis(100)).await;
        assert_eq!(events.pids().len(), 0);
        collect(&pool, numbers(1)).await;
        assert_eq!(events.pids().len(), 1);
    });
}

#[test]
fn c73_nothing_is_taken_from_the_inputs_while_nobody_takes_results() {
    for row_bytes in [1, 1 << 20] {
        let taken = Cell::new(0);
        let endless = std::iter::repeat_with(|| vec![b'7'; row_bytes]).inspect(|_| taken.set(taken.get() + 1));
        block_on(async {
            let pool = start("echo", config()).await;
            let mut results = pool.map(endless);
            results.next().await.unwrap();
            let before = taken.get();
            sleep(Duration::from_millis(300)).await;
            assert_eq!(taken.get(), before);
            // Taking a few more must not open the gates either.
            for _ in 0..50 {
                results.next().await.unwrap();
            }
        });
        let (tasks, bytes) = (taken.get(), taken.get() * row_bytes);
        assert!(tasks < 1 << 17 && bytes < 256 << 20, "{tasks} of {row_bytes} bytes were taken");
    }
}

#[test]
fn c88_a_task_that_never_ends_bounds_what_is_taken_behind_it() {
    let taken = Cell::new(0);
    let rows = std::iter::once("!").chain(std::iter::repeat("1")).inspect(|_| taken.set(taken.get() + 1));
    block_on(async {
        let pool = start("spin-on-bang", config()).await;
        let mut results = pool.map(rows);
        tokio::select! {
            _ = results.next() => panic!("the first task never ends"),
            () = sleep(Duration::from_secs(2)) => {}
        }
    });
    assert!((1_000..1 << 17).contains(&taken.get()), "{} rows were taken", taken.get());
}

#[test]
fn c59_rows_and_outputs_of_many_megabytes_block_nobody() {
    block_on(async {
        let mut config = config();
        config.task.limits.output = MAX_INPUT as u64;
        let pool = start("echo", config).await;
        let long = Bytes::from(vec![b'x'; MAX_INPUT]);
        let inputs = [long.clone(), "a".into(), long.clone(), long.clone(), "b".into(), Bytes::new()];
        let results = collect(&pool, inputs.clone()).await;
        assert_eq!(results.len(), inputs.len());
        for (result, input) in results.iter().zip(inputs) {
            assert!(result.outcome == Outcome::Ok(input), "task {}", result.id.0);
        }
        assert_eq!(pool.stats().deaths, 0);
    });
}

#[test]
fn an_input_that_is_too_long_is_invalid_and_the_others_are_not() {
    block_on(async {
        let pool = start("echo", config()).await;
        let inputs = [Bytes::from("a"), Bytes::from(vec![b'x'; MAX_INPUT + (1 << 20)]), Bytes::from("b")];
        let results = collect(&pool, inputs).await;
        let statuses: Vec<Status> = results.iter().map(|result| result.outcome.status()).collect();
        assert_eq!(statuses, [Status::Ok, Status::InvalidInput, Status::Ok]);
    });
}

#[test]
fn rejected_inputs_keep_their_place_and_meet_no_worker() {
    for ordered in [true, false] {
        let events = Events::default();
        block_on(async {
            let config = PoolConfig { observer: events.observer(), ..config() };
            let pool = start("echo", config).await;
            let rejected = || Input::rejected(Rejected::TooLong).tagged(7);
            assert_eq!(collect(&pool, [rejected(), rejected()]).await.len(), 2);
            assert_eq!(events.pids().len(), 0);

            let results = pool.map([Input::new("a"), rejected(), Input::new("b")]);
            let mut results = drain(if ordered { results } else { results.unordered() }).await;
            results.sort_by_key(|result| result.id);
            let [a, refused, b] = &results[..] else { panic!("three inputs, {} results", results.len()) };
            assert_eq!((&a.outcome, &b.outcome), (&Outcome::Ok("a".into()), &Outcome::Ok("b".into())));
            let Outcome::NotOk(failure) = &refused.outcome else { panic!("it was rejected") };
            assert_eq!((failure.status, &*failure.error.code), (Status::InvalidInput, "line-too-long"));
            assert_eq!((refused.input.tag, refused.receipt.attempts), (7, 0));
        });
    }
}

#[test]
fn a_pool_says_what_its_program_is() {
    block_on(async {
        let pool = start("echo", config()).await;
        assert_eq!((pool.report().convention, pool.report().wasi), (Convention::Raw, false));
    });
}

#[test]
fn settings_that_cannot_be_had_are_refused_before_anything_starts() {
    type Change = fn(&mut PoolConfig);
    let changes: &[(Change, &str)] = &[
        (|config| config.workers = 0, "workers must be from 1 to 1024, not 0"),
        (|config| config.workers = MAX_WORKERS + 1, "workers must be from 1 to 1024, not 1025"),
        (|config| config.crash_limit = 0, "the crash limit must be at least 1"),
        (|config| config.task.limits.deadline = Some(Duration::ZERO), "deadline"),
        (|config| config.task.limits.memory = MAX_MEMORY + 1, "memory limit"),
        (|config| config.task.limits.output = MAX_OUTPUT + 1, "output limit"),
    ];
    for (change, expected) in changes {
        let mut config = PoolConfig { worker: Some(WorkerCommand::at("/nonexistent")), ..PoolConfig::default() };
        change(&mut config);
        let program = Program::new("none", "");
        let error = block_on(async { Pool::builder(program).config(config).build().await.map(|_| ()).unwrap_err() });
        assert!(matches!(&error, Error::Setting(why) if why.to_string().contains(expected)), "{error}");
    }
}

#[test]
fn a_program_that_cannot_be_read_is_an_error_with_its_path() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().join("missing.wasm"), folder.path().to_owned(), "/dev/zero".into()] {
        let error = Program::read(&path).unwrap_err();
        assert!(matches!(&error, Error::ReadProgram { path: named, .. } if *named == path));
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
}

#[test]
fn a_program_that_is_none_is_refused_by_name() {
    for (bytes, code) in [("", "bad-module"), ("\u{7f}ELF", "bad-module"), ("(module", "bad-module")] {
        let program = Program::new("mine", bytes);
        let error = block_on(async { Pool::builder(program).config(config()).build().await.map(|_| ()).unwrap_err() });
        let Error::ProgramRefused { name, refusal } = &error else { panic!("{error}") };
        assert_eq!((&**name, refusal.code.as_str()), ("mine", code), "{error}");
    }
}

#[test]
fn a_program_that_wants_more_memory_than_it_may_have_is_refused() {
    let limits = Limits { memory: 64 << 20, ..Limits::default() };
    let program = Program::read(wat("huge-memory")).unwrap();
    let error = block_on(async {
        Pool::builder(program)
            .config(PoolConfig { task: TaskSettings { limits, ..TaskSettings::default() }, ..config() })
            .build()
            .await
            .map(|_| ())
            .unwrap_err()
    });
    assert!(
        matches!(&error, Error::ProgramRefused { refusal, .. } if refusal.code.as_str() == "memory-limit"),
        "{error}"
    );
}

/// A program of somebody else's.
fn stranger() -> Command {
    let program = example("stranger");
    assert!(program.exists(), "`cargo test` or `cargo build --release --examples` builds {}", program.display());
    Command::new(program)
}

#[test]
fn a_program_of_somebody_elses_can_be_its_own_worker() {
    let ran = run(stranger().arg("this").arg(wat("trap-on-bang")).args(["a", "!", "b"]), "");
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!((ran.code, lines[0], lines[2]), (0, "0 a", "2 b"), "{}", ran.stderr);
    assert!(lines[1].starts_with("1 trap: "), "{}", lines[1]);
}

#[test]
fn a_program_whose_file_was_removed_is_its_own_worker_all_the_same() {
    // A second name for the file, because one that was just written may still be open for writing in a child of another
    // test, and cannot be run until that child is.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let name = folder.path().join("stranger");
    std::fs::hard_link(stranger().get_program(), &name).unwrap();
    let ran = run(Command::new(&name).arg("removed").arg(wat("echo")).arg("a"), "");
    assert_eq!((ran.code, &*ran.stdout), (0, "0 a\n"), "{}", ran.stderr);
    assert!(!name.exists());
}

#[test]
fn a_worker_can_be_started_through_another_program() {
    let worker = WorkerCommand { program: "/usr/bin/env".into(), args: vec![env!("CARGO_BIN_EXE_wpool").into()] };
    block_on(async {
        let pool = start("echo", PoolConfig { worker: Some(worker), ..config() }).await;
        assert_numbers(&collect(&pool, numbers(10)).await, 10);
    });
}

#[test]
fn an_installed_wpool_is_found_in_the_path() {
    let bin = Path::new(env!("CARGO_BIN_EXE_wpool")).parent().unwrap();
    let path = std::env::join_paths([Path::new("/nonexistent"), bin]).unwrap();
    let ran = run(stranger().env("PATH", path).arg("installed").arg(wat("echo")).arg("a"), "");
    assert_eq!((ran.code, &*ran.stdout), (0, "0 a\n"), "{}", ran.stderr);

    let ran = run(stranger().env("PATH", "/nonexistent").arg("installed").arg(wat("echo")).arg("a"), "");
    assert_eq!((ran.code, &*ran.stdout), (1, ""));
    assert!(ran.stderr.contains("no `wpool` executable beside this program or in PATH"), "{}", ran.stderr);
}

#[test]
fn c64_the_workers_of_a_stranger_end_with_it() {
    let mut stranger = stranger();
    let mut host = stranger.arg("this").arg(wat("spin")).arg("a").stdout(Stdio::null()).spawn().unwrap();
    let pid = host.id();
    block_on(until("its worker runs", || children_of(pid).iter().any(|&worker| Process::is_busy(worker))));
    host.kill().unwrap();
    host.wait().unwrap();
    block_on(until("its worker is gone", || children_of(pid).is_empty()));
}
