//! Outputs as files.

use super::*;
use crate::cli::CANNOT_WRITE;

#[test]
fn c48_outputs_are_written_to_files_byte_for_byte() {
    let folder = folder();
    let contents: [&[u8]; 3] = [b"text\n\n", b"", b"\xff\0{\"file\":1}\n"];
    for (name, content) in ["a", "b", "c"].into_iter().zip(contents) {
        write(&folder, name, content);
    }
    let ran = run_in(&folder, "cat", "--files ? --out-dir new/out", "");
    assert_eq!(ran.code, OK, "{}", ran.stderr);
    let record = |name: &str, bytes: usize| json!({ "file": format!("new/out/{name}"), "bytes": bytes });
    assert_eq!(ran.each("output"), [record("a", 6), record("b", 0), record("c", 13)]);
    let out = folder.path().join("new/out");
    assert_eq!(names_in(&out), ["a", "b", "c"]);
    assert_eq!(["a", "b", "c"].map(|name| fs::read(out.join(name)).unwrap()), contents);
}

#[test]
fn names_of_outputs_are_made_from_rows() {
    let folder = folder_of([]);
    let rows = "{\"n\":\"x\",\"d\":\"p/q\"}\n{\"n\":7,\"d\":\"p\"}\n";
    let ran = run_in(&folder, "cat", "--out-dir out --out-name {.d}/{.n}-{id}.txt --values", rows);
    assert_eq!(ran.stdout, "{\"file\":\"out/p/q/x-0.txt\",\"bytes\":19}\n{\"file\":\"out/p/7-1.txt\",\"bytes\":15}\n");
    assert_eq!(read(folder.path().join("out/p/7-1.txt")), "{\"n\":7,\"d\":\"p\"}");
    // By default they are the rows' positions.
    assert_eq!(run_in(&folder, "cat", "--out-dir ids", "5\n6\n").code, OK);
    assert_eq!(names_in(folder.path().join("ids")), ["0", "1"]);
}

#[test]
fn only_outputs_that_are_ok_become_files() {
    let folder = folder_of([]);
    let ran = run_in(&folder, "exit-code", "--out-dir out", "0\n7\n");
    assert_eq!(ran.each("output"), [json!({ "file": "out/0", "bytes": 4 }), json!("bye")]);
    assert_eq!(names_in(folder.path().join("out")), ["0"]);
}

#[test]
fn no_name_leads_out_of_the_folder() {
    let folder = folder_of([("outside/kept", "precious")]);
    let long = "x".repeat(256);
    let bad = [
        "",
        "/tmp/x",
        "..",
        "../x",
        "a/../../x",
        ".",
        "a/./x",
        "a//b",
        "a/",
        "nul\0",
        &long,
        &format!("a/{long}"),
        &"y/".repeat(3000),
    ];
    let rows: String = bad.iter().chain(&["fine"]).map(|name| json!(name).to_string() + "\n").collect();
    let ran = run_in(&folder, "cat", "--out-dir out --out-name {}", &rows);
    assert_eq!(ran.code, NOT_OK);
    let errors = errors(&ran);
    assert_eq!(errors.len(), bad.len(), "{}", ran.stdout);
    assert!(errors.iter().all(|(code, message)| code == "output-name" && message.contains("the name of its output")));
    assert_eq!(names_in(folder.path().join("out")), ["fine"]);
    assert_eq!(names_in(&folder), ["out", "outside"]);
    let ran = run_in(&folder, "cat", "--out-dir out --out-name {.x}", "7\n");
    assert_eq!(errors.len(), bad.len());
    assert!(ran.stdout.contains("no field `x`"), "{}", ran.stdout);
}

#[test]
fn no_link_leads_out_of_the_folder() {
    let folder = folder_of([("outside/kept", "precious"), ("out/x", "")]);
    symlink("../outside", folder.path().join("out/folder")).expect("a link");
    symlink("../outside/kept", folder.path().join("out/file")).expect("a link");
    let args = "--overwrite --out-dir out --out-name {}";
    let ran = run_in(&folder, "cat", args, "\"folder/new\"\n\"folder/kept\"\n\"x/y\"\n\"file\"\n");
    assert_eq!(ran.each("status"), ["invalid-input", "invalid-input", "invalid-input", "ok"], "{}", ran.stdout);
    assert!(errors(&ran)[..2].iter().all(|(_, message)| message.contains("link")), "{}", ran.stdout);
    assert_eq!(names_in(folder.path().join("outside")), ["kept"]);
    assert_eq!(read(folder.path().join("outside/kept")), "precious");
    // The link itself was replaced, not what it led to.
    assert!(fs::symlink_metadata(folder.path().join("out/file")).expect("it is there").is_file());
}

