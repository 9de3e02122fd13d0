//! Workers that are started before there is a task for them.

use std::num::NonZeroU32;

use super::*;

#[test]
fn a_worker_that_is_started_ahead_serves_what_comes_and_ends_with_its_pool() {
    // Before there is a task, and before the kill of another.
    let faulty = Faulty::always("hang", "poison");
    block_on(async {
        let mut config = PoolConfig { interrupt: Interrupt::Kill, ..faulty.config(1) };
        config.task.limits.deadline = Some(Duration::from_millis(300));
        let pool = echo(config).await.unwrap();
        pool.warm_up();
        pool.warm_up();
        until("a worker has started", || faulty.starts().len() == 1).await;
        let rows = ["1", "poison", "2", "poison"].map(str::to_owned);
        let results = collect(&pool, &rows).await.unwrap();
        let statuses: Vec<_> = results.iter().map(|result| result.outcome.status()).collect();
        assert_eq!(statuses, [Status::Ok, Status::Timeout, Status::Ok, Status::Timeout]);
        pool.shutdown(Shutdown::Drain).await;
        // There was nothing left for the third, which may have ended before it could note that it had begun.
        assert!((2..=3).contains(&faulty.starts().len()));
        assert_gone(&faulty.starts()).await;

        let pool = echo(faulty.config(2)).await.unwrap();
        let before = faulty.starts().len();
        pool.warm_up();
        until("another has started", || faulty.starts().len() > before).await;
        pool.shutdown(Shutdown::Drain).await;
        assert_gone(&faulty.starts()).await;
    });
}

#[test]
fn a_task_is_never_given_to_a_worker_that_died_before_there_was_one() {
    let faulty = Faulty::always("hang", "poison");
    block_on(async {
        let pool = faulty.pool(1).await;
        pool.warm_up();
        until("a worker is ready", || pool.fence().is_some()).await;
        let pid = faulty.starts()[0];
        signal_child(pid, Signal::KILL);
        let is_zombie = || std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "));
        until("it is dead", is_zombie).await;
        let rows = numbers(1);
        assert_echoed(&collect(&pool, &rows).await.unwrap(), &rows);
        assert_eq!((pool.stats().deaths, faulty.starts().len()), (0, 2));
    });
}

#[test]
fn a_worker_that_is_started_ahead_is_counted_by_the_slot_that_takes_it() {
    let events = Events::default();
    let retired = || events.all().into_iter().filter(|event| matches!(event, Event::WorkerRetired { .. })).count();
    block_on(async {
        let config = PoolConfig { max_tasks_per_worker: NonZeroU32::new(1), ..real(1, &events) };
        let pool = start("echo", config).await;
        for worker in 1..=2 {
            pool.warm_up();
            collect(&pool, &numbers(1)).await.unwrap();
            until("the worker is replaced", || retired() == worker).await;
        }
    });
    let generations = events.all().into_iter().filter_map(|event| match event {
        Event::WorkerStarted { generation, .. } | Event::WorkerRetired { generation, .. } => Some(generation),
        _ => None,
    });
    assert_eq!(generations.collect::<Vec<_>>(), [0, 0, 1, 1]);
}

#[test]
fn closing_a_pool_does_not_wait_for_a_worker_that_is_started_ahead_and_does_not_come_up() {
    // Whether a slot waits for it already, or nobody.
    for count in [5, 0] {
        let faulty = Faulty::always("hang", "start");
        block_on(async {
            let pool = faulty.pool(1).await;
            pool.warm_up();
            until("a worker is being started", || !faulty.starts().is_empty()).await;
            for row in numbers(count) {
                pool.submit(row).await.unwrap();
            }
            tokio::time::timeout(Duration::from_secs(15), pool.shutdown(Shutdown::Kill))
                .await
                .expect("closing waits for the start deadline");
            assert_gone(&faulty.starts()).await;
        });
    }
}
