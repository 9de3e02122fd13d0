//! Fuel, and runs with the same outputs every time.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use wpool::outcome::Layer;
use wpool::state::SharedState;
use wpool::{
    Determinism, DirGrant, Error, Input, Isolation, Outcome, Pool, PoolConfig, Program, Setting, SettingError, Status,
    WorkerCommand,
};

use crate::support::*;

/// Rows, some of which are the same.
fn rows() -> String {
    (0..300).map(|n| format!("{}\n", n % 70)).collect()
}

fn outputs(guest: &Path, args: &str, rows: &str) -> Vec<Value> {
    let ran = run(&mut wpool_run(guest, args), rows);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    ran.each("output")
}

fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    lines
}

fn config() -> PoolConfig {
    PoolConfig { worker: Some(WorkerCommand::at(env!("CARGO_BIN_EXE_wpool"))), workers: 1, ..PoolConfig::default() }
}

fn deterministic(how: Determinism) -> PoolConfig {
    let mut config = config();
    config.task.deterministic = Some(how);
    config
}

fn writable() -> DirGrant {
    DirGrant { host: "/tmp".into(), guest: "/tmp".into(), writable: true, row: None }
}

async fn pool(guest: &str, config: PoolConfig) -> Result<Pool, Error> {
    Pool::builder(Program::read(wat(guest)).unwrap()).config(config).build().await
}

#[test]
fn the_outputs_are_the_same_whatever_the_workers_the_order_and_the_leases() {
    for guest in [wat("chance"), wat("component-chance"), wat("processor")] {
        let of = |args: &str| run(&mut wpool_run(&guest, &format!("--deterministic {args}")), rows());
        let first = of("-j 1");
        assert_eq!(first.code, 0, "{}", first.stderr);
        for args in ["-j 1 --chunksize 1", "-j 2", "-j 5 --chunksize 3 --max-tasks-per-worker 20", "-j 2 --no-cache"] {
            assert_eq!(of(args).stdout, first.stdout, "{} {args}", guest.display());
        }
        let unordered = of("-j 5 --chunksize 2 --unordered");
        assert_eq!(sorted(&unordered.stdout), sorted(&first.stdout), "{}", guest.display());
    }
}

#[test]
fn a_run_that_is_not_deterministic_shows_that_it_could_have_been_otherwise() {
    let [one, two] = ["", ""].map(|args| outputs(&wat("chance"), args, "1\n"));
    assert_ne!(one[0][0], two[0][0]);
    if cfg!(target_arch = "x86_64") {
        assert_ne!(outputs(&wat("processor"), "", "1\n"), outputs(&wat("processor"), "--deterministic", "1\n"));
    }
}

#[test]
fn what_webassembly_leaves_to_processors_is_what_its_deterministic_profile_says() {
    // The bits 0x7ff8000000000000 and the largest integer.
    assert_eq!(outputs(&wat("processor"), "--deterministic", "1\n"), [json!({"base64": "AAAAAAAA+H////9/"})]);
}

#[test]
fn random_numbers_go_with_a_row_and_not_with_its_place() {
    for guest in [wat("chance"), wat("component-chance")] {
        let [a, b, a_again] = &outputs(&guest, "--deterministic", "1\n2\n1\n")[..] else { panic!() };
        for at in 0..2 {
            assert!(a[at] != b[at] && a[at] != a_again[at] && b[at] != a_again[at], "{}", guest.display());
            assert_ne!(a[0], a[1], "{}", guest.display());
        }
        let moved = outputs(&guest, "--deterministic", "7\n2\n1\n3\n1\n");
        assert_eq!([&moved[1], &moved[2], &moved[4]], [b, a, a_again], "{}", guest.display());
    }
}

#[test]
fn another_seed_gives_other_numbers() {
    let of = |seed: &str| outputs(&wat("chance"), &format!("--deterministic {seed}"), "1\n")[0][0].clone();
    assert_eq!(of(""), of("--seed 0"));
    assert_ne!(of(""), of("--seed 1"));
    assert_ne!(of("--seed 1"), of("--seed 18446744073709551615"));
}

