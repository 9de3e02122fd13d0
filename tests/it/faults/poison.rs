//! Tasks that break every worker.

use super::*;

#[test]
fn c60_a_task_that_breaks_every_worker_is_a_crash_and_all_others_are_ok() {
    let faults = [
        ("exit", "worker-exit", None, "exited with code 0"),
        ("complain", "worker-exit", None, "exited with code 3: cannot find the sandbox"),
        ("abort", "signal", Some("SIGABRT"), "was killed by SIGABRT"),
        ("kill", "signal", Some("SIGKILL"), "was killed by SIGKILL"),
        ("close-stdout", "worker-exit", None, "closed its output"),
        ("garbage", "worker-protocol", None, "without the magic number"),
        ("half-frame", "worker-protocol", None, "in the middle of a frame"),
        ("long-output", "worker-protocol", None, "an output of 1048577 bytes"),
        ("crash-status", "worker-protocol", None, "status code 7"),
    ];
    for_each(
        &faults,
        |(fault, ..)| fault.to_string(),
        |&(fault, code, signal, message)| {
            let faulty = Faulty::always(fault, "poison");
            let mut rows = numbers(100);
            rows.insert(40, "poison".into());
            let mut results = block_on(async { collect(&faulty.pool(2).await, &rows).await.unwrap() });
            assert_in_order(&results, &rows);

            let poisoned = results.remove(40);
            let failure = failure(&poisoned);
            assert_eq!((failure.status, &*failure.error.code), (Status::Crash, code));
            assert_eq!(failure.error.signal.as_deref(), signal);
            assert!(failure.error.message.contains(message), "{}", failure.error.message);
            assert!(failure.error.message.contains("and 2 workers before it"), "{}", failure.error.message);
            assert_eq!((poisoned.receipt.layer, poisoned.receipt.attempts), (Layer::Kernel, 3));
            assert!(results.iter().all(|result| result.outcome == Outcome::Ok(result.input.bytes.clone())));
        },
    );
}

#[test]
fn the_crash_limit_is_how_many_workers_may_die_under_a_task() {
    for crash_limit in [1, 2, 5] {
        let faulty = Faulty::always("abort", "poison");
        block_on(async {
            let config = PoolConfig { crash_limit, ..faulty.config(1) };
            let results = collect(&echo(config).await.unwrap(), &["poison".to_owned()]).await.unwrap();
            assert_eq!(failure(&results[0]).status, Status::Crash);
            assert_eq!(faulty.starts().len(), crash_limit as usize);
        });
    }
}

#[test]
fn c54_c60_a_task_behind_a_crash_still_runs_when_both_stood_in_one_lease() {
    let faulty = Faulty::always("abort", "poison");
    block_on(async {
        let pool = faulty.pool(1).await;
        // Fast tasks first, so that the lease is long when the poison comes.
        let mut rows = numbers(300);
        (150..160).for_each(|at| rows[at] = "poison".into());
        let results = collect(&pool, &rows).await.unwrap();
        assert_in_order(&results, &rows);
        for result in &results {
            let expected = if result.input.bytes == "poison" { Status::Crash } else { Status::Ok };
            assert_eq!(result.outcome.status(), expected, "task {}", result.id.0);
        }
        assert_eq!(pool.stats().deaths, 30);
    });
}
