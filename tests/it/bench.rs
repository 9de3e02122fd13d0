//! `wpool bench`: its measurements and reports, but never speeds.

use serde_json::Value;

use crate::support::{Ran, guest, run, wat, wpool};

const USAGE: i32 = 2;
const NO_INPUTS: i32 = 4;
const NOT_OK: i32 = 100;
const REFUSED: i32 = 101;

/// A short bench with arguments as a shell would split them, and rows on standard input.
fn bench(task: &std::path::Path, args: &str, rows: &str) -> Ran {
    run(wpool().args(["bench", "--rounds", "1"]).arg(task).args(args.split_whitespace()), rows)
}

fn findings(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error} in {}: {}", ran.stdout, ran.stderr))
}

/// Names of the settings beside numbers of workers.
fn variants(findings: &Value) -> Vec<(&str, &Value)> {
    let all = findings["variants"].as_array().expect("a list");
    all.iter().map(|variant| (variant["name"].as_str().expect("a name"), variant)).collect()
}

fn advice(findings: &Value) -> String {
    let all = findings["advice"].as_array().expect("a list");
    all.iter().map(|one| one.as_str().expect("a sentence").to_owned() + "\n").collect()
}

#[test]
fn a_bench_runs_every_setting_over_the_rows_that_it_was_told() {
    let ran = bench(&wat("noop"), "--json --rows 200 -j 2", "1\n2\n3\n");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let found = findings(&ran);
    assert_eq!((&found["rows"], &found["sample"], &found["not_ok"]), (&200.into(), &3.into(), &0.into()));
    let workers: Vec<_> = found["workers"].as_array().expect("a list").iter().map(|one| &one["workers"]).collect();
    assert_eq!(workers, [1, 2, 4]);
    assert!(found["workers"].as_array().into_iter().flatten().all(|one| one["rate"]["median"].as_f64() > Some(0.0)));
    let variants = variants(&found);
    assert_eq!(found["isolation"], "reset");
    for name in ["--isolation fresh", "--isolation reuse", "--timeout", "--timeout --interrupt kill"] {
        let (_, variant) = variants.iter().find(|(found, _)| *found == name).unwrap_or_else(|| panic!("{variants:?}"));
        assert!(variant["ratio"].as_f64() > Some(0.0), "{variant}");
    }
    // Every setting ran all rows.
    let settings = workers.len() + variants.iter().filter(|(_, variant)| variant["rate"].is_object()).count();
    assert_eq!(found["tasks"], 200 * settings);
    assert_eq!(found["row"]["workers"], 2);
    assert!(!advice(&found).is_empty());
}

#[test]
fn a_bench_tells_people_the_same_in_tables() {
    let ran = bench(&wat("noop"), "--rows 50 -j 1", "1\n");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    for part in ["noop.wat: 50 rows", "speed-up", "start", "guest", "host", "waiting", "--isolation reuse", "advice: "]
    {
        assert!(ran.stdout.contains(part), "{part} is not in {}", ran.stdout);
    }
    assert!(ran.stderr.contains("measuring "), "{}", ran.stderr);
}

#[test]
fn a_bench_finds_out_by_itself_how_many_rows_take_a_second() {
    let found = findings(&bench(&wat("sleep"), "--json -j 1 --lines", "50\n"));
    let rows = found["rows"].as_u64().expect("a number");
    // At most 20 of them take a second, and at least 4 are run.
    assert!((4..=20).contains(&rows), "{rows}");
}

#[test]
fn tasks_that_wait_are_advised_to_have_more_workers() {
    let found = findings(&bench(&wat("sleep"), "--json -j 1 --lines --rows 12", "50\n"));
    assert!(advice(&found).contains("`-j 2` is "), "{found}");
}

#[test]
fn what_a_program_cannot_be_run_with_is_said_and_nothing_else_is_lost() {
    let ran = bench(&guest("word-count"), "--json -j 1 --rows 8", "\"a b\"\n");
    let found = findings(&ran);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let reuse = variants(&found).into_iter().find(|(name, _)| *name == "--isolation reuse").expect("it is tried").1;
    assert!(
        reuse["rate"].is_null() && reuse["inapplicable"].as_str().is_some_and(|why| why.contains("command")),
        "{reuse}"
    );
    let found = findings(&bench(&wat("table-swap"), "--json -j 1 --rows 8", "7\n"));
    let reset = variants(&found).into_iter().find(|(name, _)| *name == "--isolation reset").expect("it is tried").1;
    assert_eq!(found["isolation"], "fresh");
    assert!(reset["inapplicable"].as_str().is_some_and(|why| why.contains("table")), "{reset}");
    let found = findings(&bench(&wat("noop"), "--json -j 1 --rows 8 --deterministic", "1\n"));
    let timeout = variants(&found).into_iter().find(|(name, _)| *name == "--timeout").expect("it is tried").1;
    assert!(timeout["inapplicable"].is_string(), "{timeout}");
}

#[test]
fn tasks_that_are_not_ok_are_measured_and_told_of() {
    let ran = bench(&wat("trap-on-bang"), "--json --lines -j 1 --rows 10", "!\n1\n");
    let found = findings(&ran);
    assert_eq!(ran.code, NOT_OK, "{}", ran.stderr);
    assert_eq!(2 * found["not_ok"].as_u64().expect("a number"), found["tasks"].as_u64().expect("a number"));
    assert!(advice(&found).contains(" are not ok"), "{found}");
}

#[test]
fn options_of_a_run_are_options_of_a_bench() {
    let ran =
        bench(&guest("typed"), "--json -j 1 --rows 4 --call shapes.area --timeout 5s --chunksize 1", "\"empty\"\n");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let found = findings(&ran);
    let names: Vec<_> = variants(&found).into_iter().map(|(name, _)| name).collect();
    for name in ["no --timeout", "--interrupt kill", "no --chunksize"] {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
}

#[test]
fn a_bench_ends_with_the_codes_of_every_command() {
    assert_eq!(bench(&wat("noop"), "--rows 4", "").code, NO_INPUTS);
    assert_eq!(bench(&wat("noop"), "--rows 0", "1\n").code, USAGE);
    assert_eq!(bench(&wat("noop"), "--state-out x", "1\n").code, USAGE);
    assert_eq!(bench(&wat("noop"), "-o x", "1\n").code, USAGE);
    assert_eq!(bench(&wat("no-convention"), "--rows 4", "1\n").code, REFUSED);
}
