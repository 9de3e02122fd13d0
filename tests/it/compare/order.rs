//! Times of earlier runs: the order in which rows are started, and shards that take equally long.

use std::fs;

use crate::compare::{Place, lines};
use crate::support::run;

/// Rows of which few sleep long, in milliseconds.
fn sleepers(count: u64) -> String {
    lines((0..count).map(|row| if row % 10 == 7 { 60 + row } else { row % 5 }))
}

#[test]
fn records_keep_the_order_of_the_input_whatever_is_started_first() {
    let place = Place::new();
    place.write("rows", sleepers(60));
    assert_eq!(place.run("sleep", "--lines rows -o before").code, 0);
    for order in ["longest-first", "failed-first", "input"] {
        let args = format!("--lines rows -o after.{order} --history before --order {order} --failed none");
        let ran = place.run("sleep", &args);
        assert_eq!(ran.code, 0, "{order}: {}", ran.stderr);
        assert_eq!(place.read(&format!("after.{order}")), place.read("before"), "{order}");
    }
    // Over itself, and without order, and of one shard.
    let ran = place.run("sleep", "--lines rows -o before --overwrite --history before --order longest-first");
    assert_eq!((ran.code, place.read("before")), (0, place.read("after.input")), "{}", ran.stderr);
    let ran = place.run("sleep", "--lines rows --unordered --history before --order longest-first");
    let mut ids: Vec<_> = ran.each("id").iter().map(|id| id.as_u64().expect("a number")).collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..60).collect::<Vec<_>>());
    let ran = place.run("sleep", "--lines rows --history before --order longest-first --shard 2/2 --shard-by hash");
    let alone = place.run("sleep", "--lines rows --shard 2/2 --shard-by hash");
    assert_eq!((ran.code, &ran.stdout), (0, &alone.stdout), "{}", ran.stderr);
}

#[test]
fn rows_that_took_long_are_started_first() {
    let place = Place::new();
    // The only long row stands last, and is known although it has moved.
    place.write("before.rows", lines([300].into_iter().chain(1..=30)));
    place.write("rows", lines((1..=30).chain([300])));
    place.run("sleep", "--lines before.rows -o before");
    let first = |args: &str| {
        let ran = place.run("sleep", &format!("--lines rows -j 1 --receipts {args}"));
        let waits = ran.each("receipt").into_iter().map(|receipt| receipt["wait_us"].as_u64().expect("a time"));
        let waits: Vec<_> = waits.collect();
        assert_eq!(waits.len(), 31, "{}", ran.stderr);
        (0..31).min_by_key(|row| waits[*row]).expect("a row")
    };
    assert_eq!(first("--history before --order longest-first"), 30);
    assert_eq!(first("--history before"), 0);
}

#[test]
fn rows_that_failed_are_started_first_so_that_a_halt_comes_early() {
    let place = Place::new();
    place.write("rows", lines((0..2_000).map(|row| row.to_string()).chain(["!".to_owned()])));
    assert_eq!(place.run("trap-on-bang", "--lines rows -o before").code, 100);
    let args = "--lines rows -j 1 --chunksize 1 --max-fail 1 --history before --order failed-first";
    let ran = place.run("trap-on-bang", args);
    assert_eq!(ran.code, 103, "{}", ran.stderr);
    assert!(ran.each("status").iter().filter(|status| *status == "ok").count() < 1_000, "it came at the end");
    assert!(ran.records().iter().any(|record| record["id"] == 2_000 && record["status"] == "trap"));
}

