//! Records of rows that are gone from the input: none is dropped in silence.

use super::*;
use crate::support::{block_on, until};

/// Five rows, of which two are not ok, and their run.
fn place() -> Place {
    let place = Place::new(["1", "\"!\"", "3", "\"!!\"", "5"].map(str::to_owned));
    assert_eq!(place.run("trap-on-bang", "-q -o out --failed failed").code, NOT_OK);
    place
}

/// Resumes a run over one row and more that do not come, and kills it once the record of that row is there.
fn begin_to_resume(place: &Place, guest: &str, row: &str) {
    place.rows([row.to_owned()]);
    let live = Live::start(&mut place.command(guest, "- -q -o out --resume"));
    let record = format!("\"output\":{row}}}\n");
    block_on(until("the record is written", || {
        let out = read(place.path("out"));
        out.starts_with("{\"id\":0,") && out.ends_with(&record) && out.lines().count() == 1
    }));
    live.kill();
}

fn wpool_in(place: &Place, args: &str, rows: &str) -> Ran {
    run(wpool().current_dir(place.0.path()).args(args.split_whitespace()), rows)
}

#[test]
fn a_rerun_is_refused_over_rows_without_those_that_are_ok() {
    let place = place();
    let before = read(place.path("out"));
    for (args, rows) in
        [("rerun out failed --failed", ""), ("rerun out - --failed", "\"!\"\n"), ("rerun out - --failed", "1\n1\n3\n")]
    {
        let ran = wpool_in(&place, args, rows);
        assert_refused(&ran, USAGE, &["nothing was run", "of the run"], args);
        assert_eq!(read(place.path("out")), before, "{args}");
    }
    assert!(wpool_in(&place, "rerun out failed --failed", "").stderr.contains("3 records of the run are ok"));
    // All rows may come in another order, and so may rows that are new or not ok any more.
    let ran = wpool_in(&place, "rerun out - --failed", "5\n3\n\"a\"\n1\n");
    assert_eq!(ran.code, OK, "{}", ran.stderr);
    assert_eq!((kept(&ran), read(place.path("out")).lines().count()), (3, 4));
}

#[test]
fn a_rerun_counts_equal_rows() {
    let place = Place::new(["1", "1", "\"!\"", "1"].map(str::to_owned));
    place.run("trap-on-bang", "-q -o out");
    let ran = wpool_in(&place, "rerun out - --failed", "1\n1\n\"!\"\n");
    assert_refused(&ran, USAGE, &["1 record of the run is ok"], "one of three");
    assert_eq!(wpool_in(&place, "rerun out - --failed", "1\n1\n1\n").code, OK);
    // Records that wait for a resume count as well.
    let place = Place::new(numbers(2_000));
    place.run("echo", "-q -o out");
    begin_to_resume(&place, "echo", "\"new\"");
    let ran = wpool_in(&place, "rerun out - --failed", "1\n2\n");
    assert_refused(&ran, USAGE, &["1999 records of the run are ok"], "most rows");
}

#[test]
fn a_resume_keeps_records_of_rows_that_are_gone_and_says_so() {
    let place = place();
    let before = read(place.path("out"));
    let lines: Vec<_> = before.lines().collect();
    place.rows(["1", "3"].map(str::to_owned));
    let ran = place.resume("trap-on-bang", "", OK);
    let said = "moved: 3 records of rows that are not in the input any more, to out.wpool/gone-1.jsonl";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    let gone = read(place.path("out.wpool/gone-1.jsonl"));
    assert_eq!(gone.lines().collect::<Vec<_>>(), [lines[1], lines[3], lines[4]]);
    let mode = fs::metadata(place.path("out.wpool/gone-1.jsonl")).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // Nothing is gone now, and then another row is, which has a file of its own.
    assert!(!place.resume("trap-on-bang", "", OK).stderr.contains("not in the input"));
    place.rows(["3"].map(str::to_owned));
    let ran = place.resume("trap-on-bang", "", OK);
    assert!(ran.stderr.contains("1 record of rows") && ran.stderr.contains("gone-2.jsonl"), "{}", ran.stderr);
    assert_eq!(read(place.path("out.wpool/gone-1.jsonl")), gone);
}

#[test]
fn a_resume_drops_records_of_rows_that_are_gone_where_that_is_asked_for() {
    let place = place();
    place.rows(["1", "3"].map(str::to_owned));
    let ran = place.resume("trap-on-bang", "--resume-drop-gone", OK);
    assert!(ran.stderr.contains("dropped: 3 records of rows that are not in the input any more"), "{}", ran.stderr);
    assert!(!place.path("out.wpool/gone-1.jsonl").exists());
    let ran = place.run("echo", "-o new --resume-drop-gone");
    assert_refused(&ran, USAGE, &["--resume"], "no resume");
}

#[test]
fn records_of_rows_that_are_gone_stay_while_the_resumed_run_is_interrupted() {
    let place = place();
    begin_to_resume(&place, "trap-on-bang", "3");
    assert!(!place.path("out.wpool/gone-1.jsonl").exists());
    let ran = place.resume("trap-on-bang", "", OK);
    assert!(ran.stderr.contains("moved: 4 records"), "{}", ran.stderr);
}