#[test]
fn a_seed_means_the_same_numbers_in_every_version() {
    assert_eq!(outputs(&wat("chance"), "--deterministic", "1\n")[0][0], 9_303_308_723_438_796_513_u64);
}

#[test]
fn clocks_pass_with_looks_and_sleep_and_a_sleep_takes_no_time() {
    let found = &outputs(&wat("chance"), "--deterministic", "1\n")[0];
    let start = Determinism::EPOCH.as_nanos() as u64;
    assert_eq!(
        found.as_array().unwrap()[2..],
        [json!(start), json!(1_000), json!(start + 3_002_000), json!(3_003_000)]
    );
    let hour = 3_600_000_000_000_u64;
    let found = &outputs(&wat("component-chance"), "--deterministic", "1\n")[0];
    assert_eq!(found.as_array().unwrap()[3..], [json!(946_684_800), json!(1_000), json!(hour + 2_000)]);
    // Would hang, and be killed, if anybody waited.
    let years = "3000000000000\n".repeat(20);
    assert_eq!(outputs(&wat("sleep"), "--deterministic", &years), ["slept"; 20]);
}

#[test]
fn init_takes_its_random_numbers_from_the_seed_alone_however_it_is_run() {
    let [one, two] = &outputs(&wat("init-chance"), "--deterministic", "1\n2\n")[..] else { panic!() };
    assert_eq!(one, two);
    assert_eq!(outputs(&wat("init-chance"), "--deterministic --no-cache -j 1", "3\n"), std::slice::from_ref(one));
    assert_eq!(outputs(&wat("init-chance"), "--deterministic --init-each", "1\n2\n"), [one.clone(), one.clone()]);
    assert_ne!(outputs(&wat("init-chance"), "--deterministic --seed 1", "1\n"), std::slice::from_ref(one));
    assert_ne!(
        outputs(&wat("init-chance"), "", "1\n"),
        std::slice::from_ref(one),
        "a snapshot of a deterministic run is of it alone"
    );
}

#[test]
fn a_task_that_uses_up_its_fuel_says_so_and_others_run() {
    let ran = run(&mut wpool_run(&wat("spin-on-bang"), "--fuel 100000 --receipts"), "1\n\"!\"\n2\n");
    assert_eq!(ran.code, 100);
    assert_eq!(ran.each("status"), ["ok", "fuel", "ok"]);
    let record = &ran.records()[1];
    assert_eq!(record["error"]["code"], "fuel");
    assert_eq!(record["error"]["message"], "used up its fuel of 100000; allow more");
    assert_eq!([&record["receipt"]["layer"], &record["receipt"]["fuel"]], [&json!("fuel"), &json!(100_000)]);
}

#[test]
fn fuel_is_counted_for_each_task_and_is_the_same_every_time() {
    let rows = "1\n10\n100\n1000\n1\n";
    let of = |args: &str| -> Vec<u64> {
        let ran = run(&mut wpool_run(&wat("slow"), &format!("--receipts --fuel 1000000 {args}")), rows);
        ran.each("receipt").iter().map(|receipt| receipt["fuel"].as_u64().unwrap()).collect()
    };
    let fuel = of("-j 1");
    assert_eq!(fuel[0], fuel[4]);
    // The digits cost something, too.
    assert!(fuel[3] > fuel[2] + 900 * 4 && fuel[2] > fuel[1] + 90 * 4, "{fuel:?}");
    for args in ["-j 2 --chunksize 1", "-j 1 --isolation reuse", "--timeout 60s", "--deterministic"] {
        assert_eq!(of(args), fuel, "{args}");
    }
    let ran = run(&mut wpool_run(&wat("slow"), &format!("--fuel {}", fuel[2])), rows);
    assert_eq!(ran.each("status"), ["ok", "ok", "ok", "fuel", "ok"]);
    assert!(!ran.stdout.contains("receipt"));
}

