//! Observers, pauses, and programs without a runtime.

use wpool::blocking;

use super::*;

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
        // The program was compiled, a worker started, and 100 tasks started and settled. Four of all that were heard.
        assert_eq!(events.try_recv().unwrap(), Event::Missed(202 - 4));
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
