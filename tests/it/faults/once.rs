//! Workers that break once: other workers answer all tasks.

use wpool::output::push_as_json;
use wpool::state::SharedState;

use super::*;

/// What a worker can do at any moment, and how its end is described.
const FAULTS: &[(&str, &str)] = &[
    ("exit", "exited with code 0"),
    ("complain", "exited with code 3"),
    ("abort", "was killed by SIGABRT"),
    ("kill", "was killed by SIGKILL"),
    ("stop", "was stopped by a signal"),
    ("close-stdout", "closed its output"),
    ("half-frame", "in the middle of a frame"),
    ("huge-length", "a frame of 4294967295 bytes"),
    ("garbage", "without the magic number"),
    ("wrong-magic", "without the magic number"),
    ("unknown-kind", "a frame of unknown kind 99"),
    ("report", "a Report frame"),
    ("second-ready", "a Ready frame"),
    ("late-refusal", "a Refused frame"),
    ("state-call", "a StateCall frame"),
];

/// What can be wrong with a call of shared state.
const WRONG_CALLS: &[(&str, &str)] = &[
    ("state-of-another", "out of turn"),
    ("state-twice", "out of turn"),
    ("state-without-sense", "a call of shared state that does not parse"),
    ("state-too-long", "a frame of 5242880 bytes"),
];

/// What can be wrong with an answer.
const WRONG_ANSWERS: &[(&str, &str)] = &[
    ("wrong-index", "an answer for task"),
    ("overrun", "do not fill its length"),
    ("unknown-status", "status code 99"),
    ("crash-status", "status code 7"),
    ("unknown-layer", "layer code 200"),
    ("detail-without-sense", "does not parse"),
    ("ok-with-detail-without-sense", "does not parse"),
    ("long-output", "an output of 1048577 bytes"),
];

/// What can be wrong after an answer that is right: the task is settled, and nobody is to blame.
const WRONG_AFTER_ANSWERS: &[(&str, &str)] = &[
    ("twice", "an answer for task"),
    ("missing-answer", "do not fill its length"),
    ("surplus-bytes", "do not fill its length"),
];

/// Moments without a running task: before the first lease, with a lease of which nothing was claimed, between two runs.
const WITHOUT_A_TASK: &[&str] = &["ready", "lease", "idle"];
/// Moments with one: the first of all, or one among many in a lease.
const WITH_A_TASK: &[&str] = &["first", "middle"];

struct Case {
    fault: &'static str,
    moment: &'static str,
    why: &'static str,
    has_suspect: bool,
}

fn cases(
    faults: &'static [(&'static str, &'static str)],
    moments: &'static [&'static str],
    has_suspect: bool,
) -> impl Iterator<Item = Case> {
    let moments = moments.iter();
    moments.flat_map(move |moment| faults.iter().map(move |(fault, why)| Case { fault, moment, why, has_suspect }))
}

#[test]
fn c53_c54_c55_c56_c57_c58_a_worker_that_breaks_costs_no_task_whenever_it_does() {
    let all: Vec<Case> = cases(FAULTS, WITHOUT_A_TASK, false)
        .chain(cases(FAULTS, WITH_A_TASK, true))
        .chain(cases(WRONG_ANSWERS, WITH_A_TASK, true))
        .chain(cases(WRONG_AFTER_ANSWERS, WITH_A_TASK, false))
        .collect();
    for_each(&all, |case| format!("{} at {}", case.fault, case.moment), |case| block_on(break_once(case, 2)));
}

#[test]
fn a_worker_that_takes_none_of_its_tasks_is_replaced() {
    // Alone, because other workers would take the tasks from it before it is found out.
    let faults: &[_] = &[("hang", "in the middle of a frame or a lease")];
    for case in cases(faults, &["ready", "lease"], false) {
        block_on(break_once(&case, 1));
    }
}

#[test]
fn a_worker_that_abuses_shared_state_costs_no_task() {
    let early = &[("state-call", "out of turn")];
    let all: Vec<Case> = cases(WRONG_CALLS, WITH_A_TASK, true).chain(cases(early, WITHOUT_A_TASK, false)).collect();
    for_each(
        &all,
        |case| format!("{} at {}", case.fault, case.moment),
        |case| {
            let faulty = Faulty::once(case.fault, case.moment);
            let config = PoolConfig { state: Some(SharedState::new()), ..faulty.config(2) };
            let program = Program::read(wat("component-echo")).unwrap();
            block_on(async {
                break_in(case, &faulty, Pool::builder(program).config(config).build().await.unwrap()).await
            })
        },
    );
}

#[test]
fn a_worker_that_reports_what_its_task_cannot_have_touched_costs_no_task() {
    for case in cases(&[("grant-of-another", "what a task touched that cannot be true")], WITH_A_TASK, true) {
        let faulty = Faulty::once(case.fault, case.moment);
        let mut config = faulty.config(2);
        config.task.receipts = true;
        block_on(async { break_in(&case, &faulty, echo(config).await.unwrap()).await });
    }
}

