//! Tasks that are retried.

use wpool::Retry;

use super::*;

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
