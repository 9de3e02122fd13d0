//! Work is counted, and chance and time are made from rows, as in fresh instances.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use serde_json::{Value, json};

use crate::reset::makers;
use crate::support::*;

/// Guests that answer differently each time, unless the run is deterministic.
const BY_CHANCE: [&str; 7] =
    ["chance", "component-chance", "component-dice", "component-luck", "dice", "init-chance", "init-component"];

/// Rows that most guests do something with.
const ROWS: &str = "1\n\"two\"\n[3]\n1\n!\n1\n";

fn receipts(guest: &Path, args: &str, rows: &str) -> Ran {
    run(&mut wpool_run(guest, &format!("-j 1 --memory 16MiB --max-output 1MiB --receipts {args}")), rows)
}

/// The records without the parts of receipts that depend on the machine.
fn records(ran: &Ran) -> Vec<Value> {
    let mut records = ran.records();
    for record in &mut records {
        if let Some(receipt) = record["receipt"].as_object_mut() {
            receipt.retain(|name, _| ["fuel", "peak_memory", "stderr"].contains(&name.as_str()));
        }
    }
    records
}

fn fuel(ran: &Ran) -> Vec<u64> {
    ran.each("receipt").iter().filter_map(|receipt| receipt["fuel"].as_u64()).collect()
}

/// Compares the records of a guest, and says whether its instances were put back.
fn is_counted_alike(guest: &Path) -> bool {
    let name = guest.display();
    let seeded = BY_CHANCE.contains(&&*guest.file_stem().unwrap().to_string_lossy());
    let args = if seeded { "--deterministic --seed 5" } else { "" };
    let ends = |how: &str, limit: u64| receipts(guest, &format!("--isolation {how} --fuel {limit} {args}"), ROWS);
    let is_put_back = receipts(guest, "--isolation reset --fuel 1", "1\n").code != 2;
    let [fresh, auto] = ["fresh", "auto"].map(|how| ends(how, 3_000_000));
    assert_eq!(records(&auto), records(&fresh), "{name}: {}", auto.stderr);
    // Around the exact limit of the first task, and that of the last.
    for spent in [fuel(&fresh).first(), fuel(&fresh).last()].into_iter().flatten() {
        for limit in [spent.saturating_sub(1), *spent, spent + 1].into_iter().filter(|limit| *limit > 0) {
            let [fresh, auto] = ["fresh", "auto"].map(|how| ends(how, limit));
            assert_eq!(records(&auto), records(&fresh), "{name}, {limit}: {}", auto.stderr);
        }
    }
    is_put_back
}

#[test]
fn every_small_guest_spends_and_gives_what_it_does_in_fresh_instances() {
    let names: Vec<PathBuf> =
        std::fs::read_dir(root().join("guest-tasks/wat")).unwrap().map(|entry| entry.unwrap().path()).collect();
    // They test time, not work.
    let is_one =
        |guest: &PathBuf| !["init-spin", "storm", "flaky"].contains(&&*guest.file_stem().unwrap().to_string_lossy());
    let others = ["largest-prime-factor", "spelling", "sum-of-squares", "tally"].map(guest);
    let left = Mutex::new(names.into_iter().filter(is_one).chain(others).collect::<Vec<_>>());
    let take = || left.lock().unwrap().pop();
    let some = || std::iter::from_fn(take).filter(|guest| is_counted_alike(guest)).count();
    let put_back: usize = thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(some)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert!(put_back > 20, "{put_back}");
}

#[test]
fn the_work_of_making_the_one_instance_counts_as_every_tasks() {
    // A start function, and data that is copied into this instance but mapped into a fresh one.
    let ran = receipts(&wat("pages"), "--lines --isolation reset --fuel 1000000", "x\nxx\nx\nx\n");
    assert_eq!(makers(&ran), [0], "{}", ran.stdout);
    let spent = fuel(&ran);
    assert!(spent[0] == spent[2] && spent[2] == spent[3] && spent[0] < spent[1], "{spent:?}");
    let ran = receipts(&wat("start-loop"), "--isolation auto --fuel 100000", "1\n2\n");
    assert_eq!(ran.each("status"), [json!("fuel"), json!("fuel")], "{}", ran.stderr);
}

#[test]
fn chance_and_time_are_made_from_the_row_in_an_instance_that_is_put_back() {
    let rows = "1\n2\n1\n3\n2\n1\n";
    for guest in [wat("component-luck"), wat("chance"), wat("component-chance")] {
        let of = |args: &str| receipts(&guest, &format!("--deterministic --seed 7 {args}"), rows);
        let [fresh, auto, verified] =
            ["--isolation fresh", "--isolation auto", "--isolation auto --verify-isolation"].map(of);
        assert_eq!(records(&auto), records(&fresh), "{}: {}", guest.display(), auto.stderr);
        assert_eq!(records(&verified), records(&fresh), "{}: {}", guest.display(), verified.stderr);
        assert!(!verified.stderr.contains("differs"), "{}", verified.stderr);
        assert_ne!(fresh.each("output")[0], fresh.each("output")[2], "equal rows have other numbers");
        let others = receipts(&guest, "--deterministic --seed 8", rows);
        assert_ne!(records(&others), records(&auto), "the seed counts");
    }
    let ran = receipts(&wat("component-luck"), "--deterministic --isolation reset", rows);
    assert_eq!(makers(&ran), [0], "{}", ran.stdout);
}
