//! Runs and submitted tasks in one pool, also when it ends or is full.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

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
