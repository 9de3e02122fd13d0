//! Merged shards are the single run, byte for byte.

use serde_json::Value;

use super::*;

const BY: [&str; 3] = ["slice", "block", "hash"];

/// Merges all shards and compares everything that they have written with the single run.
fn assert_equal(place: &Place, of: u32, by: &str) {
    let what = format!("{of} shards by {by}");
    let dir = format!("{by}-{of}");
    place.shards(&dir, of, &format!("--shard-by {by}"));
    let single = place.single();
    let ran = place.merge(&format!("-o all --overwrite --failed all.failed --summary-json all.summary {dir}"));
    assert_eq!(ran.code, single.code, "{what}: {}", ran.stderr);
    place.assert_same("all", "one", &what);
    place.assert_same("all.failed", "one.failed", &what);
    let [all, one] = ["all", "one"].map(|name| place.read(&format!("{name}.summary")));
    let [all, one]: [Value; 2] = [all, one].map(|text| serde_json::from_str(&text).expect("a summary"));
    assert_eq!(all["tasks"], one["tasks"], "{what}");
    assert_eq!(all["exit_code"], one["exit_code"], "{what}");
}

/// Whether the long form was asked for, which runs every combination.
fn is_long() -> bool {
    std::env::var_os("WPOOL_SHARDS").is_some()
}

#[test]
fn merged_shards_are_the_single_run_byte_for_byte() {
    for of in [1, 2, 3, 7_u32] {
        let many = if is_long() { 100_000 } else { 3_000 };
        let mut counts = vec![0, 1, of as usize - 1, many];
        counts.dedup();
        for count in counts {
            for by in BY {
                let place = Place::new("trap-on-bang", "", mixed(count));
                assert_equal(&place, of, by);
            }
        }
    }
}

#[test]
fn there_may_be_as_many_shards_as_there_are_rows_and_more() {
    let counts = if is_long() { vec![0, 1, 63, 100_000] } else { vec![63, 10_000] };
    for (count, by) in counts.into_iter().flat_map(|count| BY.map(|by| (count, by))) {
        if is_long() || (count == 63) == (by == "slice") && by != "block" {
            assert_equal(&Place::new("trap-on-bang", "", mixed(count)), 64, by);
        }
    }
}

#[test]
fn random_numbers_of_equal_rows_are_those_of_the_whole_input() {
    // Each of 70 rows comes many times, and its random numbers depend on how often it came before, in any shard.
    for by in BY {
        let place = Place::new("chance", "--deterministic", (0..700).map(|n| (n % 70).to_string()));
        assert_equal(&place, 3, by);
        let one = place.read("one");
        let outputs: std::collections::BTreeSet<_> = one.lines().filter_map(|line| line.split_once("output")).collect();
        assert!(outputs.len() > 600, "equal rows have different numbers");
    }
}
