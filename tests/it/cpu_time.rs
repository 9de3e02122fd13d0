//! Limits of processor time, which count neither a guest's sleep nor the wait of a worker for a processor.

use std::time::Duration;

use serde_json::json;
use wpool::{Determinism, Pool, PoolConfig, Program, Setting, TaskSettings};

use crate::cli::{NOT_OK, OK, USAGE, assert_refused};
use crate::support::*;

#[test]
fn a_task_that_works_too_long_is_stopped_and_the_rows_around_it_run() {
    for isolation in ["auto", "fresh", "reuse", "reuse=checked"] {
        let args = format!("-j 1 --lines --cpu-time 200ms --isolation {isolation} --receipts");
        let ran = run(&mut wpool_run(&wat("spin-on-bang"), &args), "1\n!\n2\n");
        assert_eq!((ran.code, ran.each("status")), (NOT_OK, vec![json!("ok"), json!("timeout"), json!("ok")]));
        let record = &ran.records()[1];
        let error = json!({"code": "cpu-time", "message": "used more than 200ms of processor time"});
        assert_eq!(record["error"], error, "{isolation}");
        assert!(record["receipt"]["cpu_us"].as_u64().unwrap() >= 190_000, "{record}");
        assert!(!ran.stderr.contains("died"), "{}", ran.stderr);
    }
}

#[test]
fn a_task_that_sleeps_uses_no_processor_time() {
    let ran = run(&mut wpool_run(&wat("sleep"), "--cpu-time 200ms"), "1000\n");
    assert_eq!((ran.code, ran.each("output")), (OK, vec![json!("slept")]), "{}", ran.stderr);
}

#[test]
fn each_task_has_its_own_processor_time() {
    let rows = "!\n".repeat(3);
    let ran = run(&mut wpool_run(&wat("spin-on-bang"), "-j 1 --lines --cpu-time 50ms --isolation reuse"), rows);
    assert_eq!((ran.code, ran.each("status")), (NOT_OK, vec![json!("timeout"); 3]), "{}", ran.stderr);
}

#[test]
fn the_limit_that_comes_first_stops_a_task() {
    for interrupt in ["epoch", "kill"] {
        let wall = format!("--lines --cpu-time 1h --timeout 100ms --interrupt {interrupt}");
        let ran = run(&mut wpool_run(&wat("spin-on-bang"), &wall), "!\n");
        assert_eq!(ran.records()[0]["error"]["code"], "timeout", "{interrupt}");
        let processor = format!("--lines --cpu-time 100ms --timeout 1h --interrupt {interrupt}");
        let ran = run(&mut wpool_run(&wat("spin-on-bang"), &processor), "!\n");
        assert_eq!(ran.records()[0]["error"]["code"], "cpu-time", "{interrupt}");
    }
}

#[test]
fn a_task_over_its_processor_time_is_tried_again_as_a_timeout() {
    let args = "-j 1 --lines --cpu-time 50ms --retries 1 --retry-on timeout --receipts";
    let ran = run(&mut wpool_run(&wat("spin-on-bang"), args), "!\n");
    assert_eq!(ran.records()[0]["receipt"]["attempts"], 2, "{}", ran.stdout);
}

#[test]
fn processor_time_is_refused_where_it_makes_no_sense() {
    let refused = |args: &str, text: &str| {
        let ran = run(&mut wpool_run(&wat("spin-on-bang"), args), "1\n");
        assert_refused(&ran, USAGE, &[text], args);
    };
    refused("--cpu-time 0", "--cpu-time");
    refused("--cpu-time 1s --deterministic", "--deterministic");
    let settings = |deterministic, time| {
        let config =
            PoolConfig { task: TaskSettings { deterministic, ..TaskSettings::default() }, ..PoolConfig::default() };
        let builder = Pool::builder(Program::read(wat("spin-on-bang")).unwrap()).config(config);
        block_on(builder.cpu_time(time).build()).expect_err("a refusal").settings()
    };
    assert_eq!(settings(None, Duration::ZERO), [Setting::CpuTime]);
    assert_eq!(
        settings(Some(Determinism::default()), Duration::from_secs(1)),
        [Setting::Deterministic, Setting::CpuTime]
    );
}
