//! Shards of all kinds of rows, and with the other options of a run.

use std::time::Duration;

use super::*;
use crate::cli::{NOT_OK, OK, USAGE, assert_refused};
use crate::support::{Live, guest};

/// Runs shards of a command in the folder, merges them, and compares the records with those of the single run.
fn assert_equal(place: &Place, args: &str, input: &str) {
    let command = |more: &str| {
        let mut command = place.wpool("run -q -j 2");
        command.arg(&place.guest).args(args.split_whitespace()).args(more.split_whitespace());
        run(&mut command, input)
    };
    let one = command("-o one --overwrite");
    assert_eq!(one.code, OK, "{args}: {}", one.stderr);
    for by in ["slice", "block", "hash"] {
        for number in 1..=3 {
            let ran = command(&format!("-o {by}.{{shard}} --shard {number}/3 --shard-by {by} --overwrite"));
            assert_eq!(ran.code, OK, "{args}: {}", ran.stderr);
        }
        let ran = place.merge(&format!("-o all --overwrite {by}.{{shard}}"));
        assert_eq!(ran.code, OK, "{args}: {}", ran.stderr);
        place.assert_same("all", "one", &format!("{args} by {by}"));
    }
}

#[test]
fn rows_come_from_standard_input_and_from_several_files() {
    let place = Place::new("echo", "", []);
    let rows: String = (0..500).map(|n| format!("{n}\n")).collect();
    let (begin, rest) = rows.split_at(690);
    place.write("a", begin);
    place.write("b", format!("\n{rest}"));
    assert_equal(&place, "", &rows);
    assert_equal(&place, "a b", "");
    // The same rows are the same input, wherever they come from.
    let ran =
        run(place.wpool("run -q -j 2 --shard 2/3 -o hash.2 --shard-by hash --overwrite").arg(&place.guest), &rows);
    assert_eq!(ran.code, OK, "{}", ran.stderr);
    let ran = place.merge("-o all --overwrite hash.{shard}");
    assert_eq!(ran.code, OK, "{}", ran.stderr);
    place.assert_same("all", "one", "one shard of standard input, two of files");
}

#[test]
fn rows_are_files() {
    let place = Place::new("echo", "", []);
    fs::create_dir(place.path("in")).expect("a folder");
    (0..100).for_each(|n| place.write(&format!("in/{n}.txt"), format!("\"{n}\"")));
    assert_equal(&place, "--files in/*.txt", "");
    let list: String = (0..100).rev().map(|n| format!("in/{n}.txt\n")).collect();
    place.write("list", list);
    assert_equal(&place, "--files-from list", "");
    assert_equal(&place, "--files-from list --deterministic", "");
}

#[test]
fn records_of_unordered_shards_are_merged_in_the_order_of_their_rows() {
    let place = Place::new("trap-on-bang", "--unordered --chunksize 1", mixed(500));
    for by in ["slice", "hash"] {
        place.shards(by, 3, &format!("--shard-by {by}"));
        let ran = place.merge(&format!("-o all --overwrite --failed all.failed {by}"));
        assert_eq!(ran.code, NOT_OK, "{}", ran.stderr);
        let ordered = Place::new("trap-on-bang", "", mixed(500));
        ordered.single();
        assert!(place.read("all") == ordered.read("one"), "{by}");
        let sorted = |text: String| {
            let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
            lines.sort_unstable();
            lines
        };
        assert_eq!(sorted(place.read("all.failed")), sorted(ordered.read("one.failed")), "{by}");
    }
}

#[test]
fn outputs_as_files_have_the_names_of_the_single_run() {
    let place = Place::new("echo", "", numbers(90));
    place.run("-o one --out-dir outs");
    for number in 1..=2 {
        let ran = place.run(&format!("-o {{shard}}.part --out-dir others --shard {number}/2"));
        assert_eq!(ran.code, OK, "{}", ran.stderr);
    }
    assert_eq!(place.merge("-o all {shard}.part").code, OK);
    assert_eq!(place.read("all").replace("others/", "outs/"), place.read("one"));
    assert_eq!(place.read("others/77"), place.read("outs/77"));
}

