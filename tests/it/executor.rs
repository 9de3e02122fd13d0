//! Submitted tasks: what users of an executor expect of it.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use serde_json::json;
use tokio::time::sleep;
use wpool::{
    Builder, Error, Event, Input, Layer, Observer, Outcome, Pool, Program, Retry, Shutdown, Status, TaskHandle,
    TaskResult, TaskState, Until, WorkerCommand, as_completed, blocking, wait,
};

use crate::support::*;

/// A pool of real workers, not started yet.
fn pool(guest: &str, workers: usize) -> Builder {
    let worker = WorkerCommand::at(env!("CARGO_BIN_EXE_wpool"));
    Pool::builder(Program::read(wat(guest)).unwrap()).worker(worker).workers(workers)
}

async fn submit(pool: &Pool, rows: impl IntoIterator<Item = &str>) -> Vec<TaskHandle> {
    let mut handles = Vec::new();
    for row in rows {
        handles.push(pool.submit(row.to_owned()).await.unwrap());
    }
    handles
}

fn statuses(results: &[TaskResult]) -> Vec<Status> {
    results.iter().map(|result| result.outcome.status()).collect()
}

async fn results(handles: Vec<TaskHandle>) -> Vec<TaskResult> {
    let mut results = Vec::new();
    for handle in handles {
        results.push(handle.await);
    }
    results
}

async fn runs(handle: &TaskHandle) {
    until("the task runs", || handle.state() == TaskState::Running).await;
}

#[test]
fn a_submitted_task_gives_its_result_to_everybody_who_holds_it() {
    block_on(async {
        let pool = pool("echo", 2).build().await.unwrap();
        let handle = pool.submit("7").await.unwrap();
        let other = handle.clone();
        let result = handle.await;
        assert_eq!((result.id.0, result.outcome, result.input.bytes), (0, Outcome::Ok("7".into()), "7".into()));
        assert_eq!((other.state(), other.result().unwrap().id.0), (TaskState::Done, 0));
        assert_eq!(pool.submit("8").await.unwrap().id().0, 1);
    });
}

#[test]
fn thousands_of_submitted_tasks_give_a_result_each() {
    block_on(async {
        let pool = pool("echo", 2).build().await.unwrap();
        let rows: Vec<String> = (0..5_000).map(|n| n.to_string()).collect();
        let handles = submit(&pool, rows.iter().map(String::as_str)).await;
        for (result, row) in results(handles).await.into_iter().zip(rows) {
            assert_eq!(result.outcome, Outcome::Ok(row.into()));
        }
    });
}

#[test]
fn cancelling_a_running_task_kills_its_worker_and_loses_no_other_task() {
    let events = Events::default();
    block_on(async {
        let pool = pool("spin-on-bang", 1).observer(events.observer()).build().await.unwrap();
        let before = submit(&pool, ["1"; 50]).await;
        let endless = pool.submit("!").await.unwrap();
        let behind = submit(&pool, ["2"; 50]).await;
        runs(&endless).await;
        endless.cancel();
        let cancelled = endless.await;
        let Outcome::NotOk(failure) = &cancelled.outcome else { panic!("it never ends by itself") };
        assert_eq!((failure.status, cancelled.receipt.layer), (Status::Cancelled, Layer::Kill));
        let others = results(before.into_iter().chain(behind).collect()).await;
        assert_eq!(statuses(&others), [Status::Ok; 100]);
        assert_eq!(pool.stats().deaths, 0, "a kill that was asked for is no death");
    });
    assert_eq!(events.pids().len(), 2, "its worker was replaced");
}

#[test]
fn cancelling_a_task_that_waits_needs_no_kill() {
    let events = Events::default();
    block_on(async {
        let pool = pool("spin-on-bang", 1).observer(events.observer()).build().await.unwrap();
        let endless = pool.submit("!").await.unwrap();
        runs(&endless).await;
        let waiting = pool.submit("1").await.unwrap();
        assert_eq!(waiting.state(), TaskState::Queued);
        waiting.cancel();
        let result = waiting.await;
        assert_eq!((result.outcome.status(), result.receipt.attempts), (Status::Skipped, 0));
        assert_eq!(endless.state(), TaskState::Running);
        endless.cancel();
        endless.await;
    });
    assert_eq!(events.pids().len(), 1);
}

