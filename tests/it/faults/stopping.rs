//! Runs that are stopped, and pools that are closed or dropped.

use super::*;

/// What becomes of the rows before, at and after one that a worker holds when the run is told to stop.
async fn stop_while_holding(faulty: &Faulty, how: Shutdown) -> Vec<TaskResult> {
    let pool = faulty.pool(1).await;
    let mut rows = numbers(300);
    rows[150] = "hold".into();
    let stopper = pool.stopper();
    let stop = async {
        match how {
            // One that is let go could answer before it is killed.
            Shutdown::Kill => faulty.once_holding(|| stopper.stop(how)).await,
            Shutdown::Drain | Shutdown::Cancel => faulty.while_holding(|| stopper.stop(how)).await,
        }
    };
    let (results, ()) = tokio::join!(collect(&pool, &rows), stop);
    let results = results.unwrap();
    assert_in_order(&results, &rows);
    pool.shutdown(Shutdown::Drain).await;
    assert_gone(&faulty.starts()).await;
    results
}

fn statuses(results: &[TaskResult]) -> Vec<Status> {
    results.iter().map(|result| result.outcome.status()).collect()
}

#[test]
fn a_run_told_to_drain_finishes_what_runs_and_skips_the_rest() {
    let faulty = Faulty::always("none", "never");
    let results = block_on(stop_while_holding(&faulty, Shutdown::Cancel));
    let (done, skipped) = results.split_at(151);
    assert!(done.iter().all(|result| result.outcome == Outcome::Ok(result.input.bytes.clone())));
    assert!(skipped.iter().all(|result| failure(result).status == Status::Skipped));
}

#[test]
fn a_run_told_to_cancel_kills_what_runs_and_skips_the_rest() {
    let faulty = Faulty::always("none", "never");
    let results = statuses(&block_on(stop_while_holding(&faulty, Shutdown::Kill)));
    assert_eq!(results[150], Status::Cancelled);
    assert!(results[151..].iter().all(|&status| status == Status::Skipped));
    // What had finished and not been answered died with the worker; it had begun, so it is not skipped.
    let answered = results[..150].iter().take_while(|&&status| status == Status::Ok).count();
    assert!(results[answered..150].iter().all(|&status| status == Status::Cancelled));
}

#[test]
fn a_worker_that_breaks_while_the_run_drains_is_not_replaced() {
    let faults = ["exit", "abort", "kill", "stop", "close-stdout", "half-frame", "garbage", "wrong-index"];
    for_each(
        &faults,
        |fault| fault.to_string(),
        |fault| {
            let faulty = Faulty::always(fault, "hold");
            let results = statuses(&block_on(stop_while_holding(&faulty, Shutdown::Cancel)));
            // Whoever stops a worker is not its task.
            let suspect = if *fault == "stop" { Status::Cancelled } else { Status::Crash };
            assert_eq!(results[150], suspect, "{fault}");
            assert!(results[151..].iter().all(|&status| status == Status::Skipped));
            assert!(results[..150].iter().all(|status| matches!(status, Status::Ok | Status::Cancelled)));
            assert_eq!(faulty.starts().len(), 1);
        },
    );
}

#[test]
fn real_workers_are_cancelled_in_the_middle_of_a_guest() {
    let events = Events::default();
    let rows: Vec<String> = ["a", "!", "!"].into_iter().chain(["b"; 100]).map(Into::into).collect();
    let results = block_on(async {
        let pool = start("spin-on-bang", real(2, &events)).await;
        let stopper = pool.stopper();
        let cancel = async {
            let busy = || events.pids().iter().filter(|&&pid| Process::is_busy(pid)).count() == 2;
            until("both workers spin", busy).await;
            stopper.stop(Shutdown::Kill);
        };
        let results = tokio::join!(collect(&pool, &rows), cancel).0.unwrap();
        pool.shutdown(Shutdown::Drain).await;
        assert_gone(&events.pids()).await;
        results
    });
    assert_in_order(&results, &rows);
    for result in &results {
        let (spins, status) = (result.input.bytes == "!", result.outcome.status());
        assert!(if spins { status == Status::Cancelled } else { matches!(status, Status::Ok | Status::Skipped) });
    }
}

#[test]
fn a_pool_told_to_stop_does_not_wait_for_a_worker_that_does_not_come_up() {
    let faulty = Faulty::always("hang", "start");
    block_on(async {
        let pool = faulty.pool(1).await;
        let stopper = pool.stopper();
        let stop = async {
            until("a worker is being started", || !faulty.starts().is_empty()).await;
            stopper.stop(Shutdown::Kill);
        };
        let rows = numbers(5);
        let results = tokio::join!(collect(&pool, &rows), stop).0.unwrap();
        assert_eq!(statuses(&results), [Status::Skipped; 5]);
        tokio::time::timeout(Duration::from_secs(15), pool.shutdown(Shutdown::Drain))
            .await
            .expect("closing waits for the start deadline");
        assert_gone(&faulty.starts()).await;
    });
}

#[test]
fn dropping_results_or_pool_in_the_middle_of_a_run_ends_the_workers() {
    for drops_pool in [false, true] {
        let events = Events::default();
        block_on(async {
            let pool = start("spin-on-bang", real(2, &events)).await;
            let mut results = pool.map(["a", "!", "!", "b"]);
            assert_eq!(results.next().await.unwrap().unwrap().outcome, Outcome::Ok("a".into()));
            let spinning =
                async { until("a worker spins", || events.pids().iter().any(|&pid| Process::is_busy(pid))).await };
            tokio::select! {
                _ = results.next() => panic!("the next task never ends"),
                () = spinning => {}
            }
            drop(results);
            if drops_pool {
                drop(pool);
            }
            assert_gone(&events.pids()).await;
        });
    }
}

#[test]
fn a_pool_whose_results_were_dropped_serves_the_next_run_with_nothing_of_the_last() {
    let events = Events::default();
    block_on(async {
        let pool = echo(real(1, &events)).await.unwrap();
        let mut results = pool.map(numbers(1_000));
        results.next().await.unwrap();
        drop(results);
        let results = collect(&pool, &numbers(10)).await.unwrap();
        let ids: Vec<u64> = results.iter().map(|result| result.id.0).collect();
        assert_eq!(ids, (0..10).collect::<Vec<_>>());
        pool.shutdown(Shutdown::Drain).await;
    });
}
