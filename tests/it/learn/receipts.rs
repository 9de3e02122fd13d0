//! What receipts say of the things that tasks touched and were denied.

use super::*;

/// The receipts of a run, without what is measured.
fn receipts(place: &Path, task: &Path, args: &str, rows: &str) -> Vec<Value> {
    let ran = run_with(place, task, &format!("--receipts {args}"), rows);
    assert!([OK, NOT_OK].contains(&ran.code), "{}", ran.stderr);
    ran.each("receipt").into_iter().map(touched).collect()
}

fn touched(mut receipt: Value) -> Value {
    let members = receipt.as_object_mut().expect("an object");
    members.retain(|name, _| ["denied", "denied_more", "used"].contains(&name.as_str()));
    receipt
}

const READ: &str = "wasi_snapshot_preview1.fd_read";
const OPEN: &str = "wasi_snapshot_preview1.path_open";

#[test]
fn a_receipt_has_what_a_module_used_and_what_it_was_denied() {
    let place = place();
    let rows = "r/data/x\nr/data/missing\nw/data/new\nr/data/../etc/passwd\nw/out/new\nr/nowhere\n";
    let found = receipts(place.path(), &wat("open-path"), "--dir data::/data --dir data/inner::/out:rw", rows);
    let calls = json!([READ, OPEN]);
    let dirs = |dirs: Value| json!({"used": {"dirs": dirs, "interfaces": calls}});
    let denied = |what: &str| json!({"denied": [what], "used": {"interfaces": calls}});
    assert_eq!(found[0], dirs(json!(["/data:ro"])));
    assert_eq!(found[1], dirs(json!(["/data:ro"])), "a file that is not there is not denied");
    assert_eq!(found[2], denied("write:/data/new"));
    assert_eq!(found[3], denied("open:/etc/passwd"));
    assert_eq!(found[4], dirs(json!(["/out:rw"])));
    assert_eq!(found[5], json!({"used": {"interfaces": [READ]}}), "the program finds no directory to ask for");
}

/// Opens `inner` without saying that it is a directory, and does something with it.
fn opener(what: &str) -> String {
    format!(
        r#"(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_filestat_set_times" (func $times (param i32 i64 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "inner") (data (i32.const 32) "new")
  (func (export "_start")
    (if (call $open (i32.const 3) (i32.const 0) (i32.const 16) (i32.const 5) (i32.const 0) (i64.const 2) (i64.const 0)
          (i32.const 0) (i32.const 100)) (then (call $exit (i32.const 1))))
    (if {what} (then (call $exit (i32.const 2))))))"#
    )
}

#[test]
fn what_is_written_through_a_directory_that_was_opened_as_a_file_is_in_the_receipt() {
    let place = place();
    let task = place.path().join("opener.wat");
    let make = "(call $open (i32.load (i32.const 100)) (i32.const 0) (i32.const 32) (i32.const 3) (i32.const 1) \
                (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 104))";
    let touch = "(call $times (i32.load (i32.const 100)) (i64.const 0) (i64.const 0) (i32.const 10))";
    let look = "(i32.const 0)";
    for (what, used) in [(make, "/data:rw"), (touch, "/data:rw"), (look, "/data:ro")] {
        fs::write(&task, opener(what)).expect("a program");
        let found = receipts(place.path(), &task, "--dir data::/data:rw", "1\n");
        assert_eq!(found[0]["used"]["dirs"], json!([used]), "{what}");
    }
}

#[test]
fn a_receipt_has_what_a_component_used_and_what_it_was_denied() {
    let place = place();
    let found = receipts(place.path(), &wat("component-open"), "--dir data::/data", "x\n../../etc/passwd\n");
    let interfaces = json!(["wasi:filesystem/preopens", "wasi:filesystem/types"]);
    assert_eq!(found[0], json!({"used": {"dirs": ["/data:ro"], "interfaces": interfaces}}));
    assert_eq!(found[1], json!({"denied": ["open:/etc/passwd"], "used": {"interfaces": interfaces}}));
    let found = receipts(place.path(), &wat("component-http"), "", "fine\n!\n");
    assert_eq!(found, [json!({}), json!({"denied": ["interface:wasi:http/types@0.2.3"]})]);
}

#[test]
fn a_receipt_has_the_variables_of_a_task_that_asked_for_them() {
    let place = place();
    let found = receipts(place.path(), &wat("env"), "--env A=b --env C=d", "1\n");
    assert_eq!(found[0]["used"]["env"], json!(["A", "C"]));
    assert_eq!(receipts(place.path(), &wat("env"), "", "1\n")[0]["used"]["env"], json!([]));
    assert_eq!(receipts(place.path(), &wat("cat"), "--env A=b", "1\n")[0]["used"]["env"], Value::Null);
}

#[test]
fn each_task_of_an_instance_has_its_own_list() {
    let place = place();
    for isolation in ["fresh", "auto", "reuse"] {
        let args = format!("--receipts -j 1 --isolation {isolation}");
        let ran = run(&mut wpool_run(&wat("component-luck"), &args), "1\n1\n1\n");
        let found: Vec<_> = ran.each("receipt").into_iter().map(touched).collect();
        let interfaces = found[0]["used"]["interfaces"].as_array().expect("a list");
        assert!(interfaces.contains(&json!("wasi:random/random")), "{found:?}");
        assert!(found.len() == 3 && found.iter().all(|receipt| *receipt == found[0]), "{isolation}: {found:?}");
    }
    let found = receipts(place.path(), &wat("component-http"), "-j 1", "!\nfine\n");
    assert_eq!(found[1], json!({}));
}

#[test]
fn the_list_of_a_program_that_is_denied_much_is_cut() {
    let place = place();
    let found = receipts(place.path(), &wat("make-many"), "--dir data", "1\n");
    assert_eq!(found[0]["denied"].as_array().map(Vec::len), Some(64));
    assert_eq!((&found[0]["denied"][0], &found[0]["denied_more"]), (&json!("write:data/00"), &json!(36)));
}

#[test]
fn a_program_that_touches_nothing_has_no_list_and_default_records_have_none() {
    let place = place();
    assert_eq!(receipts(place.path(), &wat("echo"), "", "1\n"), [json!({})]);
    let ran = run_with(place.path(), &wat("open-path"), "--dir data::/data", "w/data/new\n");
    assert_eq!(ran.records()[0]["receipt"], Value::Null);
}
