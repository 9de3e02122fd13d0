//! Kept runs: finding them, running failed rows again, and one task in full detail.

mod odd_paths;
mod trust;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::support::*;

/// A folder with rows, in which runs are started and kept.
struct Place(tempfile::TempDir);

impl Place {
    fn new(rows: &str) -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        place.write("rows", rows);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn command(&self, args: &str) -> Command {
        let mut command = wpool();
        command.current_dir(self.0.path()).env("XDG_STATE_HOME", self.path("state")).args(args.split_whitespace());
        command
    }

    fn wpool(&self, args: &str) -> Ran {
        run(&mut self.command(args), "")
    }

    /// `wpool run` of a guest over the rows, into `out`.
    fn run(&self, guest: PathBuf, args: &str) -> Ran {
        self.wpool(&format!("run {} rows -q -o out {args}", guest.display()))
    }

    fn list(&self) -> Vec<Value> {
        serde_json::from_str(&self.wpool("runs list --json").stdout).unwrap()
    }

    fn replay(&self, args: &str) -> (Ran, Value) {
        let ran = self.wpool(&format!("replay --json {args}"));
        let record = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{}", ran.stderr));
        (ran, record)
    }
}

#[test]
fn a_run_is_listed_with_its_counts_and_can_be_looked_at_by_every_name_it_has() {
    let place = Place::new("1\n\"!\"\n2\n");
    assert_eq!(place.run(wat("trap-on-bang"), "").code, 100);
    let [run] = &place.list()[..] else { panic!() };
    assert_eq!([&run["state"], &run["program"]], ["finished", "trap-on-bang.wat"]);
    assert_eq!([&run["counts"], &run["exit_code"]], [&json!({"ok": 2, "trap": 1}), &json!(100)]);
    let id = run["run"].as_str().unwrap();
    for name in [id, &id[..id.len() - 2], "out", "out.wpool", "./out"] {
        let ran = place.wpool(&format!("runs info --json {name}"));
        let info: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{name}: {}", ran.stderr));
        assert_eq!(info["facts"]["run"], id);
    }
    let table = place.wpool("runs list").stdout;
    assert!(table.lines().count() == 2 && table.contains(id) && table.contains("finished"), "{table}");
    let info = place.wpool("runs info out").stdout;
    assert!(info.contains("2 ok") && info.contains("trap-on-bang.wat") && info.contains(id), "{info}");
    let ran = place.wpool("runs info nothing-like-it");
    assert!(ran.code == 2 && ran.stderr.contains("nothing-like-it"), "{}", ran.stderr);
}

#[test]
fn an_export_says_where_each_record_stands() {
    let place = Place::new("1\n\"!\"\n1\n");
    place.run(wat("trap-on-bang"), "");
    let exported = place.wpool("runs export out");
    let [facts, records @ ..] = &exported.records()[..] else { panic!() };
    assert_eq!(facts["program"]["name"], "trap-on-bang.wat");
    let out = place.read("out");
    for (id, (line, record)) in out.lines().zip(records).enumerate() {
        let begin = record["offset"].as_u64().unwrap() as usize;
        let end = begin + record["length"].as_u64().unwrap() as usize;
        assert_eq!((&out[begin..end - 1], &record["id"]), (line, &json!(id)));
    }
    let each = |member: &str| records.iter().map(|record| record[member].clone()).collect::<Vec<_>>();
    assert_eq!(each("status"), ["ok", "trap", "ok"]);
    let keys = each("key");
    assert!(keys[0] == keys[2] && keys[0] != keys[1]);
}

