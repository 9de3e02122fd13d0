//! What `wpool merge` takes together, and what it refuses.

use super::*;
use crate::cli::{NOT_OK, OK, USAGE, assert_refused};

/// Three shards of some rows in `p`, and the single run.
fn three(guest: &str, args: &str, count: usize) -> Place {
    let place = Place::new(guest, args, mixed(count));
    place.shards("p", 3, "");
    place.single();
    place
}

#[test]
fn shards_that_are_missing_are_named_with_the_commands_that_run_them() {
    let place = three("trap-on-bang", "", 300);
    for name in ["p/2", "p/2.failed", "p/2.summary"] {
        fs::remove_file(place.path(name)).expect("it is there");
    }
    fs::remove_dir_all(place.path("p/2.wpool")).expect("it is there");
    let ran = place.merge("-o all p");
    assert_eq!(ran.code, INCOMPLETE, "{}", ran.stderr);
    assert!(!place.path("all").exists() && !place.path("all.wpool").exists(), "nothing is written");
    assert!(ran.stderr.contains("1 shard of 3 is missing, or not complete: 2"), "{}", ran.stderr);
    // The command does what it says.
    let command = ran.stderr.lines().find(|line| line.contains("--shard 2/3")).expect("a command").trim();
    let path = PathBuf::from(env!("CARGO_BIN_EXE_wpool"));
    let path = format!("{}:{}", path.parent().expect("a folder").display(), std::env::var("PATH").unwrap_or_default());
    let mut shell = Command::new("sh");
    shell
        .args(["-c", command])
        .env("PATH", path)
        .envs(wpool().get_envs().filter_map(|(key, value)| Some((key, value?))));
    let ran = run(&mut shell, "");
    assert_eq!(ran.code, NOT_OK, "{command}: {}", ran.stderr);
    let ran = place.merge("-o all p --failed all.failed");
    assert_eq!(ran.code, NOT_OK, "{}", ran.stderr);
    place.assert_same("all", "one", "the missing shard was run");
    place.assert_same("all.failed", "one.failed", "the missing shard was run");
}

#[test]
fn a_shard_that_was_stopped_or_still_runs_is_not_complete() {
    let place = three("trap-on-bang", "", 300);
    let facts = place.read("p/3.wpool/run.json");
    place.write("p/3.wpool/run.json", facts.replace("\"complete\": true", "\"complete\": false"));
    let ran = place.merge("-o all p");
    assert_eq!(ran.code, INCOMPLETE, "{}", ran.stderr);
    assert!(ran.stderr.contains("--shard 3/3") && ran.stderr.contains("-o p/3"), "{}", ran.stderr);
    place.write("p/3.wpool/run.json", facts);
    let lock = fs::File::open(place.path("p/1.wpool/lock")).expect("it is there");
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).expect("it is free");
    let ran = place.merge("-o all p");
    assert_eq!(ran.code, INCOMPLETE, "a run holds it: {}", ran.stderr);
    drop(lock);
    assert_eq!(place.merge("-o all p").code, NOT_OK);
}

#[test]
fn values_of_variables_stand_in_no_command() {
    let place = Place::new("echo", "--env SECRET=hunter2", numbers(10));
    place.shard("p", "1/2", "");
    let ran = place.merge("-o all p");
    assert_eq!(ran.code, INCOMPLETE);
    assert!(ran.stderr.contains("SECRET=…") && !ran.stderr.contains("hunter2"), "{}", ran.stderr);
}

#[test]
fn merging_again_gives_the_same_and_merging_parts_gives_the_whole() {
    let place = three("trap-on-bang", "", 300);
    assert_eq!(place.merge("-o all p").code, NOT_OK);
    let facts = place.read("all.wpool/run.json");
    // The same file stands there already, so nothing has to be replaced.
    assert_eq!(place.merge("-o all p").code, NOT_OK);
    assert_eq!(place.merge("-o again p/1 p/2 p/2 p/3 p/1 all").code, NOT_OK, "{facts}");
    place.assert_same("again", "one", "files twice, and what was merged");
    let part = place.merge("-o begin --failed begin.failed p/1 p/3 --partial");
    assert_eq!(part.code, INCOMPLETE, "{}", part.stderr);
    assert_eq!(place.read("begin").lines().count(), 200);
    let ran = place.merge("-o whole --failed whole.failed begin p/2");
    assert_eq!(ran.code, NOT_OK, "{}", ran.stderr);
    place.assert_same("whole", "one", "a merge of merges");
    place.assert_same("whole.failed", "one.failed", "a merge of merges");
    assert_eq!(place.merge("-o one p").code, NOT_OK, "the single run has written the same file");
    assert!(place.path("one.wpool/journal").exists(), "its journal stays");
}

#[test]
fn other_records_are_replaced_only_where_that_is_asked_for() {
    let place = three("trap-on-bang", "", 300);
    place.write("all", "precious\n");
    assert_refused(&place.merge("-o all p"), USAGE, &["all exists and has other records", "--overwrite"], "a file");
    assert_eq!(place.read("all"), "precious\n");
    assert_eq!(place.merge("-o all p --overwrite").code, NOT_OK);
    place.assert_same("all", "one", "replaced");
    assert_refused(&place.merge("-o p/2 p --overwrite"), USAGE, &["is the file of a shard"], "a shard's file");
    let before = fs::read_dir(place.path("")).expect("a folder").count();
    assert_refused(&place.merge("-o all p/1 p/2 rows --overwrite"), USAGE, &["rows.wpool is missing"], "not a shard");
    assert_eq!(fs::read_dir(place.path("")).expect("a folder").count(), before, "no draft is left");
}

