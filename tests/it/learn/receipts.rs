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