#[test]
fn two_rows_never_write_to_one_place() {
    let folder = folder_of([("a/x", "1"), ("b/x", "2")]);
    let ran = run_in(&folder, "cat", "--files */x --out-dir out --overwrite", "");
    assert_eq!(ran.each("status"), ["ok", "invalid-input"]);
    assert_eq!(errors(&ran)[0].1, "b/x: its output would be \"x\", as is the output of row 0 of this run");
    assert_eq!(read(folder.path().join("out/x")), "1");
    let rows = "\"f\"\n\"f/g\"\n\"d/e\"\n\"d\"\n";
    let ran = run_in(&folder, "cat", "--out-dir more --out-name {}", rows);
    assert_eq!(ran.each("status"), ["ok", "invalid-input", "ok", "invalid-input"], "{}", ran.stdout);
    let [inside, over] = &errors(&ran)[..] else { panic!("{}", ran.stdout) };
    assert!(inside.1.contains("inside of the output of row 0") && over.1.contains("the folder of row 2"), "{over:?}");
}

#[test]
fn files_from_before_are_kept_unless_they_may_be_replaced() {
    let folder = folder_of([("out/0", "precious")]);
    fs::create_dir(folder.path().join("out/1")).expect("a folder");
    let ran = run_in(&folder, "cat", "--out-dir out --failed failed", "\"new\"\n7\n8\n");
    assert_eq!(ran.each("status"), ["invalid-input", "invalid-input", "ok"]);
    let [exists, is_folder] = &errors(&ran)[..] else { panic!("{}", ran.stdout) };
    assert!(
        exists.0 == "output-exists" && exists.1.contains("out/0") && exists.1.contains("--overwrite"),
        "{exists:?}"
    );
    assert!(is_folder.1.contains("there is a folder"), "{is_folder:?}");
    assert_eq!(read(folder.path().join("out/0")), "precious");
    // Nothing is lost: the rows can run again.
    assert_eq!(read(folder.path().join("failed")), "\"new\"\n7\n");
    let ran = run_in(&folder, "cat", "--out-dir out --overwrite", "\"new\"\n");
    assert_eq!((ran.code, read(folder.path().join("out/0"))), (OK, "\"new\"".to_owned()));
}

#[test]
fn an_output_never_takes_the_place_of_a_file_of_the_run() {
    let folder = folder_of([("a", "1"), ("b", "2"), ("rows", "\"rows\"\n\"out\"\n\"failed\"\n")]);
    let args = "rows --out-dir . --out-name {} --overwrite -o out --failed failed";
    assert_eq!(run_in(&folder, "cat", args, "").code, NOT_OK);
    assert_eq!(read(folder.path().join("out")).matches("is a file of this run").count(), 3);
    assert_eq!(read(folder.path().join("failed")), read(folder.path().join("rows")));
    let ran = run_in(&folder, "cat", "--files ? --out-dir . --out-name {name} --overwrite", "");
    assert_eq!(ran.each("status"), ["invalid-input"; 2]);
    assert!(errors(&ran).iter().all(|(_, message)| message.contains("is a file of this run")), "{}", ran.stdout);
    assert_eq!(["a", "b"].map(|name| read(folder.path().join(name))), ["1", "2"]);
}

#[test]
fn an_output_folder_that_cannot_be_written_has_its_own_exit_code() {
    let folder = folder_of([("file", "")]);
    for dir in ["/proc", "file/inside", "file"] {
        let ran = run_in(&folder, "cat", &format!("--out-dir {dir}"), "1\n");
        assert_eq!((ran.code, ran.stdout.as_str()), (CANNOT_WRITE, ""), "{}", ran.stderr);
        assert!(ran.stderr.contains(dir), "{}", ran.stderr);
    }
}

#[test]
fn a_run_stopped_by_its_output_folder_has_written_the_records_before() {
    let folder = folder_of([]);
    // The folder is lost between two rows.
    let mut live = crate::support::Live::start(&mut command(&folder, "cat", "--out-dir out --out-name {.n}"));
    live.say("{\"n\":\"d/a\"}\n");
    assert!(live.line().contains("out/d/a"));
    fs::remove_dir_all(folder.path().join("out/d")).expect("it is there");
    fs::remove_dir(folder.path().join("out")).expect("it is there");
    live.say("{\"n\":\"d/b\"}\n");
    let ran = live.end();
    assert_eq!((ran.code, ran.stdout.as_str()), (CANNOT_WRITE, ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("out/d/b"), "{}", ran.stderr);
}
