//! Workers that break, in every way and at every moment: no task is lost, done twice, forged or blamed wrongly.
//!
//! `tests/workers/faulty.rs` does the breaking. Real workers are broken by signals.

use std::io::{ErrorKind, Write};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;
use tokio::time::sleep;
use wpool::output::push_as_json;
use wpool::state::SharedState;
use wpool::{
    BUILD, CompileLimits, Cuts, Error, Event, Failure, Interrupt, Layer, Limits, Outcome, Pool, PoolConfig, Program,
    SandboxMode, Shutdown, Span, Status, Supply, TaskResult, WorkerCommand,
};

use crate::support::*;

/// A pool's worker that breaks a rule, and what it notes about that.
struct Faulty {
    args: [&'static str; 3],
    notes: TempDir,
    events: Events,
}

impl Faulty {
    /// The first worker to whom the moment comes breaks; all others are real.
    fn once(fault: &'static str, moment: &'static str) -> Faulty {
        Faulty { args: [fault, moment, "once"], notes: tempfile::tempdir().unwrap(), events: Events::default() }
    }

    fn always(fault: &'static str, moment: &'static str) -> Faulty {
        Faulty { args: [fault, moment, "always"], ..Faulty::once(fault, moment) }
    }

    /// Settings under which what hangs is found out soon.
    fn config(&self, workers: usize) -> PoolConfig {
        let [fault, moment, repeat] = self.args;
        let program = example("faulty-worker");
        assert!(program.exists(), "`cargo test` or `cargo build --release --examples` builds {}", program.display());
        let args = [env!("CARGO_BIN_EXE_wpool"), fault, moment, repeat].map(Into::into);
        let notes = self.notes.path().as_os_str().to_owned();
        let worker = WorkerCommand { program, args: args.into_iter().chain([notes]).collect() };
        PoolConfig {
            workers,
            limits: Limits { output: 1 << 20, ..Limits::default() },
            grace: Duration::from_millis(500),
            patience: Duration::from_secs(1),
            observer: self.events.observer(),
            worker: Some(worker),
            ..PoolConfig::default()
        }
    }

    async fn pool(&self, workers: usize) -> Pool {
        echo(self.config(workers)).await.expect("the pool starts")
    }

    fn note(&self, name: &str) -> PathBuf {
        self.notes.path().join(name)
    }

    /// The row that a worker broke on.
    fn broke_on(&self) -> Option<String> {
        std::fs::read_to_string(self.note("fault")).ok()
    }

    /// Process ids of all workers that were started.
    fn starts(&self) -> Vec<u32> {
        let starts = std::fs::read_to_string(self.note("starts")).unwrap_or_default();
        starts.lines().map(|pid| pid.parse().unwrap()).collect()
    }

    /// Waits until a worker has the row `hold`, and does something.
    async fn once_holding(&self, act: impl FnOnce()) {
        until("a worker holds its row", || self.note("holding").exists()).await;
        act();
    }

    /// Waits until a worker has the row `hold`, does something, and lets the worker go.
    async fn while_holding(&self, act: impl FnOnce()) {
        self.once_holding(act).await;
        std::fs::write(self.note("go"), "").unwrap();
    }
}

async fn echo(config: PoolConfig) -> Result<Pool, Error> {
    Pool::builder(Program::read(wat("echo"))?).config(config).build().await
}

/// Workers without faults.
fn real(workers: usize, events: &Events) -> PoolConfig {
    let worker = WorkerCommand::at(env!("CARGO_BIN_EXE_wpool"));
    PoolConfig { workers, observer: events.observer(), worker: Some(worker), ..PoolConfig::default() }
}

async fn start(guest: &str, config: PoolConfig) -> Pool {
    Pool::builder(Program::read(wat(guest)).unwrap()).config(config).build().await.expect("the pool starts")
}

/// The rows `0`, `1` and so on.
fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}

/// Rows in stretches that travel together, with some between them that travel alone.
fn supply(rows: &[String]) -> Vec<Supply> {
    let mut all = Vec::new();
    for (rows, alone) in rows.chunks(11).zip([false, false, true].into_iter().cycle()) {
        if alone {
            all.extend(rows.iter().cloned().map(Supply::from));
            continue;
        }
        let mut cuts = Cuts::default();
        let mut at = 0;
        for row in rows {
            cuts.push(at..at + row.len(), 0);
            at += row.len();
        }
        all.push(Span::new(rows.concat(), cuts).into());
    }
    all
}

