//! Kept runs whose folder, input or grants have changed, and the reports about this.

use std::os::unix::ffi::OsStrExt;

use super::*;

#[test]
fn rows_cannot_be_named_for_a_run_that_had_files_as_rows() {
    let place = Place::new("1\n");
    let guest = wat("echo").display().to_string();
    assert_eq!(place.wpool(&format!("run {guest} --files row* -q -o out")).code, 0);
    place.write("other", "2\n");
    let ran = place.wpool("replay out 0 other");
    assert!(ran.code == 2 && ran.stderr.contains("--files"), "{}", ran.stderr);
    assert_eq!(place.wpool("replay out 0").code, 0);
}

#[test]
fn a_task_that_cannot_be_found_is_not_said_to_be_new() {
    let place = Place::new("1\n2\n");
    place.run(wat("echo"), "--unordered --values");
    let (ran, _) = place.replay("out 1");
    assert!(ran.code == 0 && ran.stderr.contains("cannot be found"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("first time"), "{}", ran.stderr);
    let ran = place.wpool("replay out 1");
    assert!(ran.stdout.contains(", 1 byte\n"), "{}", ran.stdout);
}

#[test]
fn a_folder_of_somebody_else_says_neither_what_is_written_nor_that_there_is_no_fence() {
    let place = Place::new("1\n\"!\"\n");
    place.run(wat("trap-on-bang"), "--failed first");
    let facts = place.read("out.wpool/run.json");
    place.write("precious", "kept");
    let forged = facts.replace("\"first\"", "\"precious\", \"--summary-json\", \"summary\", \"--sandbox\", \"off\"");
    assert_ne!(facts, forged);
    place.write("out.wpool/run.json", &forged);
    let ran = place.wpool("rerun out --failed");
    assert_eq!(ran.code, 100, "{}", ran.stderr);
    assert_eq!(place.read("precious"), "kept");
    assert!(!path_exists(&place, "summary"));
    for command in ["rerun out --failed --sandbox no", "replay out 0 --sandbox no"] {
        assert_eq!(place.wpool(command).code, 2, "the fence is asked for anew");
    }
}

#[test]
fn a_grant_that_leads_elsewhere_now_is_refused() {
    let place = Place::new("\"a\"\n");
    for name in ["one", "two"] {
        fs::create_dir(place.path(name)).unwrap();
        place.write(&format!("{name}/data.txt"), "42");
    }
    std::os::unix::fs::symlink("one", place.path("data")).unwrap();
    assert_eq!(place.run(wat("read-file"), "--dir data").code, 0);
    assert_eq!(place.replay("out 0").1["output"], 42);
    fs::remove_file(place.path("data")).unwrap();
    std::os::unix::fs::symlink("two", place.path("data")).unwrap();
    let ran = place.wpool("replay out 0");
    assert!(ran.code == 2 && ran.stderr.contains("--dir was"), "{}", ran.stderr);
}

#[test]
fn a_state_to_begin_with_that_is_another_now_is_refused() {
    let place = Place::new("[\"a\",1]\n");
    place.write("begin", "{}");
    let ran = place.run(guest("shared-state"), "--call example:shared-state/first@1.0.0.increment --state-in begin");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(place.wpool("replay out 0").code, 0);
    place.write("begin", "{\"a\":\"1\"}");
    let ran = place.wpool("replay out 0");
    assert!(ran.code == 2 && ran.stderr.contains("shared state"), "{}", ran.stderr);
}

#[test]
fn a_directory_whose_path_is_not_text_is_refused() {
    let place = Place::new("1\n");
    let strange = place.0.path().join(std::ffi::OsStr::from_bytes(b"a\xff"));
    fs::create_dir(&strange).unwrap();
    std::os::unix::fs::symlink(strange, place.path("data")).unwrap();
    let ran = place.run(wat("echo"), "--dir data");
    assert!(ran.code == 96 && ran.stderr.contains("UTF-8"), "{} {}", ran.code, ran.stderr);
}

#[test]
fn values_of_variables_are_told_to_nobody() {
    let place = Place::new("{\"n\":7}\n");
    assert_eq!(place.run(wat("env"), "--env TOKEN=hunter2 --env=OTHER=hunter3").code, 0);
    let info = place.wpool("runs info out").stdout;
    assert!(info.contains("--env TOKEN=…") && info.contains("--env=OTHER=…") && !info.contains("hunter"), "{info}");
    let ran = place.run(wat("env"), "--env TOKEN=hunter4 --env=OTHER=hunter3 --resume");
    assert!(ran.code == 2 && ran.stderr.contains("TOKEN") && !ran.stderr.contains("hunter"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("OTHER"), "{}", ran.stderr);
}

#[test]
fn what_a_folder_says_cannot_act_on_a_terminal() {
    let place = Place::new("1\n");
    place.run(wat("echo"), "");
    let facts = place.read("out.wpool/run.json").replace("echo.wat", "\\u001b[2J\\nx");
    place.write("out.wpool/run.json", &facts);
    let info = place.wpool("runs info out").stdout;
    assert!(info.contains("[2J\\nx") && !info.contains('\x1b'), "{info}");
}

#[test]
fn a_run_without_a_journal_leaves_none_of_an_earlier_run() {
    let place = Place::new("1\n");
    place.run(wat("echo"), "");
    assert_eq!(place.run(wat("echo"), "--overwrite --no-journal").code, 0);
    assert!(!path_exists(&place, "out.wpool"));
    assert_eq!(place.list()[0]["state"], "gone");
}

#[test]
fn a_run_whose_facts_cannot_be_read_is_not_gone() {
    let place = Place::new("1\n");
    place.run(wat("echo"), "");
    let id = place.list()[0]["run"].as_str().unwrap().to_owned();
    place.write("out.wpool/run.json", "{\"format\":99}");
    assert_eq!(place.list()[0]["state"], "unreadable");
    place.wpool("runs prune --finished");
    assert_eq!(place.list().len(), 1);
    let ran = place.wpool(&format!("runs info {id}"));
    assert!(ran.code == 106 && ran.stderr.contains("99"), "{} {}", ran.code, ran.stderr);
}

#[test]
fn an_interrupted_run_counts_what_its_journal_has() {
    let place = Place::new("1\n2\n");
    place.run(wat("echo"), "");
    let facts = place.read("out.wpool/run.json");
    let older = facts.replace("\"complete\": true", "\"complete\": false").replace("\"ok\": 2", "\"ok\": 7");
    assert_ne!(facts, older);
    place.write("out.wpool/run.json", &older);
    let run = &place.list()[0];
    assert_eq!([&run["state"], &run["counts"]], [&json!("interrupted"), &json!({"ok": 2})]);
}

#[test]
fn an_export_of_a_damaged_journal_is_no_success() {
    let place = Place::new("1\n");
    let rows: String = (0..20_000).map(|row| format!("{row}\n")).collect();
    place.write("rows", &rows);
    assert_eq!(place.run(wat("echo"), "").code, 0);
    let journal = place.path("out.wpool/journal");
    let whole = fs::read(&journal).unwrap();
    fs::write(&journal, &whole[..whole.len() - 1]).unwrap();
    let ran = place.wpool("runs export out");
    assert!(ran.code == 0 && ran.stderr.contains("cut short"), "a torn end: {} {}", ran.code, ran.stderr);
    let mut damaged = whole;
    damaged[60] ^= 1;
    fs::write(&journal, damaged).unwrap();
    let ran = place.wpool("runs export out");
    assert!(ran.code == 106 && ran.stderr.contains("damaged"), "{} {}", ran.code, ran.stderr);
}

#[test]
fn a_file_of_failed_rows_that_cannot_be_made_costs_no_record() {
    let place = Place::new("1\n");
    place.run(wat("echo"), "");
    let out = place.read("out");
    assert_eq!(place.run(wat("echo"), "--overwrite --failed no/folder").code, 110);
    assert_eq!(place.read("out"), out);
}

#[test]
fn a_run_of_another_version_is_gone_on_with_when_that_is_asked_for() {
    let place = Place::new("1\n\"!\"\n");
    place.run(wat("trap-on-bang"), "");
    let facts = place.read("out.wpool/run.json");
    let version = format!("\"version\": \"{}\"", env!("CARGO_PKG_VERSION"));
    assert!(facts.contains(&version));
    place.write("out.wpool/run.json", &facts.replace(&version, "\"version\": \"0.0.1\""));
    let ran = place.wpool("rerun out --failed");
    assert!(ran.code == 2 && ran.stderr.contains("--resume-across-programs"), "{}", ran.stderr);
    let ran = place.wpool("rerun out --failed --resume-across-programs");
    assert_eq!(ran.code, 100, "{}", ran.stderr);
}
