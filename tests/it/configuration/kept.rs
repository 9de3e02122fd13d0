//! What a run keeps: a file that changes later changes nothing about it.

use std::fs;

use serde_json::{Value, json};

use super::{OK, Place, USAGE};

const NOT_OK: i32 = 100;

fn arguments(place: &Place) -> Value {
    let facts: Value = serde_json::from_str(&place.read("project/out.wpool/run.json")).expect("JSON");
    facts["arguments"].clone()
}

#[test]
fn a_run_without_a_file_keeps_what_was_typed() {
    let place = Place::new();
    let ran = place.wpool("run echo.wat rows -q --timeout=60s -oout --retry-on trap,crash --retries=1");
    assert_eq!(ran.code, OK, "{}", ran.stderr);
    let typed = json!(["echo.wat", "rows", "-q", "--timeout=60s", "-oout", "--retry-on", "trap,crash", "--retries=1"]);
    assert_eq!(arguments(&place), typed);
    // Also beside a file that says nothing about it.
    place.write("project/wpool.toml", "wpool = \">=0.1\"\n[profile.ci]\nretries = 1\n");
    place.write_users("[trust]\nfolders = []\n");
    assert_eq!(
        place.wpool("run echo.wat rows -q --timeout=60s -oout --retry-on trap,crash --retries=1 --resume").code,
        OK
    );
}

#[test]
fn a_run_with_a_file_keeps_all_of_its_options() {
    let place = Place::with(
        "[run]\nwith-input = true\nfuel = 1e6\n[profile.ci]\nretry-on = [\"trap\", \"crash\"]\nretries = 1\n[task.t]\nprogram = \"spin.wat\"\n\
         inputs = [\"rows\"]\noutput = \"out\"\n",
    );
    assert_eq!(place.wpool("run @t --profile ci -q").code, NOT_OK);
    let expanded = json!([
        "--no-config",
        "spin.wat",
        "rows",
        "--output",
        "out",
        "--with-input",
        "--fuel",
        "1000000",
        "--retries",
        "1",
        "--retry-on",
        "trap,crash",
        "--quiet"
    ]);
    assert_eq!(arguments(&place), expanded);
    let before = place.read("project/out");
    // Whatever happens to the file, the run is what it was.
    place.write(
        "project/wpool.toml",
        "[run]\nwith-input = false\nfuel = 5\ncall = \"other\"\ntimeout = \"1ms\"\nnonsense = 1\n",
    );
    let replayed = place.wpool("replay --json out 1");
    assert_eq!(replayed.code, NOT_OK, "{}", replayed.stderr);
    assert_eq!(replayed.records()[0]["record"]["status"].as_str().unwrap_or("fuel"), "fuel");
    assert_eq!(place.wpool("rerun out --failed -q").code, NOT_OK);
    assert_eq!((place.read("project/out"), arguments(&place)), (before.clone(), expanded.clone()));
    fs::remove_file(place.path("project/wpool.toml")).expect("it is removed");
    assert_eq!(place.wpool("rerun out --failed -q").code, NOT_OK);
    assert_eq!((place.read("project/out"), arguments(&place)), (before, expanded));
}

#[test]
fn a_resume_says_what_the_file_has_changed() {
    let place = Place::with("[run]\nfuel = 1e6\njobs = 1\n");
    assert_eq!(place.wpool("run echo.wat rows -q -o out").code, OK);
    place.write("project/wpool.toml", "[run]\nfuel = 1e6\njobs = 2\n");
    let ran = place.wpool("run echo.wat rows -q -o out --resume");
    assert_eq!(ran.code, OK, "{}", ran.stderr);
    place.write("project/wpool.toml", "[run]\nfuel = 1e7\n");
    let ran = place.wpool("run echo.wat rows -q -o out --resume");
    assert_eq!(ran.code, USAGE, "{}", ran.stderr);
    assert!(ran.stderr.contains("--fuel was 1000000 and is 10000000"), "{}", ran.stderr);
    assert!(ran.stderr.contains("options of this run come from wpool.toml [run]"), "{}", ran.stderr);
}

#[test]
fn a_plan_for_an_engine_has_the_options_of_the_file() {
    let place = Place::with("[run]\nfuel = 1e6\n[task.t]\nprogram = \"echo.wat\"\ninputs = \"rows\"\n");
    let ran = place.wpool("plan slurm --shards 2 -- run @t -o out.jsonl");
    assert_eq!(ran.code, OK, "{}", ran.stderr);
    assert!(ran.stdout.contains("echo.wat rows --output 'out.{shard}.jsonl' --fuel 1000000"), "{}", ran.stdout);
    assert!(ran.stdout.contains("--no-config") && !ran.stdout.contains("@t"), "{}", ran.stdout);
}
