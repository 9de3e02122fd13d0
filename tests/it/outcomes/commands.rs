//! Arguments, environment and directories of commands.

use std::path::Path;

use super::*;

#[test]
fn c49_a_command_is_given_its_name_and_the_arguments_and_nothing_else() {
    let lines = |lines: &[&str]| ok(json!(lines.join("\n")));
    let row = r#"{"x":"a b","n":1.50,"deep":{"y":[1]}}"#;
    let args = "-- plain {} --n={.n} {.x}/{.deep} {{}} {{.x}}";
    let expanded = ["args.wat", "plain", row, "--n=1.50", "a b/{\"y\":[1]}", "{}", "{.x}"];
    check(&[
        case(wat("args"), "", "1", json!([lines(&["args.wat"])])),
        case(wat("args"), args, row, json!([lines(&expanded)])),
        case(
            wat("args"),
            "-- <{}>",
            "\"q\\u0041\"\n[1, 2]",
            json!([lines(&["args.wat", "<qA>"]), lines(&["args.wat", "<[1, 2]>"]),]),
        ),
        case(wat("args"), "--once -- <{}> x", "", json!([lines(&["args.wat", "<>", "x"])])),
    ]);
}

#[test]
fn a_command_may_be_given_any_arguments() {
    // Among them those with which the executable starts itself as a worker.
    for args in ["--help", "-- --", "__wpool-child worker 1", "__wpool-child compiler 1"] {
        let ran = run(&mut wpool_run(&wat("args"), &format!("--once -- {args}")), "");
        let expected = ["args.wat"].into_iter().chain(args.split_whitespace()).collect::<Vec<_>>().join("\n");
        assert_eq!(ran.each("output"), [json!(expected)], "{args}: {} {}", ran.code, ran.stderr);
    }
}

#[test]
fn a_row_that_makes_no_argument_is_invalid_input() {
    let ran = run(&mut wpool_run(&wat("args"), "-- {.x}"), "{\"y\":1}\n7\n{\"x\":\"a\\u0000b\"}\n{\"x\":1}\n");
    assert_eq!(ran.each("status"), ["invalid-input", "invalid-input", "invalid-input", "ok"], "{}", ran.stdout);
    for (at, record) in ran.records()[..3].iter().enumerate() {
        assert_eq!(record["error"]["code"], "argument");
        let message = record["error"]["message"].as_str().unwrap_or_default();
        assert!(message.starts_with(&format!("<stdin>:{}: ", at + 1)), "{message}");
    }
}

#[test]
fn c49_the_environment_holds_what_was_granted_and_nothing_else() {
    let granted = |args| {
        let mut command = wpool_run(&wat("env"), args);
        let ran = run(command.env("WPOOL_TEST_SECRET", "secret").env("WPOOL_TEST_SHARED", "a=b c"), "1");
        without_ids(&ran)
    };
    assert_eq!(granted(""), [ok(json!(""))]);
    assert_eq!(granted("--env A=1 --env B="), [ok(json!("A=1\nB="))]);
    assert_eq!(granted("--env WPOOL_TEST_SHARED"), [ok(json!("WPOOL_TEST_SHARED=a=b c"))]);
}

/// A run that grants the directory `granted` in a fresh folder that also holds a file `secret`.
fn run_with_dir(task: &Path, folder: &Path, mode: &str) -> Ran {
    let dir = folder.join("granted");
    run(wpool_run(task, "--once").arg("--dir").arg(format!("{}{mode}", dir.display())), "")
}

fn folder_with_dir() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("granted")).expect("a directory");
    std::fs::write(folder.path().join("secret"), "\"secret\"").expect("a file");
    folder
}

#[test]
fn files_are_out_of_reach_without_a_grant() {
    check(&[
        case(wat("read-file"), "", "1", json!([exit(1, "8")])), // 8 is EBADF: there is no directory
        case(wat("write-file"), "", "1", json!([exit(1, "cannot write out.txt\n")])),
    ]);
}

#[test]
fn a_granted_directory_can_be_read_and_written_only_with_rw() {
    let folder = folder_with_dir();
    let dir = folder.path().join("granted");
    std::fs::write(dir.join("data.txt"), "[1,2]").expect("a file");
    std::fs::write(dir.join("out.txt"), "as it was").expect("a file");
    for mode in ["", ":ro", "::/elsewhere", "::/elsewhere:ro"] {
        let read = run_with_dir(&wat("read-file"), folder.path(), mode);
        assert_eq!(without_ids(&read), [ok(json!([1, 2]))], "{mode}");
        let written = run_with_dir(&wat("write-file"), folder.path(), mode);
        assert_eq!(without_ids(&written), [exit(1, "cannot write out.txt\n")], "{mode}");
        assert_eq!(std::fs::read_to_string(dir.join("out.txt")).expect("it is there"), "as it was", "{mode}");
    }
    for mode in [":rw", "::/elsewhere:rw"] {
        std::fs::remove_file(dir.join("out.txt")).expect("it is there");
        let written = run_with_dir(&wat("write-file"), folder.path(), mode);
        assert_eq!(without_ids(&written), [ok(json!(""))], "{mode}");
        assert_eq!(std::fs::read_to_string(dir.join("out.txt")).expect("it is there"), "hello", "{mode}");
    }
}

#[test]
fn a_read_only_directory_gets_no_new_files() {
    let folder = folder_with_dir();
    let ran = run_with_dir(&wat("write-file"), folder.path(), "");
    assert_eq!(ran.each("status"), ["failed"]);
    assert_eq!(std::fs::read_dir(folder.path().join("granted")).expect("a directory").count(), 0);
}

#[test]
fn c50_links_do_not_lead_out_of_a_granted_directory() {
    let folder = folder_with_dir();
    let secret = folder.path().join("secret");
    for target in [secret.as_path(), Path::new("../secret")] {
        for (task, link) in [("read-file", "data.txt"), ("write-file", "out.txt")] {
            let link = folder.path().join("granted").join(link);
            std::os::unix::fs::symlink(target, &link).expect("a link");
            let ran = run_with_dir(&wat(task), folder.path(), ":rw");
            assert_eq!(ran.each("status"), ["failed"], "{task} {}", target.display());
            assert!(!ran.stdout.contains("secret"), "{}", ran.stdout);
            assert_eq!(std::fs::read_to_string(&secret).expect("it is there"), "\"secret\"");
            std::fs::remove_file(link).expect("it is there");
        }
    }
}

#[test]
fn one_run_of_a_command_needs_no_input() {
    check(&[
        case(wat("cat"), "--once", "ignored", json!([ok(json!(""))])),
        case(wat("flood-stderr"), "-n", "", json!([ok(json!("done"))])),
        case(wat("exit-code"), "-n", "7", json!([ok(json!("bye"))])),
        case(guest("word-count"), "-n", "", json!([ok(json!({ "lines": 0, "words": 0, "bytes": 0 }))])),
    ]);
}
