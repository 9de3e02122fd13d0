//! Real workers that are struck by signals.

use super::*;

#[test]
fn c53_c55_a_run_whose_workers_are_struck_again_and_again_answers_every_row_once() {
    let strikes = [(Signal::KILL, 20_000), (Signal::TERM, 5_000), (Signal::STOP, 5_000)];
    for_each(
        &strikes,
        |(signal, _)| format!("{signal:?}"),
        |&(signal, count)| {
            let events = Events::default();
            block_on(async {
                // A suspect may be struck as often as anybody else here, which is no crash of its own.
                let patience = Duration::from_millis(200);
                let config = PoolConfig { crash_limit: 1_000, patience, ..real(2, &events) };
                let pool = start("slow", config).await;
                // Each row takes the guest some 50 µs and comes back.
                let rows: Vec<String> = (0..count).map(|row| (100_000 + row).to_string()).collect();
                let mut results = pool.map(rows.clone());
                let mut all = Vec::new();
                while let Some(result) = results.next().await.unwrap() {
                    all.push(result);
                    if all.len() % 500 == 0 {
                        events.pids().into_iter().for_each(|pid| signal_child(pid, signal));
                    }
                }
                drop(results);
                assert_echoed(&all, &rows);
                assert!(events.deaths().len() > 5, "{:?}", events.deaths());
                pool.shutdown(Shutdown::Drain).await;
                assert_gone(&events.pids()).await;
            });
        },
    );
}

#[test]
fn c60_a_task_whose_worker_is_killed_three_times_is_a_crash_that_names_the_signal() {
    let events = Events::default();
    let rows: Vec<String> = ["!", "a", "b", "c"].map(Into::into).into();
    let results = block_on(async {
        let pool = start("spin-on-bang", real(1, &events)).await;
        let killer = async {
            for strike in 0..3 {
                until("a worker runs the task", || events.pids().get(strike).is_some_and(|&pid| Process::is_busy(pid)))
                    .await;
                signal_child(events.pids()[strike], Signal::KILL);
            }
        };
        tokio::join!(collect(&pool, &rows), killer).0.unwrap()
    });
    assert_in_order(&results, &rows);
    let crash = failure(&results[0]);
    assert_eq!((crash.status, crash.error.signal.as_deref()), (Status::Crash, Some("SIGKILL")));
    assert!(results[1..].iter().all(|result| result.outcome == Outcome::Ok(result.input.bytes.clone())));
    let struck = [0, 1, 2].map(|_| ("was killed by SIGKILL".to_owned(), Some(0)));
    assert_eq!(events.deaths(), struck);
}

#[test]
fn c55_a_worker_that_stands_too_long_is_replaced_and_its_task_is_not_blamed() {
    let events = Events::default();
    block_on(async {
        let config = PoolConfig { crash_limit: 1, patience: Duration::from_millis(100), ..real(1, &events) };
        let pool = start("spin-on-bang", config).await;
        let rows: Vec<String> = ["!", "a"].map(Into::into).into();
        let killer = async {
            for strike in 0..3 {
                until("a worker runs the task", || events.pids().get(strike).is_some_and(|&pid| Process::is_busy(pid)))
                    .await;
                signal_child(events.pids()[strike], Signal::STOP);
            }
            until("it runs again", || events.pids().get(3).is_some_and(|&pid| Process::is_busy(pid))).await;
            pool.stopper().stop(Shutdown::Kill);
        };
        let results = tokio::join!(collect(&pool, &rows), killer).0.unwrap();
        let failure = failure(&results[0]);
        assert_eq!((failure.status, results[0].receipt.attempts), (Status::Cancelled, 4));
    });
    let stopped = [0, 1, 2].map(|_| ("was stopped by a signal for 100ms, and was killed".to_owned(), Some(0)));
    assert_eq!(events.deaths()[..3], stopped);
}
