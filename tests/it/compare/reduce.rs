//! `wpool reduce`: one value of all outputs, by a tree over the ids of the rows.

use std::process::Command;

use crate::compare::{Place, lines};
use crate::support::{Ran, run, wat};

fn reduce(place: &Place, guest: &str, args: &str) -> Ran {
    let mut command = place.wpool("reduce");
    run(command.arg(wat(guest)).args(args.split_whitespace()), "")
}

/// The tree over some rows, as a guest shows it that answers with its row.
fn tree(rows: std::ops::Range<u64>, span: u64) -> Option<String> {
    if span == 1 {
        return (!rows.is_empty()).then(|| rows.start.to_string());
    }
    let middle = rows.start + span / 2;
    let left = tree(rows.start..rows.end.min(middle), span / 2);
    let right = if middle < rows.end { tree(middle..rows.end, span / 2) } else { None };
    match (left, right) {
        (Some(left), Some(right)) => Some(format!("[{left},{right}]")),
        (left, right) => left.or(right),
    }
}

#[test]
fn the_tree_depends_on_the_ids_alone() {
    let place = Place::new();
    for rows in [1, 2, 3, 5, 8, 100, 4_096, 10_001] {
        place.write("rows", lines(0..rows));
        place.run("echo", "rows -o out --overwrite");
        let ran = reduce(&place, "echo", "out");
        let expected = tree(0..rows, rows.next_power_of_two()).expect("there are rows") + "\n";
        assert!(ran.stdout == expected && ran.code == 0, "{rows}: {} {}", ran.code, ran.stderr);
    }
    assert_eq!(tree(0..5, 8).as_deref(), Some("[[[0,1],[2,3]],4]"));
}

#[test]
fn the_same_bits_come_out_of_any_number_of_workers_and_shards() {
    let place = Place::new();
    place.write("rows", lines((0..5_000).map(|row| if row % 97 == 5 { "\"!\"".to_owned() } else { row.to_string() })));
    place.run("trap-on-bang", "rows -o one");
    let one = reduce(&place, "echo", "one -j 1");
    assert_eq!(one.code, 100, "rows are left out: {}", one.stderr);
    assert!(one.stderr.contains("52 rows left out that are not ok"), "{}", one.stderr);
    assert!(one.stdout.starts_with(&("[".repeat(13) + "0,1],[2,3]],[4,[6,7]]],")), "{:.60}", one.stdout);
    for jobs in [2, 7] {
        assert_eq!(reduce(&place, "echo", &format!("one -j {jobs}")).stdout, one.stdout, "{jobs} workers");
    }
    for (of, by) in [(1, "slice"), (3, "block"), (7, "hash")] {
        for shard in 1..=of {
            place.run("trap-on-bang", &format!("rows -o {of}.{{shard}} --shard {shard}/{of} --shard-by {by}"));
        }
        run(&mut place.wpool(&format!("merge -q -o merged.{of} {of}.{{shard}}")), "");
        assert_eq!(reduce(&place, "echo", &format!("merged.{of}")).stdout, one.stdout, "{of} shards");
    }
}

#[test]
fn a_function_of_two_parameters_takes_both_values() {
    let place = Place::new();
    place.write("rows", lines(20..120));
    place.run("echo", "rows -o out");
    let ran = reduce(&place, "component-add", "out");
    assert_eq!((ran.stdout.as_str(), ran.code), ("6950\n", 0), "{}", ran.stderr);
    assert_eq!(reduce(&place, "component-add", "out --call add -q").stderr, "");
}

#[test]
fn a_reduction_that_fails_names_its_rows_and_gives_no_value() {
    let place = Place::new();
    // The sum of the third and the fourth is 13, at which the guest traps.
    place.write("rows", "1\n2\n6\n7\n9\n");
    place.run("echo", "rows -o out");
    let ran = reduce(&place, "component-add", "out");
    assert_eq!((ran.stdout.as_str(), ran.code), ("", 100));
    assert!(ran.stderr.contains("reducing rows 2 to 3: trap: "), "{}", ran.stderr);
    place.write("none", "");
    place.write("unordered", "{\"id\":1,\"status\":\"ok\",\"output\":1}\n{\"id\":0,\"status\":\"ok\",\"output\":1}\n");
    place.write("other", "hello\n");
    for (args, code, why) in [
        ("none", 4, "no output"),
        ("unordered", 2, "sort -t: -k2n"),
        ("other", 106, "not a record"),
        ("absent", 96, "cannot read"),
        (".", 2, "not a regular file"),
        ("out --call other", 2, "other"),
    ] {
        let ran = reduce(&place, "component-add", args);
        let codes = if args.contains("--call") { [2, 101] } else { [code, code] };
        assert!(codes.contains(&ran.code) && ran.stderr.contains(why), "{args}: {}: {}", ran.code, ran.stderr);
    }
    let sorted = Command::new("sort").args(["-t:", "-k2n"]).arg(place.path("unordered")).output().expect("sort");
    place.write("sorted", String::from_utf8(sorted.stdout).expect("text"));
    let ran = reduce(&place, "component-add", "sorted");
    assert_eq!((ran.stdout.as_str(), ran.code), ("2\n", 0), "{}", ran.stderr);
    let ran = reduce(&place, "spin", "out --timeout 100ms");
    assert!(ran.code == 100 && ran.stderr.contains("reducing rows 0 to 1: timeout: "), "{}: {}", ran.code, ran.stderr);
}