#[test]
fn pruning_forgets_what_is_gone_and_removes_journals_of_finished_runs_but_no_output() {
    let place = Place::new("1\n");
    place.run(wat("echo"), "");
    let out = place.read("out");
    place.wpool(&format!("run {} rows -q -o gone", wat("echo").display()));
    fs::remove_dir_all(place.path("gone.wpool")).unwrap();
    assert_eq!(place.list().len(), 2);
    assert!(place.wpool("runs prune --finished --dry-run").stdout.contains("would remove"));
    assert_eq!(place.list().len(), 2);
    place.wpool("runs prune");
    assert_eq!(place.list().len(), 1, "only what is gone is forgotten");
    place.wpool("runs prune --older-than 10m");
    assert!(place.path("out.wpool").is_dir(), "it is younger");
    let ran = place.wpool("runs prune --finished");
    assert!(!path_exists(&place, "out.wpool") && place.list().is_empty(), "{}", ran.stdout);
    assert_eq!(place.read("out"), out);
}

fn path_exists(place: &Place, name: &str) -> bool {
    place.path(name).exists()
}

#[test]
fn a_run_that_goes_on_says_so_and_one_that_was_killed_can_be_resumed() {
    let place = Place::new("1\n\"!\"\n2\n");
    let mut command = place.command(&format!("run {} rows -q -o out -j 1", wat("spin-on-bang").display()));
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    block_on(until("it is running", || place.list().first().is_some_and(|run| run["state"] == "running")));
    assert!(place.wpool("runs prune --finished").stdout.is_empty());
    kill_process(Pid::from_child(&child), Signal::KILL).unwrap();
    child.wait().unwrap();
    block_on(until("it is seen to be over", || place.list()[0]["state"] == "interrupted"));
}

#[test]
fn an_index_that_cannot_be_written_is_told_and_harms_nothing() {
    let place = Place::new("1\n");
    place.write("state", "no folder");
    let ran = place.wpool(&format!("run {} rows -o out", wat("echo").display()));
    assert_eq!(ran.code, 0);
    assert_eq!(ran.stderr.matches("cannot note the run").count(), 1, "{}", ran.stderr);
    assert_eq!(place.wpool("runs info out").code, 0);
}

#[test]
fn rows_that_failed_run_again_and_their_records_come_into_their_places() {
    let place = Place::new("\"a\"\n\"b\"\n");
    fs::create_dir(place.path("data")).unwrap();
    let ran = place.run(wat("read-file"), "--dir data");
    assert_eq!(ran.code, 100, "{}", ran.stderr);
    place.write("data/data.txt", "42");
    let id = place.list()[0]["run"].as_str().unwrap().to_owned();
    // From elsewhere, by its name.
    let ran = run(place.command(&format!("rerun {id} --failed")).current_dir("/"), "");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let expected = "{\"id\":0,\"status\":\"ok\",\"output\":42}\n{\"id\":1,\"status\":\"ok\",\"output\":42}\n";
    assert_eq!(place.read("out"), expected);
    assert_eq!(place.list()[0]["counts"], json!({"ok": 2}));
}

#[test]
fn rows_that_are_ok_do_not_run_again() {
    let place = Place::new("1\n\"!\"\n2\n\"!!\"\n");
    place.run(wat("trap-on-bang"), "");
    let before = place.read("out");
    let ran = place.wpool("rerun out --failed");
    assert_eq!(ran.code, 100, "{}", ran.stderr);
    assert_eq!(place.read("out"), before);
    assert!(ran.stderr.contains("2 rows kept from before"), "{}", ran.stderr);
    assert_eq!(place.wpool("rerun out").code, 2, "what is to run again has to be said");
}

#[test]
fn one_task_runs_again_with_all_of_its_stack() {
    let place = Place::new("1\n2\n");
    assert_eq!(place.run(wat("recurse"), "").code, 100);
    let (ran, record) = place.replay("out 1");
    assert_eq!(ran.code, 100);
    assert_eq!([&record["id"], &record["error"]["code"]], [&json!(1), &json!("stack-overflow")]);
    let frames = record["error"]["backtrace"].as_array().unwrap().len();
    assert!(frames > 1000, "{frames}");
    assert!(ran.stderr.contains("the same as recorded"), "{}", ran.stderr);
    let text = place.wpool("replay out 0").stdout;
    assert!(text.contains("rows:1") && text.contains("stack-overflow") && text.contains("   0 "), "{text}");
}