async fn collect(pool: &Pool, rows: &[String]) -> Result<Vec<TaskResult>, Error> {
    let mut results = pool.map(supply(rows));
    let mut all = Vec::new();
    while let Some(result) = results.next().await? {
        all.push(result);
    }
    Ok(all)
}

fn failure(result: &TaskResult) -> &Failure {
    match &result.outcome {
        Outcome::NotOk(failure) => failure,
        Outcome::Ok(output) => panic!("{:?} is ok: {output:?}", result.id),
    }
}

/// Every task has one result, in order, with its own input.
fn assert_in_order(results: &[TaskResult], rows: &[String]) {
    let ids: Vec<u64> = results.iter().map(|result| result.id.0).collect();
    assert_eq!(ids, (0..rows.len() as u64).collect::<Vec<_>>());
    results.iter().zip(rows).for_each(|(result, row)| assert!(result.input.bytes == row, "task {}", result.id.0));
}

/// Every task has one result, in order, and its output is its row.
fn assert_echoed(results: &[TaskResult], rows: &[String]) {
    assert_in_order(results, rows);
    for (result, row) in results.iter().zip(rows) {
        let is_echoed = result.outcome.output().is_some_and(|output| output == row);
        assert!(is_echoed, "task {} is {}", result.id.0, result.outcome.status());
    }
}

async fn assert_gone(pids: &[u32]) {
    assert!(!pids.is_empty(), "there were workers");
    until("all workers are gone and reaped", || !pids.iter().any(|&pid| is_child(pid))).await;
}