#[test]
fn two_records_of_a_row_are_one_or_one_of_them_is_chosen() {
    let place = three("trap-on-bang", "", 300);
    fs::create_dir(place.path("q")).expect("a folder");
    // The same shard, run again with a mended program, says ok where the first said trap.
    let copied =
        Command::new("cp").args(["-r", "p/2", "p/2.wpool", "p/2.failed", "q"]).current_dir(place.path("")).status();
    assert!(copied.expect("it starts").success());
    assert_eq!(place.merge("-o all p q/2 --failed all.failed").code, NOT_OK);
    place.assert_same("all", "one", "equal records");
    place.assert_same("all.failed", "one.failed", "equal records");
    let records = place.read("q/2");
    let trapped = records.lines().find(|line| line.starts_with("{\"id\":110,")).expect("a record").to_owned();
    let mended = "{\"id\":110,\"status\":\"ok\",\"output\":\"mended\"}";
    place.write("q/2", records.replace(&trapped, mended));
    place.write("q/2.failed", place.read("q/2.failed").replacen("\"!\"\n", "", 1));
    let refused = place.merge("-o all p q/2 --overwrite");
    assert_refused(&refused, USAGE, &["different records of row 110", "--prefer"], "two records");
    for (args, is_mended) in [
        ("p q/2 --prefer first", false),
        ("q/2 p --prefer first", true),
        ("p q/2 --prefer ok", true),
        ("q/2 p --prefer ok", true),
    ] {
        let ran = place.merge(&format!("-o all --failed all.failed --overwrite {args}"));
        assert_eq!(ran.code, NOT_OK, "{args}: {}", ran.stderr);
        let expected = place.read("one");
        let expected = if is_mended { expected.replace(&trapped, mended) } else { expected };
        assert!(place.read("all") == expected, "{args}");
        let traps = place.read("all.failed").matches("\"!\"").count();
        assert_eq!(traps, if is_mended { 2 } else { 3 }, "{args}");
    }
}

#[test]
fn files_that_are_not_of_one_run_are_refused_with_the_difference() {
    let place = three("trap-on-bang", "", 300);
    let run = |args: &str, more: &str| {
        fs::remove_file(place.path("other")).ok();
        fs::remove_dir_all(place.path("other.wpool")).ok();
        let mut command = place.wpool(&format!("run {args} -q -o other {more}"));
        run(&mut command, "");
        place.merge("-o all p/1 p/3 other")
    };
    let guest = place.guest.display().to_string();
    let other = wat("echo").display().to_string();
    for (args, more, needle) in [
        (format!("{other} rows"), "--shard 2/3", "the programs"),
        (format!("{guest} rows"), "--shard 2/4", "3 shards by slice and 4 shards by slice"),
        (format!("{guest} rows"), "--shard 2/3 --shard-by hash", "by hash"),
        (format!("{guest} rows"), "--shard 2/3 --timeout 9s", "--timeout was none and is 9s"),
        (format!("{guest} p/1.failed"), "--shard 2/3", "read other inputs"),
        (format!("{guest} rows"), "", "without --shard"),
    ] {
        assert_refused(&run(&args, more), USAGE, &[needle], needle);
    }
    assert!(!place.path("all").exists());
}

#[test]
fn records_without_ids_or_with_ids_of_some_rows_are_merged_as_far_as_that_can_be() {
    let place = Place::new("trap-on-bang", "--values", mixed(100));
    place.shards("p", 2, "");
    assert_refused(&place.merge("-o all p"), USAGE, &["--values"], "no ids");
    for only in ["ok", "failed"] {
        let place = three("trap-on-bang", &format!("--only {only}"), 300);
        let ran = place.merge("-o all p");
        assert_eq!(ran.code, NOT_OK, "{only}: {}", ran.stderr);
        place.assert_same("all", "one", only);
        let ran = place.merge("-o all p --failed all.failed");
        if only == "ok" {
            assert_refused(&ran, USAGE, &["--only ok"], "no record tells the order");
        } else {
            place.assert_same("all.failed", "one.failed", only);
        }
    }
}

#[test]
fn what_was_not_written_by_the_shards_cannot_be_merged() {
    let place = Place::new("echo", "", numbers(10));
    place.run("-o part.1 --shard 1/1");
    assert_refused(&place.merge("-o all part.1 --failed f"), USAGE, &["without --failed"], "no failed rows");
    assert_refused(&place.merge("-o all part.1 --summary-json s"), USAGE, &["without --summary-json"], "no summary");
    assert!(!place.path("all").exists() && !place.path("f").exists());
    let ran = place.merge("-o all nothing.{shard}");
    assert_refused(&ran, INCOMPLETE, &["there is no file of a shard in nothing.{shard}"], "nothing");
    let ran = place.merge("-o all part.1 part.2");
    assert_refused(&ran, INCOMPLETE, &["part.2 is missing"], "a file that is not there");
    assert_eq!(place.merge("-o all part.{shard}").code, OK);
}