#[test]
fn a_deterministic_task_is_replayed_with_its_numbers() {
    let place = Place::new("1\n2\n1\n");
    place.run(wat("chance"), "--deterministic --seed 5");
    let lines = place.read("out");
    for (id, line) in lines.lines().enumerate() {
        let line: Value = serde_json::from_str(line).unwrap();
        let (ran, record) = place.replay(&format!("out {id}"));
        assert_eq!((ran.code, &record["output"]), (0, &line["output"]));
    }
    place.run(wat("chance"), "--overwrite");
    assert!(place.replay("out 0").0.stderr.contains("differs"), "other numbers are told");
}

#[test]
fn a_replay_has_the_grants_of_its_run() {
    let place = Place::new("{\"n\":7}\n");
    let guest = wat("env").display().to_string();
    let mut command = place.command(&format!("run {guest} rows -q -o out --env A=1 --env B"));
    assert_eq!(run(command.env("B", "of the caller"), "").code, 0);
    let (_, record) = place.replay("out 0");
    assert_eq!(record["output"], "A=1\nB=of the caller");
    let names = fs::metadata(place.path("out.wpool/run.json")).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&names.permissions()) & 0o077, 0);
}

#[test]
fn a_row_that_is_another_now_is_refused_and_can_be_named() {
    let place = Place::new("1\n2\n");
    place.run(wat("echo"), "");
    fs::rename(place.path("rows"), place.path("kept")).unwrap();
    place.write("rows", "1\n3\n");
    assert_eq!(place.replay("out 0").1["output"], 1);
    let ran = place.wpool("replay out 1");
    assert!(ran.code == 2 && ran.stderr.contains("rows:2") && ran.stderr.contains("changed"), "{}", ran.stderr);
    assert_eq!(place.replay("out 1 kept").1["output"], 2);
    let ran = place.wpool("replay out 5");
    assert!(ran.code == 2 && ran.stderr.contains("2 rows"), "{}", ran.stderr);
}

#[test]
fn rows_of_standard_input_have_to_be_named() {
    let place = Place::new("");
    let ran = run(&mut place.command(&format!("run {} -q -o out", wat("echo").display())), "1\n2\n");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let ran = place.wpool("replay out 1");
    assert!(ran.code == 2 && ran.stderr.contains("standard input"), "{}", ran.stderr);
    let before = place.read("out");
    let ran = run(&mut place.command("rerun out --failed"), "9\n");
    assert!(ran.code == 2 && ran.stderr.contains("standard input"), "{}", ran.stderr);
    assert_eq!(place.read("out"), before, "other rows take nobody's place");
    place.write("again", "1\n2\n");
    assert_eq!(place.replay("out 1 again").1["output"], 2);
}

#[test]
fn a_trap_leaves_a_core_dump_that_others_can_read() {
    let place = Place::new("1\n\"!\"\n");
    place.run(wat("trap-on-bang"), "");
    let (ran, _) = place.replay("out 1 --coredump core");
    assert_eq!(ran.code, 100, "{}", ran.stderr);
    let dump = fs::read(place.path("core")).unwrap();
    let text = String::from_utf8_lossy(&dump);
    assert!(dump.starts_with(b"\0asm") && text.contains("corestack"), "{} bytes", dump.len());
    // The row is in the guest's memory.
    assert!(text.contains("\"!\""));
    let (ran, _) = place.replay("out 0 --coredump none");
    assert!(ran.code == 0 && ran.stderr.contains("no core dump") && !path_exists(&place, "none"), "{}", ran.stderr);
}

#[test]
fn a_task_of_a_run_without_order_is_found_by_its_id() {
    let place = Place::new("1\n\"!\"\n2\n");
    place.run(wat("trap-on-bang"), "--unordered");
    let (ran, record) = place.replay("out 1");
    assert_eq!((ran.code, &record["status"]), (100, &json!("trap")));
    assert!(ran.stderr.contains("the same as recorded"), "{}", ran.stderr);
}
