//! Handles of submitted tasks: results, callbacks, waiting, cancelling.

use wpool::outcome::Layer;
use wpool::{Until, as_completed};

use super::*;

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
fn withdrawing_takes_back_what_waits_and_leaves_what_runs() {
    let events = Events::default();
    block_on(async {
        let pool = pool("spin-on-bang", 1).observer(events.observer()).build().await.unwrap();
        let done = pool.submit("1").await.unwrap();
        done.clone().await;
        // The second task may wait in the lease of the first.
        let (endless, waiting) = (pool.submit("!").await.unwrap(), pool.submit("1").await.unwrap());
        runs(&endless).await;
        assert!(waiting.withdraw() && !endless.withdraw() && !done.withdraw() && !waiting.withdraw());
        assert_eq!(waiting.await.outcome.status(), Status::Skipped);
        assert_eq!(endless.state(), TaskState::Running);
        endless.cancel();
        assert_eq!(endless.await.outcome.status(), Status::Cancelled);
        assert_eq!(done.await.outcome.status(), Status::Ok);
    });
    assert_eq!(events.pids().len(), 1, "only what ran was killed");
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
