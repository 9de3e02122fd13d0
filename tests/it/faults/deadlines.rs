//! Workers that miss a deadline, and workers that do not.

use std::num::NonZeroUsize;

use super::*;

#[test]
fn a_worker_that_does_not_keep_the_deadline_is_killed_for_it() {
    for (interrupt, grace) in [(Interrupt::Epoch, Duration::from_millis(500)), (Interrupt::Kill, Duration::MAX)] {
        let faulty = Faulty::always("hang", "poison");
        block_on(async {
            let mut config = PoolConfig { interrupt, grace, ..faulty.config(2) };
            config.task.limits.deadline = Some(Duration::from_millis(300));
            let pool = echo(config).await.unwrap();
            let mut rows = numbers(50);
            rows.insert(20, "poison".into());
            let mut results = collect(&pool, &rows).await.unwrap();
            assert_in_order(&results, &rows);
            let late = results.remove(20);
            assert_eq!(failure(&late).status, Status::Timeout);
            assert_eq!(
                (late.receipt.layer, late.receipt.attempts),
                (Layer::Backstop, 1),
                "a timeout is not tried again"
            );
            assert!(results.iter().all(|result| result.outcome.status() == Status::Ok));
        });
    }
}

#[test]
fn instructions_that_take_long_meet_a_deadline_as_any_other() {
    let events = Events::default();
    block_on(async {
        let mut config = PoolConfig { grace: Duration::from_millis(300), ..real(1, &events) };
        config.task.limits.deadline = Some(Duration::from_millis(200));
        let results = collect(&start("fill", config).await, &numbers(2)).await.unwrap();
        assert_eq!(results.len(), 2);
        assert!(results.iter().all(|result| failure(result).status == Status::Timeout));
    });
}

#[test]
fn tasks_within_their_deadline_never_meet_the_backstop_however_long_their_lease() {
    let events = Events::default();
    block_on(async {
        let mut config = PoolConfig { grace: Duration::from_millis(300), ..real(1, &events) };
        config.task.limits.deadline = Some(Duration::from_secs(3));
        config.chunksize = NonZeroUsize::new(1_000);
        // Rows that take no time make the lease long; those that follow take twice the deadline together. Each of them
        // is far from it, so that a machine that is busy does not make it late.
        let rows: Vec<String> = std::iter::repeat_n("0", 300).chain(["100"; 60]).map(Into::into).collect();
        let results = collect(&start("sleep", config).await, &rows).await.unwrap();
        assert_eq!(results.len(), rows.len());
        assert!(results.iter().all(|result| result.outcome == Outcome::Ok("\"slept\"".into())));
    });
    assert_eq!(events.deaths(), []);
}