/// Runs a check for each of many cases, some at a time: they mostly wait.
fn for_each<T: Sync>(cases: &[T], name: impl Fn(&T) -> String, check: impl Fn(&T) + Sync) {
    for some in cases.chunks(8) {
        std::thread::scope(|scope| {
            for case in some {
                let thread = std::thread::Builder::new().name(name(case));
                thread.spawn_scoped(scope, || check(case)).expect("a thread");
            }
        });
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Workers that break once
// ---------------------------------------------------------------------------------------------------------------------

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
        why.contains(case.why) || (case.moment == "ready" && why.contains("in the middle of a frame"))
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
        config.limits.output = 64 << 20;
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

// ---------------------------------------------------------------------------------------------------------------------
// Workers that do not come up
// ---------------------------------------------------------------------------------------------------------------------

#[test]
fn a_worker_that_does_not_come_up_is_replaced() {
    let faults = ["exit", "abort", "kill", "garbage", "huge-length", "unknown-kind", "early-answers", "close-stdout"];
    for_each(&faults, |fault| fault.to_string(), |fault| block_on(fail_to_start_once(fault)));
}

#[test]
fn a_worker_that_never_says_that_it_is_ready_is_replaced_after_the_start_deadline() {
    let faults = ["hang", "stop", "half-frame", "report"];
    for_each(&faults, |fault| fault.to_string(), |fault| block_on(fail_to_start_once(fault)));
}

async fn fail_to_start_once(fault: &'static str) {
    let faulty = Faulty::once(fault, "start");
    let pool = faulty.pool(1).await;
    let rows = numbers(100);
    assert_echoed(&collect(&pool, &rows).await.unwrap(), &rows);
    assert!(faulty.broke_on().is_some());
    assert_eq!(faulty.starts().len(), 2);
    assert_eq!(faulty.events.pids(), faulty.starts()[1..], "what did not come up has not started");
    pool.shutdown(Shutdown::Drain).await;
    assert_gone(&faulty.starts()).await;
}

#[test]
fn c61_a_pool_gives_up_when_no_worker_comes_up() {
    let faults = [
        ("exit", "exited with code 0"),
        ("complain", "exited with code 3: cannot find the sandbox"),
        ("abort", "was killed by SIGABRT"),
        ("garbage", "without the magic number"),
        ("refusal-without-sense", "does not parse"),
    ];
    for_each(
        &faults,
        |(fault, _)| fault.to_string(),
        |(fault, cause)| {
            let faulty = Faulty::always(fault, "start");
            block_on(async {
                let pool = faulty.pool(2).await;
                let error = collect(&pool, &numbers(5)).await.unwrap_err();
                assert!(
                    matches!(&error, Error::TooManyFailures { failures: 10, why } if why.contains(cause)),
                    "{error}"
                );
                pool.shutdown(Shutdown::Drain).await;
                assert_gone(&faulty.starts()).await;
            });
        },
    );
}

#[test]
fn a_pool_that_gave_up_starts_nothing_more() {
    let faulty = Faulty::always("exit", "start");
    block_on(async {
        let pool = faulty.pool(2).await;
        collect(&pool, &numbers(5)).await.unwrap_err();
        // What was being started meanwhile may still fail.
        sleep(Duration::from_millis(300)).await;
        let starts = faulty.starts().len();
        sleep(Duration::from_secs(1)).await;
        assert_eq!(faulty.starts().len(), starts);
        for _ in 0..2 {
            assert!(matches!(collect(&pool, &numbers(5)).await, Err(Error::Ended)), "it says so every time");
        }
        pool.shutdown(Shutdown::Drain).await;
    });
}

#[test]
fn a_pool_gives_up_when_no_worker_does_anything() {
    let faults = [
        ("exit", "ready", "exited with code 0"),
        ("exit", "lease", "exited with code 0"),
        ("garbage", "lease", "without the magic number"),
        ("wrong-index", "lease", "an answer for task 1, where 0 is due"),
        ("no-answers", "lease", "exited with code 0"),
    ];
    for_each(
        &faults,
        |(fault, moment, _)| format!("{fault} at {moment}"),
        |(fault, moment, cause)| {
            let faulty = Faulty::always(fault, moment);
            block_on(async {
                let pool = faulty.pool(1).await;
                let error = collect(&pool, &numbers(5)).await.unwrap_err();
                assert!(matches!(&error, Error::TooManyFailures { why, .. } if why.contains(cause)), "{error}");
                pool.shutdown(Shutdown::Drain).await;
            });
        },
    );
}

#[test]
fn a_worker_of_another_build_ends_the_run_with_both_names() {
    let faulty = Faulty::always("other-build", "start");
    block_on(async {
        let error = collect(&faulty.pool(1).await, &numbers(5)).await.unwrap_err();
        assert!(matches!(&error, Error::BuildMismatch { host, child } if host == BUILD && child == "9.9.9/wire-9"));
        let said = error.to_string();
        assert!(said.contains(BUILD) && said.contains("9.9.9/wire-9"), "{said}");
        assert_eq!(faulty.starts().len(), 1, "trying again would not help");
    });
}

#[test]
fn a_compiler_that_breaks_is_an_error_and_never_a_hang() {
    let faults = [
        ("exit", "exited with code 0"),
        ("complain", "cannot find the sandbox"),
        ("kill", "was killed by SIGKILL"),
        ("stop", "took longer than"),
        ("hang", "took longer than"),
        ("half-frame", "took longer than"),
        ("garbage", "without the magic number"),
        ("huge-length", "a frame of 4294967295 bytes"),
        ("close-stdout", "did not answer"),
        ("other-build", "9.9.9/wire-9"),
        ("refusal-without-sense", "does not parse"),
    ];
    for_each(
        &faults,
        |(fault, _)| fault.to_string(),
        |(fault, cause)| {
            let faulty = Faulty::always(fault, "compile");
            let limits = CompileLimits { time: Duration::from_millis(500), ..CompileLimits::default() };
            let config = PoolConfig { compile_limits: limits, ..faulty.config(1) };
            let error = block_on(async { echo(config).await.map(|_| ()).unwrap_err() });
            assert!(error.to_string().contains(cause), "{error}");
        },
    );
}

#[test]
fn a_fence_that_ends_a_compiler_or_an_init_is_told_loudly() {
    for (moment, role) in [("compile", "the compiler"), ("init", "the initializer")] {
        let faulty = Faulty::always("violate", moment);
        let build = async {
            let program = Program::read(wat("init-raw")).expect("the guest is there");
            Pool::builder(program).config(faulty.config(1)).build().await.map(|_| ()).unwrap_err()
        };
        let error = block_on(build);
        let Error::ProgramRefused { refusal, .. } = &error else { panic!("{error:?}") };
        assert_eq!(refusal.code, "sandbox-violation", "{error}");
        assert!(refusal.message.starts_with(role) && refusal.message.contains("SIGSYS"), "{error}");
        let loud = format!("SANDBOX VIOLATION: {role} ");
        let is_loud = |event: &Event| matches!(event, Event::Warning(text) if text.starts_with(&loud));
        assert_eq!(faulty.events.all().iter().filter(|event| is_loud(event)).count(), 1, "{moment}");
    }
}

#[test]
fn a_worker_that_goes_on_without_the_whole_fence_is_none_under_strict() {
    let faulty = Faulty::always("none", "never");
    block_on(async {
        let config = PoolConfig { sandbox: SandboxMode::Strict, ..faulty.config(1) };
        let error = collect(&echo(config).await.unwrap(), &numbers(5)).await.unwrap_err();
        assert!(matches!(&error, Error::ChildFailed { role: "worker", why } if why.contains("whole fence")), "{error}");
        assert_eq!(faulty.starts().len(), 1, "trying again would not help");
    });
}

#[test]
fn a_cached_image_needs_no_compiler() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Some(folder.path().join("cache"));
    block_on(async {
        let (honest, faulty) = (Faulty::always("none", "never"), Faulty::always("exit", "compile"));
        echo(PoolConfig { cache: cache.clone(), ..honest.config(1) }).await.unwrap();
        let pool = echo(PoolConfig { cache, ..faulty.config(1) }).await.unwrap();
        let rows = numbers(10);
        assert_echoed(&collect(&pool, &rows).await.unwrap(), &rows);
        assert!(faulty.broke_on().is_none());
        assert!(echo(faulty.config(1)).await.is_err(), "without the cache it does");
    });
}

#[test]
fn an_executable_that_is_none_is_an_error() {
    for (program, kind) in [("/nonexistent/wpool", ErrorKind::NotFound), ("/dev/null", ErrorKind::PermissionDenied)] {
        let config = PoolConfig { worker: Some(WorkerCommand::at(program)), ..PoolConfig::default() };
        let error = block_on(async { echo(config).await.map(|_| ()).unwrap_err() });
        assert!(matches!(&error, Error::Spawn { role: "compiler", source } if source.kind() == kind), "{error:?}");
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Tasks that break every worker
// ---------------------------------------------------------------------------------------------------------------------

#[test]
fn c60_a_task_that_breaks_every_worker_is_a_crash_and_all_others_are_ok() {
    let faults = [
        ("exit", "worker-exit", None, "exited with code 0"),
        ("complain", "worker-exit", None, "exited with code 3: cannot find the sandbox"),
        ("abort", "signal", Some("SIGABRT"), "was killed by SIGABRT"),
        ("kill", "signal", Some("SIGKILL"), "was killed by SIGKILL"),
        ("stop", "worker-stopped", None, "was stopped by a signal"),
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

// ---------------------------------------------------------------------------------------------------------------------
// Deadlines
// ---------------------------------------------------------------------------------------------------------------------

#[test]
fn a_worker_that_does_not_keep_the_deadline_is_killed_for_it() {
    for (interrupt, grace) in [(Interrupt::Epoch, Duration::from_millis(500)), (Interrupt::Kill, Duration::MAX)] {
        let faulty = Faulty::always("hang", "poison");
        block_on(async {
            let mut config = PoolConfig { interrupt, grace, ..faulty.config(2) };
            config.limits.deadline = Some(Duration::from_millis(300));
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
fn a_worker_that_is_started_ahead_serves_what_comes_and_ends_with_its_pool() {
    // Before there is a task, and before the kill of another.
    let faulty = Faulty::always("hang", "poison");
    block_on(async {
        let mut config = PoolConfig { interrupt: Interrupt::Kill, ..faulty.config(1) };
        config.limits.deadline = Some(Duration::from_millis(300));
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
fn instructions_that_take_long_meet_a_deadline_as_any_other() {
    let events = Events::default();
    block_on(async {
        let mut config = PoolConfig { grace: Duration::from_millis(300), ..real(1, &events) };
        config.limits.deadline = Some(Duration::from_millis(200));
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
        config.limits.deadline = Some(Duration::from_secs(1));
        config.chunksize = NonZeroUsize::new(1_000);
        // Rows that take no time make the lease long; those that follow take twice the deadline together.
        let rows: Vec<String> = std::iter::repeat_n("0", 300).chain(["600"; 4]).map(Into::into).collect();
        let results = collect(&start("sleep", config).await, &rows).await.unwrap();
        assert_eq!(results.len(), rows.len());
        assert!(results.iter().all(|result| result.outcome == Outcome::Ok("\"slept\"".into())));
    });
    assert_eq!(events.deaths(), []);
}

// ---------------------------------------------------------------------------------------------------------------------
// Real workers that are struck by signals
// ---------------------------------------------------------------------------------------------------------------------

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
                let config = PoolConfig { crash_limit: 1_000, ..real(2, &events) };
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

// ---------------------------------------------------------------------------------------------------------------------
// Stopping
// ---------------------------------------------------------------------------------------------------------------------

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
            assert_eq!(results[150], Status::Crash);
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

// ---------------------------------------------------------------------------------------------------------------------
// The death of the host
// ---------------------------------------------------------------------------------------------------------------------

#[test]
fn c64_workers_end_with_their_host_whatever_they_do() {
    // Guests that compute, that wait in a host call, and workers that have nothing to do.
    for (guest, row) in [("spin", "1"), ("sleep", "60000"), ("echo", "1")] {
        let (mut host, mut stdin) = start_cli(guest);
        // Its input stays open, so that it waits for more when it has done what it can.
        stdin.write_all(format!("{row}\n{row}\n").as_bytes()).unwrap();
        let pid = host.id();
        let at_work = |&worker: &u32| guest != "spin" || Process::is_busy(worker);
        block_on(until("workers run", || children_of(pid).iter().filter(|worker| at_work(worker)).count() == 2));
        kill(&mut host);
    }
}

#[test]
fn c64_nothing_is_left_of_a_run_whose_host_is_killed_at_any_moment() {
    let moments = [0, 1, 2, 4, 6, 8, 10, 15, 20, 30, 50, 100];
    for_each(
        &moments,
        |moment| format!("after {moment} ms"),
        |&moment| {
            let (mut host, mut stdin) = start_cli("slow");
            let rows = "1000000\n".repeat(1_000);
            // Nobody reads what is written to a host that is dead.
            let feeder = std::thread::spawn(move || drop(stdin.write_all(rows.as_bytes())));
            std::thread::sleep(Duration::from_millis(moment));
            kill(&mut host);
            feeder.join().unwrap();
        },
    );
}

/// `wpool run` without a cache, so that it compiles first.
fn start_cli(guest: &str) -> (Child, ChildStdin) {
    let mut command = wpool();
    command.arg("run").arg(wat(guest)).args(["-j", "2", "--no-cache"]);
    let mut host = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let stdin = host.stdin.take().expect("it is piped");
    (host, stdin)
}

/// Kills a host, and waits until its children are gone with it.
fn kill(host: &mut Child) {
    host.kill().unwrap();
    host.wait().unwrap();
    block_on(until("its children end with it", || children_of(host.id()).is_empty()));
}

#[test]
fn a_worker_that_grows_is_replaced_when_it_has_nothing_to_do_and_no_task_is_lost() {
    let faulty = Faulty::once("bloat", "100");
    block_on(async {
        let limits = Limits { memory: 64 << 20, ..Limits::default() };
        let pool = echo(PoolConfig { limits, ..faulty.config(1) }).await.unwrap();
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

#[test]
fn tasks_that_were_submitted_to_a_pool_that_cannot_go_on_settle_and_say_why() {
    let faulty = Faulty::always("exit", "start");
    block_on(async {
        let pool = faulty.pool(2).await;
        let handle = pool.submit("1").await.unwrap();
        let Outcome::NotOk(failure) = handle.await.outcome else { panic!("no worker ever comes up") };
        assert_eq!((failure.status, &*failure.error.code), (Status::Skipped, "pool-failed"));
        assert!(failure.error.message.contains("in a row failed"), "{}", failure.error.message);
        assert!(matches!(pool.submit("2").await, Err(Error::TooManyFailures { .. })));
        assert!(matches!(pool.submit("3").await, Err(Error::Ended)));
    });
}
