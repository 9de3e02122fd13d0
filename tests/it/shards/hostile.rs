//! Files that are not what a shard has written, or that somebody else has put there.

use std::os::unix::fs::symlink;

use super::*;
use crate::cli::{NOT_OK, SET_UP, USAGE, assert_refused};

/// Three shards of 300 rows in `p`, of which one is changed.
fn three() -> Place {
    let place = Place::new("trap-on-bang", "", mixed(300));
    place.shards("p", 3, "");
    place
}

/// Changes a file, and gives it back.
fn with<T>(place: &Place, name: &str, change: impl FnOnce(&mut Vec<u8>), then: impl FnOnce() -> T) -> T {
    let before = fs::read(place.path(name)).expect("a file");
    let mut bytes = before.clone();
    change(&mut bytes);
    place.write(name, bytes);
    let result = then();
    place.write(name, before);
    result
}

#[test]
fn a_file_that_is_cut_off_is_incomplete_wherever_it_is_cut() {
    let place = three();
    let length = fs::read(place.path("p/2")).expect("a file").len();
    for keep in [0, 1, 7, length / 2, length - 2, length - 1] {
        let ran = with(&place, "p/2", |bytes| bytes.truncate(keep), || place.merge("-o all p"));
        assert_refused(&ran, INCOMPLETE, &["p/2 has", "--shard 2/3"], &format!("cut at {keep}"));
    }
    assert!(!place.path("all").exists());
    assert_eq!(place.merge("-o all p").code, NOT_OK);
}

#[test]
fn a_file_of_anything_else_is_damaged_with_the_place() {
    let place = three();
    let first = place.read("p/2").lines().next().expect("a record").len() + 1;
    let insert = |text: &'static str| move |bytes: &mut Vec<u8>| drop(bytes.splice(first..first, text.bytes()));
    for text in ["hello\n", "{\"id\":\"x\"}\n", "\0\0\0\n", "{\"id\":101,\"status\":\"ok\",\"output\":\x1b[2J}\n", "\n"]
    {
        let ran = with(&place, "p/2", insert(text), || place.merge("-o all p"));
        assert_refused(&ran, DAMAGED, &[&format!("p/2 is damaged at byte {first}")], text);
        assert!(!ran.stderr.contains('\x1b'));
    }
    // Records of rows that there are not, and records that come twice or in another order.
    for (text, needle) in [
        ("{\"id\":300,\"status\":\"ok\",\"output\":1}\n", "the input has no row of this id"),
        ("{\"id\":18446744073709551615,\"status\":\"ok\",\"output\":1}\n", "no row of this id"),
        ("{\"id\":100,\"status\":\"ok\",\"output\":1}\n", "not in the order"),
        ("{\"id\":7,\"status\":\"ok\",\"output\":1}\n", "not in the order"),
    ] {
        let ran = with(&place, "p/2", insert(text), || place.merge("-o all p"));
        assert_refused(&ran, DAMAGED, &[needle], text);
    }
    // Something behind the last record that is not a record.
    let ran = with(&place, "p/3", |bytes| bytes.extend_from_slice(b"{\"id\":4"), || place.merge("-o all p"));
    assert_ne!(ran.code, NOT_OK, "{}", ran.stderr);
    assert!(!place.path("all").exists());
}

#[test]
fn a_manifest_of_anything_else_is_refused() {
    let place = three();
    for (text, code) in [("", DAMAGED), ("{}", DAMAGED), ("{\"format\":2}", DAMAGED), ("null", DAMAGED)] {
        let change = |bytes: &mut Vec<u8>| *bytes = text.into();
        let ran = with(&place, "p/2.wpool/run.json", change, || place.merge("-o all p"));
        assert_refused(&ran, code, &["run.json"], text);
    }
    let facts = place.read("p/2.wpool/run.json");
    let numbers = "\"numbers\": [\n      2\n    ]";
    assert!(facts.contains(numbers), "{facts}");
    for (text, needle) in [
        ("\"numbers\": [9]", "names shards that are not among 3"),
        ("\"numbers\": []", "names shards that are not among 3"),
        ("\"numbers\": [0, 2]", "names shards that are not among 3"),
    ] {
        let change = |bytes: &mut Vec<u8>| *bytes = facts.replace(numbers, text).into();
        let ran = with(&place, "p/2.wpool/run.json", change, || place.merge("-o all p"));
        assert_refused(&ran, USAGE, &[needle], text);
    }
    // Two files that say they are the same shard: the other one is missing.
    let change = |bytes: &mut Vec<u8>| *bytes = facts.replace(numbers, "\"numbers\": [1]").into();
    let ran = with(&place, "p/2.wpool/run.json", change, || place.merge("-o all p"));
    assert_refused(&ran, INCOMPLETE, &["not complete: 2"], "two manifests");
    // One file that says it is two shards.
    let change = |bytes: &mut Vec<u8>| *bytes = facts.replace(numbers, "\"numbers\": [2, 3]").into();
    fs::rename(place.path("p/3"), place.path("away")).expect("it is there");
    let ran = with(&place, "p/2.wpool/run.json", change, || place.merge("-o all p"));
    assert_refused(&ran, INCOMPLETE, &["100 records are in none of the files, the first of row 200"], "two shards");
}

