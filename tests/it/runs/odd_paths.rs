//! Paths that are not UTF-8, of rows, programs, outputs and the folder in which a run was started.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::*;

/// `wpool` in the folder of a place whose name is not UTF-8, with arguments that hold such names as `%`.
fn odd(place: &Place, args: &str) -> Ran {
    let bytes = |text: &str| text.bytes().map(|byte| if byte == b'%' { 0xff } else { byte }).collect::<Vec<_>>();
    let args: Vec<_> = args.split_whitespace().map(bytes).collect();
    let mut command = place.command("");
    command
        .args(args.iter().map(|arg| OsStr::from_bytes(arg)))
        .current_dir(place.0.path().join(OsStr::from_bytes(b"d\xff")));
    run(&mut command, "")
}

fn place() -> Place {
    let place = Place::new("");
    let folder = place.0.path().join(OsStr::from_bytes(b"d\xff"));
    fs::create_dir(&folder).unwrap();
    fs::create_dir(folder.join("data")).unwrap();
    fs::write(folder.join(OsStr::from_bytes(b"rows\xff")), "\"a\"\n\"b\"\n").unwrap();
    fs::copy(wat("trap-on-bang"), folder.join(OsStr::from_bytes(b"p\xff.wat"))).unwrap();
    fs::write(folder.join("bad"), "\"!\"\n1\n").unwrap();
    place
}

#[test]
fn a_run_in_such_a_folder_over_such_rows_can_be_run_again() {
    let place = place();
    let ran = odd(&place, "run p%.wat rows% bad -q -o out%");
    assert_eq!((ran.code, &*ran.stderr), (100, ""));
    let listed = odd(&place, "runs list --json");
    let runs: Vec<Value> = serde_json::from_str(&listed.stdout).unwrap_or_else(|_| panic!("{}", listed.stderr));
    let [run] = &runs[..] else { panic!("{}", listed.stdout) };
    assert_eq!([&run["state"], &run["counts"]], [&json!("finished"), &json!({"ok": 3, "trap": 1})]);
    assert!(run["output"]["base64"].is_string(), "{run}");
    let id = run["run"].as_str().unwrap();
    // From elsewhere and by its name, too: the folder of the run is entered.
    for name in ["out%", id] {
        assert_eq!(odd(&place, &format!("replay {name} 1")).code, 0, "{name}");
        assert_eq!(odd(&place, &format!("replay {name} 2")).code, 100, "{name}");
        let ran = odd(&place, &format!("rerun {name} --failed -q"));
        assert_eq!((ran.code, &*ran.stderr), (100, ""), "{name}");
    }
    let ran = place.wpool(&format!("replay {id} 2"));
    assert!(ran.code == 100 && ran.stdout.contains("the same as recorded"), "{}", ran.stderr);
    let ran = odd(&place, "run p%.wat rows% bad -q -o out% --resume");
    assert_eq!((ran.code, &*ran.stderr), (100, ""));
    let ran = odd(&place, "runs prune --finished");
    assert!(ran.code == 0 && ran.stdout.contains(id), "{}", ran.stderr);
}

#[test]
fn such_paths_are_shown_and_exported() {
    let place = place();
    assert_eq!(odd(&place, "run p%.wat rows% -q -o out --failed f%").code, 0);
    let info = odd(&place, "runs info out");
    assert!(info.code == 0 && info.stdout.contains("rows\u{fffd}"), "{}{}", info.stdout, info.stderr);
    let info: Value = serde_json::from_str(&odd(&place, "runs info out --json").stdout).unwrap();
    // Texts are strings where they can be, and else their bytes.
    assert_eq!(info["facts"]["inputs"], json!([{"base64": "cm93c/8="}]));
    assert_eq!(info["facts"]["arguments"][2], "-q");
    let exported = odd(&place, "runs export out");
    assert_eq!(exported.records()[0]["program"]["path"], json!({"base64": "cP8ud2F0"}));
}
