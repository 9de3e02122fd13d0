//! `--verify`: some rows run a second time in another worker, and come to the same or not.

use serde_json::{Value, json};

use crate::compare::{Place, lines};
use crate::support::{run, wat};

/// The member `verify` of the summary of a run, and its exit code.
fn verified(place: &Place, guest: &str, args: &str) -> (Value, i32) {
    let ran = place.run(guest, &format!("--lines rows --summary-json summary {args}"));
    let summary: Value = serde_json::from_str(&place.read("summary")).unwrap_or_else(|_| panic!("{}", ran.stderr));
    (summary["verify"].clone(), ran.code)
}

fn with_rows(count: u64) -> Place {
    let place = Place::new();
    place.write("rows", lines(0..count));
    place
}

#[test]
fn a_guest_that_reads_random_bytes_or_the_clock_is_found() {
    let place = with_rows(50);
    for guest in ["dice", "chance"] {
        let (found, code) = verified(&place, guest, "--verify 100%");
        let differ = found["differ"].as_u64().expect("a number");
        assert!(found["rows"] == 50 && differ > 40 && code == 0, "{guest}: {found} {code}");
        assert_eq!(found["ids"].as_array().map(Vec::len), Some(5), "{found}");
        let (found, code) = verified(&place, guest, "--verify 20 --verify-fail");
        assert!(found["rows"] == 20 && code == 100, "{guest}: {found} {code}");
        let (found, code) = verified(&place, guest, "--verify 100% --verify-fail --deterministic");
        assert_eq!((found["differ"].clone(), code), (json!(0), 0), "{guest}: {found}");
    }
    let ran = run(place.wpool("run").arg(wat("dice")).args("--lines rows --verify 100%".split(' ')), "");
    assert!(ran.stderr.contains("  verify   50 rows ran twice, "), "{}", ran.stderr);
    assert!(ran.stderr.contains("  differs  rows:") && ran.stderr.contains(": first ok "), "{}", ran.stderr);
}

#[test]
fn a_guest_that_depends_on_its_row_alone_comes_to_the_same() {
    let place = with_rows(300);
    place.write("rows", lines((0..300).map(|row| if row % 7 == 0 { "!".to_owned() } else { row.to_string() })));
    let before = place.run("trap-on-bang", "--lines rows");
    for args in ["--verify 100%", "--verify 1000", "--verify 100% --unordered", "--verify 100% --receipts"] {
        let (found, code) = verified(&place, "trap-on-bang", &format!("{args} --verify-fail -o out --overwrite"));
        assert_eq!((&found["rows"], &found["differ"], code), (&json!(300), &json!(0), 100), "{args}: some rows trap");
    }
    let ran = place.run("trap-on-bang", "--lines rows --verify 100%");
    assert_eq!(ran.stdout, before.stdout, "records do not tell of it");
    let (found, code) = verified(&place, "echo", "--verify 100% --verify-fail");
    assert_eq!((&found["differ"], code), (&json!(0), 0));
    let (found, _) = verified(&place, "echo", "");
    assert_eq!(found, Value::Null);
}

#[test]
fn rows_are_chosen_by_their_content_in_shards_as_in_a_single_run() {
    let place = with_rows(2_000);
    let rows = |args: &str| verified(&place, "echo", args).0["rows"].as_u64().expect("a number");
    let single = rows("--verify 5%");
    assert!((60..140).contains(&single), "{single}");
    assert_eq!(single, rows("--verify 5% -j 1"));
    let shards: u64 = (1..=3).map(|shard| rows(&format!("--verify 5% --shard {shard}/3"))).sum();
    assert_eq!(single, shards);
    assert_eq!(rows("--verify 7"), 7);
    // Rows that an earlier run has done do not run.
    place.run("echo", "--lines rows -o done");
    let (found, code) = verified(&place, "echo", "--verify 100% -o done --resume");
    assert_eq!((&found["rows"], code), (&json!(0), 0));
}

#[test]
fn what_would_be_done_twice_is_refused() {
    let place = with_rows(2);
    for (args, why) in [
        ("--verify 1% --dir .::/d:rw", "change it twice"),
        ("--verify 1% --state", "cannot be used with"),
        ("--verify-fail", "--verify <N%|N>"),
        ("--verify 0", "a part of the rows"),
    ] {
        let ran = place.run("echo", &format!("--lines rows {args}"));
        assert!(ran.code == 2 && ran.stderr.contains(why), "{args}: {}", ran.stderr);
    }
}
