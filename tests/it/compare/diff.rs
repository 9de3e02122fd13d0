//! `wpool diff`: the records of two runs, row by row.

use serde_json::json;

use crate::compare::{Place, lines};
use crate::support::run;

fn counted(counts: &[(&str, u64)]) -> Vec<(String, u64)> {
    let mut counts: Vec<_> = counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
    counts.sort();
    counts
}

#[test]
fn rows_are_known_by_their_content_wherever_they_stand() {
    let place = Place::new();
    place.write("old.rows", "1\n!\n3\ngone\n3\n");
    place.write("new.rows", "new\n!\n3\n1\n3\n");
    assert_eq!(place.run("trap-on-bang", "--lines old.rows -o old").code, 100);
    assert_eq!(place.run("echo", "--lines new.rows -o new").code, 0);
    let (counts, code) = place.counts("old new");
    assert_eq!((counts, code), (counted(&[("same", 3), ("fixed", 1), ("only-a", 1), ("only-b", 1)]), 100));
    let (counts, _) = place.counts("new old");
    assert_eq!(counts, counted(&[("same", 3), ("regressed", 1), ("only-a", 1), ("only-b", 1)]));
    let told = place.diff("old new").stdout;
    assert!(told.contains("fixed      row 1: trap wasm `unreachable` instruction executed -> \"!\"\n"), "{told}");
    assert!(told.contains("only in B  row 0: \"new\"\n") && told.contains("only in A  row 3: \"gone\"\n"), "{told}");
    assert!(told.contains("A: old, 5 records of trap-on-bang.wat ("), "{told}");
    let last = told.lines().last().expect("a line");
    let expected = "by content: 3 same, 1 fixed, 0 regressed, 0 changed, 0 slower, 1 only in A, 1 only in B";
    assert_eq!(last, expected);
}

#[test]
fn a_run_is_the_same_as_itself_on_other_workers_in_another_order_and_in_shards() {
    let place = Place::new();
    let row = |n: u64| if n % 97 == 13 { "\"!\"".to_owned() } else { (n % 700).to_string() };
    place.write("rows", lines((0..3_000).map(row)));
    place.write("shuffled", lines((0..3_000).map(|n| row(n * 1_223 % 3_000))));
    place.run("trap-on-bang", "rows -o one");
    place.run("trap-on-bang", "rows -o single -j 1");
    place.run("trap-on-bang", "rows -o unordered --unordered");
    place.run("trap-on-bang", "shuffled -o shuffled.out");
    for shard in 1..=3 {
        place.run("trap-on-bang", &format!("rows -o part.{{shard}} --shard {shard}/3 --shard-by hash"));
    }
    let merged = run(&mut place.wpool("merge -q -o merged part.{shard}"), "");
    assert_eq!(merged.code, 100, "{}", merged.stderr);
    for other in ["single", "unordered", "shuffled.out", "merged", "one.wpool"] {
        assert_eq!(place.counts(&format!("one {other}")), (counted(&[("same", 3_000)]), 0), "{other}");
    }
    // A part of the rows.
    let (counts, code) = place.counts("one part.2");
    assert_eq!((counts.iter().map(|(_, count)| count).sum::<u64>(), code), (3_000, 100), "{counts:?}");
    assert!(counts.iter().all(|(name, _)| ["same", "only-a"].contains(&name.as_str())), "{counts:?}");
}