async fn break_once(case: &Case, workers: usize) {
    let faulty = Faulty::once(case.fault, case.moment);
    let pool = faulty.pool(workers).await;
    break_in(case, &faulty, pool).await;
}

/// Runs over many rows, of which one or none meets the fault.
async fn break_in(case: &Case, faulty: &Faulty, pool: Pool) {
    let mut rows = numbers(200);
    rows.push("last".into());

    let results = collect(&pool, &rows).await.unwrap();
    assert_echoed(&results, &rows);
    // A worker may break after its last answer, and the pool is as good as new all the same.
    assert_echoed(&collect(&pool, &rows).await.unwrap(), &rows);

    let broke_on = faulty.broke_on().expect("the moment came");
    let suspect = case.has_suspect.then(|| rows.iter().position(|row| *row == broke_on).unwrap() as u64);
    let described = |why: &str| {
        // What came together with the readiness is only looked at when more comes, or too late.
        why.contains(case.why)
            || (case.moment == "ready" && why.contains("in the middle of a frame"))
            // The second answer of the last task of a lease.
            || (case.fault == "twice" && why.contains("more answers than tasks"))
    };
    until("its end is told", || !faulty.events.deaths().is_empty()).await;
    let deaths = faulty.events.deaths();
    assert!(deaths.iter().any(|(why, under)| described(why) && *under == suspect), "{deaths:?}, suspect {suspect:?}");
    if let Some(suspect) = suspect {
        assert!(results[suspect as usize].receipt.attempts >= 2, "the suspect ran again");
    }
    assert!(pool.stats().deaths >= 1);
    pool.shutdown(Shutdown::Drain).await;
    assert_gone(&faulty.starts()).await;
}

#[test]
fn c57_a_worker_that_scribbles_on_its_page_confuses_nobody() {
    for workers in [1, 2] {
        for moment in ["first", "middle"] {
            let faulty = Faulty::once("scribble", moment);
            block_on(async {
                let pool = faulty.pool(workers).await;
                let rows = numbers(500);
                assert_echoed(&collect(&pool, &rows).await.unwrap(), &rows);
                pool.shutdown(Shutdown::Drain).await;
            });
            assert!(faulty.broke_on().is_some(), "the moment came");
        }
    }
}

#[test]
fn c59_a_worker_that_never_reads_does_not_block_a_long_row() {
    let faulty = Faulty::once("hang", "ready");
    block_on(async {
        let mut config = faulty.config(1);
        config.task.limits.output = 64 << 20;
        // Those that do read may take a while for it on a machine that is busy.
        config.patience = Duration::from_secs(4);
        let pool = echo(config).await.unwrap();
        let rows = ["x".repeat(64 << 20), "short".into()];
        assert_echoed(&collect(&pool, &rows).await.unwrap(), &rows);
        assert!(faulty.broke_on().is_some() && !faulty.events.deaths().is_empty());
    });
}

#[test]
fn c57_a_forged_record_stays_an_output() {
    let faulty = Faulty::always("forge", "7");
    block_on(async {
        let rows = numbers(20);
        let results = collect(&faulty.pool(1).await, &rows).await.unwrap();
        assert_in_order(&results, &rows);
        for result in &results {
            let mut line = Vec::new();
            push_as_json(result.outcome.output().expect("all are ok"), &mut line);
            let expected = if result.id.0 == 7 {
                r#""1}\n{\"id\":7,\"status\":\"ok\",\"output\":2""#
            } else {
                &rows[result.id.0 as usize]
            };
            assert_eq!(String::from_utf8(line).unwrap(), expected);
        }
    });
}

#[test]
fn a_worker_that_grows_is_replaced_when_it_has_nothing_to_do_and_no_task_is_lost() {
    let faulty = Faulty::once("bloat", "100");
    block_on(async {
        let limits = Limits { memory: 64 << 20, ..Limits::default() };
        let pool = echo(PoolConfig { task: TaskSettings { limits, ..TaskSettings::default() }, ..faulty.config(1) })
            .await
            .unwrap();
        // Its memory is looked at from time to time, the first time when it has answered something.
        assert_eq!(collect(&pool, &numbers(100)).await.unwrap().len(), 100);
        sleep(Duration::from_secs(2)).await;
        assert_eq!(collect(&pool, &numbers(200)).await.unwrap().len(), 200);
        until("it was replaced", || pool.stats().retired == 1).await;
        assert_eq!(collect(&pool, &numbers(100)).await.unwrap().len(), 100);
        assert_eq!(pool.stats().deaths, 0);
    });
    let grew = |event: &Event| matches!(event, Event::WorkerRetired { why, .. } if why.contains("has grown from"));
    assert_eq!(faulty.events.all().iter().filter(|event| grew(event)).count(), 1);
}