#[test]
fn cancelling_what_has_settled_changes_nothing() {
    block_on(async {
        let pool = pool("echo", 1).build().await.unwrap();
        let handle = pool.submit("1").await.unwrap();
        handle.clone().await;
        handle.cancel();
        assert_eq!(handle.await.outcome, Outcome::Ok("1".into()));
        assert_eq!(pool.submit("2").await.unwrap().await.outcome, Outcome::Ok("2".into()));
    });
}

#[test]
fn waiting_with_a_limit_of_time_leaves_the_task_as_it_is() {
    block_on(async {
        let pool = pool("sleep", 1).build().await.unwrap();
        let handle = pool.submit("1500").await.unwrap();
        assert!(handle.wait_for(Duration::from_millis(20)).await.is_none());
        assert_eq!(handle.wait_for(Duration::from_secs(60)).await.unwrap().outcome, Outcome::Ok("\"slept\"".into()));
    });
}

#[test]
fn callbacks_are_called_once_with_the_result_and_may_break_without_harm() {
    let called = Arc::new(Mutex::new(Vec::new()));
    block_on(async {
        let pool = pool("sleep", 1).build().await.unwrap();
        let handle = pool.submit("50").await.unwrap();
        for name in ["first", "second"] {
            let called = called.clone();
            handle.on_done(|_| std::panic::panic_any("a callback breaks"));
            handle.on_done(move |result| called.lock().unwrap().push((name, result.outcome.status())));
        }
        handle.clone().await;
        let late = called.clone();
        handle.on_done(move |result| late.lock().unwrap().push(("late", result.outcome.status())));
        assert_eq!(pool.submit("0").await.unwrap().await.outcome.status(), Status::Ok);
    });
    assert_eq!(*called.lock().unwrap(), [("first", Status::Ok), ("second", Status::Ok), ("late", Status::Ok)]);
}

#[test]
fn a_task_has_its_own_deadline_with_and_without_one_for_all() {
    for (all, layer) in [(None, Layer::Backstop), (Some(Duration::from_secs(100)), Layer::Epoch)] {
        block_on(async {
            let builder = pool("spin-on-bang", 1);
            let pool = all.map_or(builder.clone(), |all| builder.timeout(all)).build().await.unwrap();
            let endless = Input::new("!").timeout(Duration::from_millis(150));
            let handle = pool.submit(endless).await.unwrap();
            let behind = submit(&pool, ["1"; 10]).await;
            let result = handle.await;
            let Outcome::NotOk(failure) = result.outcome else { panic!("it never ends by itself") };
            assert_eq!((failure.status, result.receipt.layer), (Status::Timeout, layer));
            assert_eq!(failure.error.message, "ran longer than 150ms");
            assert_eq!(statuses(&results(behind).await), [Status::Ok; 10]);
        });
    }
}

#[test]
fn waiting_ends_with_the_first_the_first_that_failed_or_all() {
    block_on(async {
        let pool = pool("trap-on-bang", 1).build().await.unwrap();
        let handles = submit(&pool, ["1", "!", "2"]).await;
        let waited = wait(&handles, Until::FirstCompleted).await;
        assert!(waited.done.iter().any(|handle| handle.id().0 == 0), "{waited:?}");
        let waited = wait(&handles, Until::FirstFailed).await;
        assert!(waited.done.iter().any(|handle| handle.id().0 == 1), "{waited:?}");
        let waited = wait(&handles, Until::All).await;
        assert_eq!((waited.done.len(), waited.pending.len()), (3, 0));
        // Without a failure, it is all.
        let handles = submit(&pool, ["1", "2"]).await;
        assert_eq!(wait(&handles, Until::FirstFailed).await.done.len(), 2);
        assert_eq!(wait(&[], Until::FirstCompleted).await.done.len(), 0);
    });
}

