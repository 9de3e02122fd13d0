//! More workers than the machine has room for: those that come up do the work.

use crate::cli::OK;
use crate::scarcity::through;
use crate::support::*;

/// Runs rows with more workers than come up. Each takes so long that all slots want a worker.
fn with_too_many(limit: &str, workers: usize) -> Ran {
    let args = format!("-j {workers} --chunksize 1 --no-cache");
    run(&mut through(&format!("prlimit {limit}"), "sleep", &args), "100\n".repeat(4 * workers))
}

fn assert_all_ok(ran: &Ran, rows: usize) {
    assert_eq!((ran.code, ran.stdout.lines().count()), (OK, rows), "{}", ran.stderr);
    assert!(ran.each("status").iter().all(|status| status == "ok"), "{}", ran.stderr);
}

#[test]
fn c76_workers_that_come_up_do_the_work_of_those_that_do_not() {
    for (limit, workers) in [("--nofile=64", 30), ("--nofile=128", 100)] {
        let ran = with_too_many(limit, workers);
        assert_all_ok(&ran, 4 * workers);
        let warnings = ran.stderr.lines().filter(|line| line.contains("do not come up")).collect::<Vec<_>>();
        assert_eq!(warnings.len(), 1, "{}", ran.stderr);
        assert!(warnings[0].contains(limit.replace("--nofile=", "`ulimit -n ").as_str()), "{}", warnings[0]);
    }
}

#[test]
fn c76_outputs_find_descriptors_beside_as_many_workers_as_come_up() {
    let place = crate::cli::folder();
    let args = format!("-j 30 --chunksize 1 --no-cache --out-dir {}", place.path().join("out").display());
    let ran = run(&mut through("prlimit --nofile=64", "sleep", &args), "50\n".repeat(200));
    assert_all_ok(&ran, 200);
}

#[test]
fn the_limit_of_descriptors_is_raised_as_far_as_it_may_be() {
    let ran = with_too_many("--nofile=64:1024", 30);
    assert_all_ok(&ran, 120);
    assert!(!ran.stderr.contains("do not come up"), "{}", ran.stderr);
}