#[test]
fn as_much_fuel_as_there_can_be_is_a_limit_like_others() {
    for guest in [wat("echo"), wat("cat")] {
        assert_eq!(outputs(&guest, "--fuel 18446744073709551615", "1\n2\n"), [1, 2], "{}", guest.display());
    }
}

#[test]
fn determinism_cannot_be_had_together_with_what_it_excludes() {
    for (args, names) in [
        ("--timeout 1s", ["--deterministic", "--timeout"]),
        ("--state", ["--deterministic", "--state"]),
        ("--isolation reuse", ["--deterministic", "--isolation"]),
        ("--isolation reuse=checked", ["--deterministic", "--isolation"]),
        ("--dir .:rw", ["--deterministic", ":rw"]),
    ] {
        let ran = run(&mut wpool_run(&wat("echo"), &format!("--deterministic {args}")), "1\n");
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{args}");
        assert!(names.iter().all(|name| ran.stderr.contains(name)), "{args}: {}", ran.stderr);
    }
    for args in ["--seed 1", "--fuel 0", "--fuel -1", "--deterministic --seed x"] {
        assert_eq!(run(&mut wpool_run(&wat("echo"), args), "1\n").code, 2, "{args}");
    }
    assert_eq!(outputs(&wat("echo"), "--deterministic --isolation fresh --dir .", "1\n"), [1]);
}

#[test]
fn a_pool_refuses_settings_that_go_against_determinism() {
    type Change = fn(&mut PoolConfig);
    let changes: [(Change, Setting); 4] = [
        (|config| config.task.limits.deadline = Some(Duration::from_secs(1)), Setting::Deadline),
        (|config| config.task.isolation = Isolation::Reuse(None), Setting::Isolation),
        (|config| config.state = Some(SharedState::new()), Setting::State),
        (|config| config.task.grants.dirs.push(writable()), Setting::Dirs),
    ];
    for (change, against) in changes {
        let mut config = deterministic(Determinism::default());
        change(&mut config);
        let error = block_on(pool("echo", config)).unwrap_err();
        let Error::Setting(SettingError::Conflict { setting, other, .. }) = &error else { panic!("{error:?}") };
        assert_eq!((*setting, *other), (Setting::Deterministic, against));
        assert!(!error.to_string().contains("--"), "the library knows no options: {error}");
    }
}

#[test]
fn a_task_needs_fuel() {
    let mut config = config();
    config.task.limits.fuel = Some(0);
    let error = block_on(pool("echo", config)).unwrap_err();
    assert!(matches!(error, Error::Setting(SettingError::Range { setting: Setting::Fuel, .. })), "{error}");
}

#[test]
fn inputs_of_the_same_bytes_differ_by_their_occurrence_alone() {
    block_on(async {
        let pool = pool("chance", deterministic(Determinism::default())).await.unwrap();
        let output = async |input: Input| pool.submit(input).await.unwrap().await.outcome;
        let first = output(Input::new("1")).await;
        assert_eq!(output(Input::new("1")).await, first);
        assert_eq!(output(Input::new("1").occurrence(0)).await, first);
        let second = output(Input::new("1").occurrence(1)).await;
        assert_ne!(second, first);
        assert_eq!(output(Input::new("1").occurrence(1)).await, second);
    });
}

#[test]
fn the_backstop_ends_a_deterministic_task_that_fuel_does_not() {
    block_on(async {
        let how = Determinism { backstop: Duration::from_millis(300), ..Determinism::default() };
        let mut config = deterministic(how);
        config.task.limits.fuel = Some(u64::MAX);
        let pool = pool("spin-on-bang", config).await.unwrap();
        let stuck = pool.submit("\"!\"").await.unwrap().await;
        assert_eq!((stuck.outcome.status(), stuck.receipt.layer), (Status::Timeout, Layer::Backstop));
        assert_eq!(pool.submit("1").await.unwrap().await.outcome, Outcome::Ok("1".into()));
    });
}