#[test]
fn tasks_can_be_taken_as_they_complete() {
    block_on(async {
        let pool = pool("sleep", 2).build().await.unwrap();
        let handles = submit(&pool, ["3000", "0"]).await;
        let mut completed = as_completed(handles);
        assert_eq!(completed.next().await.unwrap().id.0, 1);
        assert_eq!(completed.next().await.unwrap().id.0, 0);
        assert!(completed.next().await.is_none());
    });
}

#[test]
fn one_pool_calls_several_functions() {
    block_on(async {
        let program = Program::read(guest("typed")).unwrap();
        let worker = WorkerCommand::at(env!("CARGO_BIN_EXE_wpool"));
        let pool = Pool::builder(program).worker(worker).workers(2).json_rows().call("shapes.area").build();
        let pool = pool.await.unwrap();
        let area = pool.submit_to("shapes.area", Input::json(&json!({"circle": 0.0}))).await.unwrap();
        let points = (json!({"x": 0, "y": 0}), json!({"x": 2, "y": 4}), ());
        let middle = pool.submit_to("between", Input::json(&points)).await.unwrap();
        let entry = pool.submit(r#""empty""#).await.unwrap();
        assert_eq!(area.await.outcome, Outcome::Ok("0.0".into()));
        let middle: serde_json::Value = serde_json::from_slice(middle.await.outcome.output().unwrap()).unwrap();
        assert_eq!(middle, json!({"x": 1.0, "y": 2.0}));
        assert_eq!(entry.await.outcome.status(), Status::Ok);

        let error = pool.submit_to("no-such", "1").await.unwrap_err();
        assert!(matches!(&error, Error::ProgramRefused { refusal, .. } if refusal.code == "no-function"), "{error}");
        let misfit = pool.submit_to("between", "1").await.unwrap().await;
        assert_eq!(misfit.outcome.status(), Status::InvalidInput);

        let rows = std::iter::zip([0.0, 1.0], [3.0, 5.0]).map(|(a, b)| Input::json(&(point(a), point(b), Some(0.5))));
        let mut middles = pool.map_to("between", rows).unwrap();
        for expected in ["1.5", "3.0"] {
            let result = middles.next().await.unwrap().unwrap();
            let text = String::from_utf8(result.outcome.output().unwrap().to_vec()).unwrap();
            assert!(text.contains(expected), "{text}");
        }
    });
}

#[test]
fn a_function_of_values_cannot_be_called_with_text() {
    block_on(async {
        let program = Program::read(guest("typed")).unwrap();
        let worker = WorkerCommand::at(env!("CARGO_BIN_EXE_wpool"));
        let pool = Pool::builder(program).worker(worker).call("echo.text").build().await.unwrap();
        let error = pool.submit_to("shapes.area", "1").await.unwrap_err();
        assert!(matches!(&error, Error::Config(why) if why.contains("not text")), "{error}");
    });
}

fn point(at: f64) -> serde_json::Value {
    json!({"x": at, "y": at})
}

#[test]
fn runs_and_submitted_tasks_share_a_pool_and_keep_apart() {
    block_on(async {
        let pool = pool("echo", 2).build().await.unwrap();
        let one = async {
            let mut results = pool.map((0..3_000).map(|n| format!("a{n}")));
            for n in 0..3_000u64 {
                let result = results.next().await.unwrap().unwrap();
                assert_eq!((result.id.0, result.outcome), (n, Outcome::Ok(format!("a{n}").into())));
            }
            assert!(results.next().await.unwrap().is_none());
        };
        let other = async {
            let mut results = pool.map((0..3_000).map(|n| format!("b{n}"))).unordered();
            let mut count = 0;
            while let Some(result) = results.next().await.unwrap() {
                assert_eq!(result.outcome, Outcome::Ok(format!("b{}", result.id.0).into()));
                count += 1;
            }
            assert_eq!(count, 3_000);
        };
        let single = async { pool.submit("c").await.unwrap().await };
        let ((), (), single) = tokio::join!(one, other, single);
        assert_eq!(single.outcome, Outcome::Ok("c".into()));
    });
}

#[test]
fn results_that_nobody_takes_do_not_hold_up_another_run() {
    block_on(async {
        let pool = pool("echo", 2).build().await.unwrap();
        let mut unwanted = pool.map(std::iter::repeat_n(vec![b'x'; 1 << 20], 500));
        unwanted.next().await.unwrap();
        let mut wanted = pool.map(["1"; 1_000]);
        while let Some(result) = wanted.next().await.unwrap() {
            assert_eq!(result.outcome.status(), Status::Ok);
        }
    });
}

#[test]
fn dropping_results_cancels_what_is_left_of_them_and_nothing_else() {
    block_on(async {
        let pool = pool("spin-on-bang", 2).build().await.unwrap();
        for _ in 0..3 {
            let mut results = pool.map(["1", "!", "!", "!"].into_iter().chain(["2"; 1_000]));
            assert_eq!(results.next().await.unwrap().unwrap().outcome.status(), Status::Ok);
            until("both workers run for ever", || pool.running().len() == 2).await;
            drop(results);
            assert_eq!(pool.submit("3").await.unwrap().await.outcome, Outcome::Ok("3".into()));
        }
    });
}

#[test]
fn dropping_a_pool_settles_what_was_submitted() {
    block_on(async {
        let pool = pool("spin-on-bang", 1).build().await.unwrap();
        let handles = submit(&pool, ["!", "1", "2"]).await;
        runs(&handles[0]).await;
        let (pid, stopper) = (pool.running()[0].pid, pool.stopper());
        drop(pool);
        assert_eq!(statuses(&results(handles).await), [Status::Cancelled, Status::Skipped, Status::Skipped]);
        until("the worker is gone", || !is_child(pid)).await;
        assert_eq!(stopper.running(), []);
    });
}

#[test]
fn a_pool_ends_by_draining_cancelling_or_killing() {
    let endings = [
        (Shutdown::Drain, [Status::Ok, Status::Ok, Status::Ok]),
        (Shutdown::Cancel, [Status::Ok, Status::Skipped, Status::Skipped]),
        (Shutdown::Kill, [Status::Cancelled, Status::Skipped, Status::Skipped]),
    ];
    for (how, expected) in endings {
        block_on(async {
            let pool = pool("sleep", 1).build().await.unwrap();
            let handles = submit(&pool, ["1000", "0", "0"]).await;
            runs(&handles[0]).await;
            let stopper = pool.stopper();
            stopper.stop(how);
            assert!(matches!(pool.submit("0").await, Err(Error::Ended)), "nothing more is taken");
            pool.shutdown(how).await;
            let results: Vec<_> = handles.into_iter().map(|handle| handle.now_or_never().unwrap()).collect();
            assert_eq!(statuses(&results), expected, "{how:?}");
        });
    }
}

#[test]
fn c73_submitting_waits_while_too_much_is_waiting() {
    block_on(async {
        let pool = pool("spin-on-bang", 1).build().await.unwrap();
        let endless = pool.submit("!").await.unwrap();
        let mut waiting = Vec::new();
        let refused = loop {
            match pool.submit(vec![b'1'; 1 << 20]).now_or_never() {
                Some(handle) => waiting.push(handle.unwrap()),
                None => break waiting.len(),
            }
        };
        assert!((10..200).contains(&refused), "{refused} MiB wait");
        let (next, ()) = tokio::join!(pool.submit("2"), async {
            runs(&endless).await;
            endless.cancel();
        });
        assert_eq!(next.unwrap().await.outcome.status(), Status::Ok);
    });
}

#[test]
fn a_worker_for_each_of_two_thousand_tasks_is_no_deadlock() {
    let retired = Arc::new(AtomicUsize::new(0));
    let counted = retired.clone();
    let observer = Observer::new(move |event| {
        if let Event::WorkerRetired { why, .. } = event {
            assert_eq!(why, "was given all that it may have: 1");
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    // Some milliseconds for each of them, on however many cores there are.
    block_on_within(Duration::from_secs(180), async {
        let builder = pool("echo", 8).max_tasks_per_worker(NonZeroU32::MIN).observer(observer.without_tasks());
        let pool = builder.build().await.unwrap();
        let mut results = pool.map((0..2_000).map(|n| n.to_string()));
        for n in 0..2_000 {
            let result = results.next().await.unwrap().unwrap();
            assert_eq!(result.outcome, Outcome::Ok(n.to_string().into()));
        }
        assert!(results.next().await.unwrap().is_none());
        drop(results);
        assert_eq!((pool.stats().deaths, pool.stats().answers), (0, 2_000));
        pool.shutdown(Shutdown::Drain).await;
    });
    let retired = retired.load(Ordering::Relaxed);
    // A busy machine starts a worker so late that its task is taken back and given to another one, which retires as well.
    assert!((1_992..=2_100).contains(&retired), "{retired}");
}

#[test]
fn a_worker_is_given_no_more_than_its_tasks() {
    let events = Events::default();
    block_on(async {
        let builder = pool("echo", 2).max_tasks_per_worker(NonZeroU32::new(100).unwrap());
        let pool = builder.observer(events.observer()).build().await.unwrap();
        let mut results = pool.map((0..1_000).map(|n| n.to_string())).chunksize(NonZeroUsize::new(30).unwrap());
        while results.next().await.unwrap().is_some() {}
        drop(results);
        pool.shutdown(Shutdown::Drain).await;
    });
    assert!((10..=12).contains(&events.pids().len()), "{}", events.pids().len());
}

#[test]
fn a_task_is_retried_as_often_as_it_may_and_its_receipt_says_so() {
    let events = Events::default();
    block_on(async {
        let retry = Retry { times: 2, delay: Duration::from_millis(1), ..Retry::default() };
        let pool = pool("trap-on-bang", 2).retry(retry).observer(events.observer()).build().await.unwrap();
        let results = results(submit(&pool, ["1", "!", "2"]).await).await;
        assert_eq!(statuses(&results), [Status::Ok, Status::Trap, Status::Ok]);
        assert_eq!((results[1].receipt.attempts, results[1].receipt.retried()), (3, &[Status::Trap; 2][..]));
        assert_eq!((results[0].receipt.attempts, results[0].receipt.retried()), (1, &[][..]));
    });
    let retries =
        events.all().into_iter().filter(|event| matches!(event, Event::TaskRetried { task, .. } if task.0 == 1));
    assert_eq!(retries.count(), 2);
}

#[test]
fn what_is_not_to_be_retried_is_not() {
    block_on(async {
        let retry = Retry { times: 5, on: Vec::new(), ..Retry::default() };
        let pool = pool("trap-on-bang", 1).retry(retry).build().await.unwrap();
        assert_eq!(pool.submit("!").await.unwrap().await.receipt.attempts, 1);
    });
}

#[test]
fn a_task_that_waits_for_a_retry_can_be_cancelled() {
    block_on(async {
        let hour = Duration::from_secs(3_600);
        let retry = Retry { times: 1, delay: hour, max_delay: hour, ..Retry::default() };
        let events = Events::default();
        let pool = pool("trap-on-bang", 1).retry(retry).observer(events.observer()).build().await.unwrap();
        let handle = pool.submit("!").await.unwrap();
        let is_retried = |event: &Event| matches!(event, Event::TaskRetried { .. });
        until("it failed once", || events.all().iter().any(is_retried)).await;
        assert_eq!(handle.state(), TaskState::Queued);
        handle.cancel();
        let result = handle.await;
        assert_eq!((result.outcome.status(), result.receipt.attempts), (Status::Cancelled, 1));
    });
}

#[test]
fn an_observer_hears_of_every_task_in_order() {
    let events = Events::default();
    block_on(async {
        let pool = pool("echo", 2).observer(events.observer()).build().await.unwrap();
        let mut results = pool.map(["1"; 500]);
        while results.next().await.unwrap().is_some() {}
        drop(results);
        pool.shutdown(Shutdown::Drain).await;
    });
    let (mut started, mut settled) = (Vec::new(), Vec::new());
    for event in events.all() {
        match event {
            Event::TaskStarted { task, .. } => started.push(task.0),
            Event::TaskSettled { task, status } => {
                assert!(started.contains(&task.0), "{task:?} settled before it started");
                assert_eq!(status, Status::Ok);
                settled.push(task.0);
            }
            _ => {}
        }
    }
    started.sort_unstable();
    settled.sort_unstable();
    assert!(started.into_iter().eq(0..500) && settled.into_iter().eq(0..500));
}

#[test]
fn an_observer_may_use_the_pool_and_may_break() {
    block_on(async {
        let handle: Arc<Mutex<Option<TaskHandle>>> = Arc::default();
        let inner = handle.clone();
        let observer = Observer::new(move |event| {
            if let Event::TaskSettled { task, .. } = event {
                if task.0 == 0 {
                    inner.lock().unwrap().take().unwrap().cancel();
                }
                std::panic::panic_any("an observer breaks");
            }
        });
        let pool = pool("spin-on-bang", 2).observer(observer).build().await.unwrap();
        let first = pool.submit(Input::new("!").timeout(Duration::from_millis(300))).await.unwrap();
        let endless = pool.submit("!").await.unwrap();
        *handle.lock().unwrap() = Some(endless.clone());
        assert_eq!(first.await.outcome.status(), Status::Timeout);
        assert_eq!(endless.await.outcome.status(), Status::Cancelled);
    });
}

#[test]
fn a_channel_of_events_says_how_many_it_missed() {
    block_on(async {
        let (observer, mut events) = Observer::channel(4);
        let pool = pool("echo", 1).observer(observer).build().await.unwrap();
        results(submit(&pool, ["1"; 100]).await).await;
        let mut heard = Vec::new();
        while let Ok(event) = events.try_recv() {
            heard.push(event);
        }
        assert_eq!(heard.len(), 4);
        results(submit(&pool, ["1"]).await).await;
        sleep(Duration::from_millis(20)).await;
        // 100 tasks started and settled and a worker started, of which four were heard.
        assert_eq!(events.try_recv().unwrap(), Event::Missed(201 - 4));
    });
}

#[test]
fn what_runs_now_is_told_with_its_age() {
    block_on(async {
        let pool = pool("spin", 1).build().await.unwrap();
        let handle = pool.submit("1").await.unwrap();
        until("it has an age", || pool.running().first().is_some_and(|task| task.age > Duration::ZERO)).await;
        let running = pool.running();
        assert_eq!((running.len(), running[0].slot, running[0].task), (1, 0, handle.id()));
        handle.cancel();
        handle.await;
        assert_eq!(pool.running(), []);
    });
}

#[test]
fn a_pool_that_is_paused_stands_still_and_no_deadline_comes_nearer() {
    block_on(async {
        let pool = pool("sleep", 1).timeout(Duration::from_millis(1_500)).build().await.unwrap();
        let handle = pool.submit("500").await.unwrap();
        runs(&handle).await;
        let stopper = pool.stopper();
        stopper.pause();
        assert!(handle.wait_for(Duration::from_secs(3)).await.is_none());
        stopper.resume();
        assert_eq!(handle.await.outcome.status(), Status::Ok);
        assert_eq!(pool.stats().deaths, 0);
    });
}

#[test]
fn a_program_without_a_runtime_has_all_of_it() {
    let built: blocking::Pool = pool("spin-on-bang", 2).build_blocking().unwrap();
    let echoed: Vec<_> = built.map(["1", "2"]).map(|result| result.unwrap().outcome).collect();
    assert_eq!(echoed, [Outcome::Ok("1".into()), Outcome::Ok("2".into())]);
    let endless = built.submit("!").unwrap();
    assert!(endless.wait_for(Duration::from_millis(20)).is_none());
    endless.cancel();
    assert!(matches!(endless.wait().outcome.status(), Status::Cancelled | Status::Skipped));
    let handle = built.submit("3").unwrap();
    built.shutdown(Shutdown::Drain);
    assert_eq!((handle.state(), handle.wait().outcome), (TaskState::Done, Outcome::Ok("3".into())));
}