#[test]
fn a_shard_is_resumed_with_the_ids_of_the_whole_input() {
    let place = Place::new("trap-on-bang", "", mixed(3_000));
    place.single();
    for by in ["slice", "block", "hash"] {
        // The run waits for the rest of its rows when it is killed.
        let rows = place.read("rows");
        let (begin, _) = rows.split_at(rows.len() / 2);
        let mut command = place.wpool(&format!("run -q -o {by}.2 --shard 2/3 --shard-by {by}"));
        command.arg(&place.guest);
        // Slices are counted before the first of them runs.
        if by != "slice" {
            let mut live = Live::start(&mut command);
            live.say(begin);
            while fs::metadata(place.path(&format!("{by}.2"))).map_or(0, |found| found.len()) == 0 {
                std::thread::sleep(Duration::from_millis(2));
            }
            live.kill();
        }
        for number in 1..=3 {
            let ran = place.run(&format!("-o {by}.{{shard}} --shard {number}/3 --shard-by {by} --resume"));
            // Of rows with few contents, not every shard by hash has one that fails.
            assert!([OK, NOT_OK].contains(&ran.code), "{by} {number}: {}", ran.stderr);
        }
        // Rows whose place has changed since get their new ids.
        place.merge(&format!("-o all --overwrite {by}.{{shard}}"));
        place.assert_same("all", "one", by);
    }
    let ran = place.run("-o hash.2 --shard 1/3 --shard-by hash --resume");
    assert_refused(&ran, USAGE, &["--shard was 2/3 by hash and is 1/3 by hash"], "another shard");
}

#[test]
fn a_resumed_shard_follows_its_rows_to_their_new_places() {
    let place = Place::new("trap-on-bang", "", mixed(400));
    place.shards("p", 3, "--shard-by hash");
    let rows: String = ["\"new\"".to_owned()].into_iter().chain(mixed(400)).map(|row| row + "\n").collect();
    place.write("rows", rows);
    place.single();
    for number in 1..=3 {
        place.run(&format!("-o p/{number} --failed p/{number}.failed --summary-json p/{number}.summary --shard {number}/3 --shard-by hash --resume"));
    }
    let ran = place.merge("-o all p --failed all.failed");
    assert_eq!(ran.code, NOT_OK, "{}", ran.stderr);
    place.assert_same("all", "one", "moved rows");
    place.assert_same("all.failed", "one.failed", "moved rows");
}

#[test]
fn a_task_of_a_shard_is_replayed_and_rerun_by_its_id() {
    let place = Place::new("trap-on-bang", "", mixed(300));
    place.single();
    let ran = place.run("-o part --shard 2/3");
    assert_eq!(ran.code, NOT_OK, "{}", ran.stderr);
    // Row 110 is the second that traps.
    let ran = run(&mut place.wpool("replay part 110"), "");
    assert_eq!(ran.code, NOT_OK, "{}", ran.stderr);
    assert!(ran.stdout.contains("110: trap (the same as recorded)"), "{}", ran.stdout);
    let before = place.read("part");
    let ran = run(place.wpool("rerun part --failed").env("WPOOL_SHARD", "1/3"), "");
    assert_eq!(ran.code, NOT_OK, "{}", ran.stderr);
    assert!(place.read("part") == before, "the same tasks fail again");
    let lines = run(&mut place.wpool("runs export part"), "").stdout;
    assert!(lines.contains("\"line\":0") && !lines.contains("\"id\":"), "{lines}");
}

#[test]
fn a_shard_without_rows_is_done_and_says_so() {
    let place = Place::new("echo", "", numbers(2));
    let mut command = place.wpool("run --shard 1/3 -o part");
    let ran = run(command.arg(&place.guest).arg("rows"), "");
    assert_eq!((ran.code, ran.stdout.as_str()), (OK, ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("none of the 2 rows in rows is of this shard"), "{}", ran.stderr);
    assert!(place.read("part.wpool/run.json").contains("\"complete\": true"));
}

#[test]
fn a_dry_run_names_the_shard_and_counts_its_rows() {
    let place = Place::new("echo", "", numbers(100));
    for (by, rows) in [("slice", 33), ("block", 32)] {
        let ran = place.run(&format!("--dry-run --shard 2/3 --shard-by {by}"));
        assert!(ran.stdout.contains(&format!("2/3 by {by}: {rows} rows")), "{}", ran.stdout);
        assert!(ran.stdout.contains("100 rows in rows"), "{}", ran.stdout);
    }
    let ran = run(place.wpool("run --dry-run --shard 2/3").arg(&place.guest).arg("-"), "1\n");
    assert!(ran.stdout.contains("2/3 by slice: known once all are read"), "{}", ran.stdout);
}

#[test]
fn what_no_shard_can_have_is_refused() {
    let place = Place::new("echo", "", numbers(2));
    for args in ["--shard 0/2", "--shard 3/2", "--shard 1", "--shard 1/2 --shard-count 3", "--shard-count 2"] {
        assert_refused(&place.run(args), USAGE, &["--shard"], args);
    }
    let shared = guest("shared-state");
    for args in ["--state", "--state-out s"] {
        let ran = run(place.wpool("run --shard 1/2").args(args.split_whitespace()).arg(&shared).arg("rows"), "");
        assert_refused(&ran, USAGE, &["--shard"], args);
    }
    let ran = run(place.wpool("run -n --shard 1/2").arg(&place.guest), "");
    assert_refused(&ran, USAGE, &["--once"], "no rows");
}
