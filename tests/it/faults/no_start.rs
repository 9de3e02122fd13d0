//! Workers and compilers that do not start, and pools that give up.

use std::io::ErrorKind;

use wpool::limits::CompileLimits;
use wpool::{BUILD, SandboxMode};

use super::*;

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
                    matches!(&error, Error::TooManyFailures { failures: 10.., why } if why.contains(cause)),
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
        assert_eq!(refusal.code.as_str(), "sandbox-violation", "{error}");
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