#[test]
fn outputs_are_compared_as_json_and_numbers_within_a_tolerance() {
    let place = Place::new();
    let record = |id: u32, output: &str| format!("{{\"id\":{id},\"status\":\"ok\",\"output\":{output}}}");
    let outputs = |outputs: [&str; 4]| lines(outputs.iter().zip(0..).map(|(output, id)| record(id, output)));
    place.write("a", outputs([r#"{"x":1,"y":[2]}"#, "1.0", r#"{"at":7,"v":1}"#, "12345678901234567890123"]));
    place.write("b", outputs([r#"{"y":[2.0],"x":1}"#, "1.0000001", r#"{"v":1,"at":8}"#, "12345678901234567890124"]));
    assert_eq!(place.counts("a b"), (counted(&[("same", 1), ("changed", 3)]), 100));
    assert_eq!(place.counts("a b --tolerance 1e-6").0, counted(&[("same", 3), ("changed", 1)]));
    assert_eq!(place.counts("a b --tolerance 1e-6 --ignore .at"), (counted(&[("same", 4)]), 0));
    let ran = place.diff("a b --json --ignore .at");
    let first = &ran.records()[0];
    assert_eq!(
        (&first["class"], &first["a"]["output"], &first["b"]["id"]),
        (&json!("changed"), &json!(1.0), &json!(1))
    );
}

#[test]
fn failures_are_the_same_if_their_reasons_are() {
    let place = Place::new();
    let failed = |status: &str, code: &str, message: &str, trace: &str| {
        format!(
            "{{\"id\":0,\"status\":\"{status}\",\"error\":{{\"code\":\"{code}\",\"message\":\"{message}\",\"backtrace\":[\"{trace}\"]}}}}\n"
        )
    };
    place.write("a", failed("failed", "err", "no", "one"));
    for (b, class) in [
        (failed("failed", "err", "no", "other"), "same"),
        (failed("failed", "err", "never", "one"), "changed"),
        (failed("failed", "exit", "no", "one"), "changed"),
        (failed("trap", "err", "no", "one"), "changed"),
    ] {
        place.write("b", &b);
        assert_eq!(place.counts("a b").0, counted(&[(class, 1)]), "{b}");
    }
}

#[test]
fn a_row_that_takes_longer_is_told_where_that_is_asked_for() {
    let place = Place::new();
    let record = |id: u32, wall: u64| {
        format!("{{\"id\":{id},\"status\":\"ok\",\"output\":1,\"receipt\":{{\"layer\":\"guest\",\"wall_us\":{wall}}}}}")
    };
    place.write("a", lines([record(0, 100_000), record(1, 100_000), record(2, 10)]));
    place.write("b", lines([record(0, 150_000), record(1, 300_000), record(2, 5_000)]));
    assert_eq!(place.counts("a b"), (counted(&[("same", 3)]), 0), "times are not compared");
    assert_eq!(place.counts("a b --slower 2x"), (counted(&[("same", 2), ("slower", 1)]), 100));
    // A kept run has times without receipts.
    place.write("rows", "1\n");
    place.run("sleep", "--lines rows -o quick");
    place.write("slept", "{\"id\":0,\"status\":\"ok\",\"output\":\"slept\"}\n");
    assert_eq!(place.counts("quick quick --slower 1"), (counted(&[("same", 1)]), 0));
    let ran = place.diff("slept slept --slower 2");
    assert!(ran.code == 0 && ran.stderr.contains("nothing is known of the times"), "{}", ran.stderr);
}

#[test]
fn bare_outputs_and_records_that_were_left_out_are_compared_by_what_is_known() {
    let place = Place::new();
    place.write("rows", "1\n\"!\"\n3\n");
    place.run("trap-on-bang", "rows -o values --values");
    place.run("trap-on-bang", "rows -o failed --only failed");
    place.run("echo", "rows -o echo --values");
    assert_eq!(place.counts("values echo"), (counted(&[("same", 2), ("fixed", 1)]), 100));
    assert_eq!(place.counts("failed values").0, counted(&[("same", 3)]));
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let place = Place::new();
    place.write("rows", "1\n");
    place.run("echo", "rows -o kept");
    place.run("echo", "rows -o values --values --no-journal");
    place.write("bare", "{\"id\":0,\"status\":\"ok\",\"output\":1}\n");
    place.write("other", "hello\n");
    place.write("active", "{\"id\":0,\"status\":\"ok\",\"output\":\"\x1b[2J\"}\n");
    for (args, code, why) in [
        ("kept absent", 2, "there is no run absent"),
        ("kept bare --by content", 2, "bare has no journal beside it"),
        ("bare bare --by key", 2, "has no such member"),
        ("bare bare --tolerance -1", 2, "0 or more"),
        ("bare bare --slower 0.5", 2, "1 or more"),
        ("bare bare --ignore at", 2, "expected a member"),
        ("bare other", 106, "not a record"),
        ("bare active", 106, "not a record"),
        ("kept values", 106, "not a record"),
    ] {
        let ran = place.diff(args);
        assert_eq!(ran.code, code, "{args}: {} {}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains(why), "{args}: {}", ran.stderr);
    }
    // FILE is shorter than its journal says.
    place.write("kept", "");
    let ran = place.diff("kept kept");
    assert!(ran.code == 106 && ran.stderr.contains("damaged"), "{}: {}", ran.code, ran.stderr);
}

#[test]
fn rows_that_are_gone_come_in_their_order() {
    let place = Place::new();
    place.write("rows", lines(0..60));
    place.run("echo", "rows -o all");
    place.write("fewer", lines(20..40));
    place.run("echo", "fewer -o some");
    let ran = place.diff("all some --show 100");
    let gone: Vec<_> = ran.stdout.lines().filter_map(|line| line.strip_prefix("only in A  row ")).collect();
    let expected: Vec<_> = (0..20).chain(40..60).map(|id| format!("{id}: {id}")).collect();
    assert_eq!(gone, expected, "{}", ran.stderr);
}

#[test]
fn more_differences_than_are_shown_are_counted() {
    let place = Place::new();
    let records =
        |output: u32| lines((0..50).map(|id| format!("{{\"id\":{id},\"status\":\"ok\",\"output\":{output}}}")));
    place.write("a", records(1));
    place.write("b", records(2));
    let shown = |args: &str| place.diff(args).stdout.lines().filter(|line| line.starts_with("changed")).count();
    assert_eq!((shown("a b"), shown("a b --show 3"), shown("a b --show 0"), shown("a b --show 99")), (10, 3, 0, 50));
    let ran = run(place.wpool("diff a -").arg("--show=0"), records(1));
    assert!(ran.code == 0 && ran.stdout.contains("50 same"), "{}{}", ran.stdout, ran.stderr);
}