#[test]
fn shards_by_time_have_the_records_of_the_single_run() {
    let place = Place::new();
    place.write("rows", sleepers(60));
    place.run("sleep", "--lines rows -o one");
    for of in [1, 2, 3] {
        for shard in 1..=of {
            let args = format!("--lines rows -o {of}.{{shard}} --shard {shard}/{of} --shard-by time:one");
            let ran = place.run("sleep", &args);
            assert_eq!(ran.code, 0, "{}", ran.stderr);
        }
        let merged = run(&mut place.wpool(&format!("merge -q -o merged.{of} {of}.{{shard}}")), "");
        assert_eq!(merged.code, 0, "{}", merged.stderr);
        assert_eq!(place.read(&format!("merged.{of}")), place.read("one"), "{of} shards");
    }
    // The six long rows are dealt to both.
    let long = |name: &str| place.read(name).lines().filter(|line| line.contains("7,\"status\"")).count();
    assert_eq!((long("2.1"), long("2.2")), (3, 3));
    // The merged run knows the times of its shards.
    for shard in [1, 2] {
        place.run("sleep", &format!("--lines rows --shard {shard}/2 --shard-by time:merged.2 -o again.{{shard}}"));
    }
    let merged = run(&mut place.wpool("merge -q -o again again.{shard}"), "");
    assert_eq!((merged.code, place.read("again")), (0, place.read("one")), "{}", merged.stderr);
}

#[test]
fn shards_that_were_dealt_by_other_times_do_not_belong_together() {
    let place = Place::new();
    place.write("rows", sleepers(20));
    place.run("sleep", "--lines rows -o one");
    place.run("sleep", "--lines rows -o other");
    place.run("sleep", "--lines rows -o part.1 --shard 1/2 --shard-by time:one");
    place.run("sleep", "--lines rows -o part.2 --shard 2/2 --shard-by time:other");
    let merged = run(&mut place.wpool("merge -o merged part.1 part.2"), "");
    assert!(merged.code == 2 && merged.stderr.contains("--shard-by time was "), "{}: {}", merged.code, merged.stderr);
    let ran = place.run("sleep", "--lines rows -o part.1 --shard 1/2 --shard-by time:one --resume");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let ran = place.run("sleep", "--lines rows -o part.1 --shard 1/2 --shard-by time:other --resume");
    assert!(ran.code == 2 && ran.stderr.contains("--shard-by time was "), "{}", ran.stderr);
}

#[test]
fn what_a_run_does_not_know_is_refused_or_told() {
    let place = Place::new();
    place.write("rows", "1\n2\n");
    place.write("others", "3\n4\n");
    place.run("sleep", "--lines rows -o before");
    for (args, why) in [
        ("--order longest-first", "--order needs --history RUN"),
        ("--order longest-first --history absent", "there is no run absent"),
        ("--history before --shard 1/2 --shard-by time:before", "leave --history out"),
        ("--shard 1/2 --shard-by time", "time:RUN"),
        ("--order longest-first --history before --out-dir outputs", "cannot be used with"),
    ] {
        let ran = place.run("sleep", &format!("--lines rows {args}"));
        assert!(ran.code == 2 && ran.stderr.contains(why), "{args}: {}: {}", ran.code, ran.stderr);
    }
    fs::remove_file(place.path("before.wpool/history")).expect("it was kept");
    let ran = place.run("sleep", "--lines rows --history before");
    assert!(ran.code == 2 && ran.stderr.contains("nothing is kept of how long"), "{}", ran.stderr);
    place.run("sleep", "--lines others -o before --overwrite");
    let mut told = place.wpool("run");
    told.arg(crate::support::wat("sleep")).args("--lines rows --history before --order longest-first".split(' '));
    let ran = run(&mut told, "");
    assert!(ran.code == 0 && ran.stderr.contains("none of the 2 rows is among those of before"), "{}", ran.stderr);
}

#[test]
fn a_run_that_is_resumed_starts_its_rows_as_they_stand() {
    let place = Place::new();
    place.write("rows", sleepers(30));
    place.run("sleep", "--lines rows -o before");
    let args = "--lines rows -o after --history before --order longest-first";
    place.run("sleep", args);
    let whole = place.read("after");
    place.write("rows", sleepers(40));
    let ran = place.run("sleep", &format!("{args} --resume"));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(place.read("after").starts_with(&whole) && place.read("after").lines().count() == 40);
}