#[test]
fn no_link_is_followed_and_no_name_leads_elsewhere() {
    let place = three();
    place.write("precious", "precious\n");
    // The file of a shard.
    fs::rename(place.path("p/2"), place.path("real")).expect("it is there");
    symlink(place.path("real"), place.path("p/2")).expect("a link");
    let ran = place.merge("-o all p/1 p/2 p/3");
    assert_ne!(ran.code, NOT_OK, "{}", ran.stderr);
    fs::remove_file(place.path("p/2")).expect("it is there");
    fs::rename(place.path("real"), place.path("p/2")).expect("it is there");
    // Its folder.
    fs::rename(place.path("p/2.wpool"), place.path("real")).expect("it is there");
    symlink(place.path("real"), place.path("p/2.wpool")).expect("a link");
    let ran = place.merge("-o all p/1 p/2 p/3");
    assert_refused(&ran, SET_UP, &["p/2.wpool"], "a link to a folder");
    fs::remove_file(place.path("p/2.wpool")).expect("it is there");
    fs::rename(place.path("real"), place.path("p/2.wpool")).expect("it is there");
    // Its failed rows and its summary.
    for (name, args) in [("failed", "--failed f"), ("summary", "--summary-json f")] {
        let facts = place.read("p/2.wpool/run.json");
        let elsewhere = facts.replace(&format!("\"2.{name}\""), "\"../precious\"");
        assert_ne!(facts, elsewhere);
        let change = |bytes: &mut Vec<u8>| *bytes = elsewhere.into();
        let ran = with(&place, "p/2.wpool/run.json", change, || place.merge(&format!("-o all p {args}")));
        assert_refused(&ran, USAGE, &["not the name of a file beside it"], name);
        fs::rename(place.path(&format!("p/2.{name}")), place.path("real")).expect("it is there");
        symlink(place.path("precious"), place.path(&format!("p/2.{name}"))).expect("a link");
        let ran = place.merge(&format!("-o all p {args}"));
        assert_refused(&ran, SET_UP, &[&format!("p/2.{name}")], name);
        fs::remove_file(place.path(&format!("p/2.{name}"))).expect("it is there");
        fs::rename(place.path("real"), place.path(&format!("p/2.{name}"))).expect("it is there");
    }
    // What is written.
    for out in ["-o link", "-o all --failed link", "-o all --summary-json link"] {
        symlink(place.path("precious"), place.path("link")).expect("a link");
        let ran = place.merge(&format!("{out} --overwrite p"));
        assert_refused(&ran, USAGE, &["link"], out);
        fs::remove_file(place.path("link")).expect("it is there");
    }
    fs::create_dir(place.path("elsewhere")).expect("a folder");
    symlink(place.path("elsewhere"), place.path("all.wpool")).expect("a link");
    let ran = place.merge("-o all p");
    assert_ne!(ran.code, NOT_OK, "{}", ran.stderr);
    assert_eq!(fs::read_dir(place.path("elsewhere")).expect("a folder").count(), 0);
    assert_eq!(place.read("precious"), "precious\n");
}

#[test]
fn failed_rows_of_another_run_are_refused() {
    let place = three();
    for (change, needle) in [("", "fewer rows"), ("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "more rows")] {
        let ran = with(&place, "p/2.failed", |bytes| *bytes = change.into(), || place.merge("-o all p --failed f"));
        assert_refused(&ran, USAGE, &[needle, "2.failed"], needle);
    }
    assert!(!place.path("all").exists() && !place.path("f").exists());
}

#[test]
fn many_records_take_little_memory() {
    // Every file has records of all parts of the input, so all of them are read beside each other.
    let place = Place::new("echo", "", numbers(64 * 1_000));
    place.run("-o first --shard 1/64 --shard-by hash");
    let facts = place.read("first.wpool/run.json");
    let mut facts: serde_json::Value = serde_json::from_str(&facts).expect("facts");
    fs::create_dir(place.path("p")).expect("a folder");
    for number in 1..=64_u64 {
        facts["shard"]["numbers"] = serde_json::json!([number]);
        facts["ended"]["counts"] = serde_json::json!({"ok": 1_000});
        fs::create_dir(place.path(&format!("p/{number}.wpool"))).expect("a folder");
        place.write(&format!("p/{number}.wpool/run.json"), facts.to_string());
        let record =
            |row: u64| format!("{{\"id\":{},\"status\":\"ok\",\"output\":\"{:0500}\"}}\n", row * 64 + number - 1, row);
        place.write(&format!("p/{number}"), (0..1_000).map(record).collect::<String>());
    }
    let mut command = place.wpool("merge -q -o all p");
    let (ran, peak) = crate::host_memory::with_peak(&mut command, "");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(place.read("all").lines().count(), 64_000);
    assert!(peak < 48, "{peak} MiB");
}
