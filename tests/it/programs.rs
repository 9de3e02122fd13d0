//! Existing WASI programs, run as they are: files as rows, standard input, files as outputs, exit codes, imports.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use wpool::limits::MAX_INPUT;
use wpool::{Grants, Input, Outcome, Pool, PoolConfig, Program, Stdin, Template, WorkerCommand};

use crate::cli::{CANNOT_WRITE, NO_INPUTS, NOT_OK, OK, REFUSED, USAGE, assert_refused, folder, read, write};
use crate::support::{Ran, block_on, run, wat, wpool_run};

/// A folder with files in it; names may lead through sub-folders.
fn folder_of<const N: usize>(files: [(&str, &str); N]) -> TempDir {
    let folder = folder();
    for (name, content) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("it is in the folder")).expect("a folder");
        fs::write(path, content).expect("a file");
    }
    folder
}

/// `wpool run` of a guest in a folder, with arguments as a shell would split them.
fn command(folder: &TempDir, task: &str, args: &str) -> Command {
    let mut command = wpool_run(&wat(task), args);
    command.current_dir(folder.path());
    command
}

fn run_in(folder: &TempDir, task: &str, args: &str, rows: &str) -> Ran {
    run(&mut command(folder, task, args), rows)
}

/// Codes and messages of the records that are not ok.
fn errors(ran: &Ran) -> Vec<(String, String)> {
    let errors = ran.each("error").into_iter().filter(|error| !error.is_null());
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    errors.map(|error| (text(&error["code"]), text(&error["message"]))).collect()
}

/// Names of everything in a folder, sorted.
fn names_in(folder: impl AsRef<Path>) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<_> = entries.map(|name| name.into_string().expect("a name")).collect();
    names.sort();
    names
}

// Files as rows

#[test]
fn files_are_rows_in_sorted_order_and_each_once() {
    let folder =
        folder_of([("b.txt", "two\nlines\n"), ("a.txt", "1"), (".c.txt", "hidden"), ("d/e/f.txt", "deep"), ("g", "")]);
    let ran = run_in(&folder, "cat", "--files *.txt --files ./a* --files d/**/*.txt", "");
    assert_eq!(ran.code, OK, "{}", ran.stderr);
    assert_eq!(ran.each("file"), ["a.txt", "b.txt", "d/e/f.txt"]);
    assert_eq!(ran.each("output"), [json!(1), json!("two\nlines"), json!("deep")]);
    assert!(ran.stdout.starts_with("{\"id\":0,\"file\":\"a.txt\",\"status\":\"ok\","), "{}", ran.stdout);
    // Neither folders nor hidden files, but files without content.
    assert_eq!(run_in(&folder, "cat", "--files *", "").each("file"), ["a.txt", "b.txt", "g"]);
    assert_eq!(run_in(&folder, "cat", "--files .*", "").each("file"), [".c.txt"]);
    let unreadable_name = std::ffi::OsStr::from_bytes(b"a\xff");
    fs::write(folder.path().join(unreadable_name), "").expect("a file");
    let ran = run_in(&folder, "cat", "--files a*", "");
    assert_eq!(ran.each("status"), ["ok", "invalid-input"]);
    assert!(ran.stdout.contains("its name is not UTF-8"), "{}", ran.stdout);
}

#[test]
fn links_to_folders_lead_only_where_a_pattern_names_them() {
    let folder = folder_of([("d/a", "1"), ("d/e/b", "2")]);
    symlink(".", folder.path().join("d/again")).expect("a link");
    symlink("d", folder.path().join("link")).expect("a link");
    assert_eq!(run_in(&folder, "cat", "--files **/[ab]", "").each("file"), ["d/a", "d/e/b"]);
    assert_eq!(run_in(&folder, "cat", "--files link/{a,e/b}", "").each("file"), ["link/a", "link/e/b"]);
}

#[test]
fn programs_of_every_convention_get_the_content_of_files() {
    let folder = folder();
    write(&folder, "bytes", b"\xff\n{\n");
    for task in ["echo", "component-echo", "cat"] {
        let ran = run_in(&folder, task, "--files bytes", "");
        assert_eq!(ran.each("output"), [json!({ "base64": "/wp7" })], "{task}: {}", ran.stderr);
    }
}

#[test]
fn parts_of_a_path_become_arguments() {
    let folder = folder_of([("d/x.tar.gz", "")]);
    write(&folder, "-n.x", "");
    let ran = run_in(&folder, "args", "--files ./-* --files ./*.x -- {} {name}", "");
    assert_eq!(ran.each("output"), ["args.wat\n./-n.x\n-n.x"], "an option is no path");
    let ran = run_in(&folder, "args", "--files d/* -- {} {name} {stem} {ext} {dir} {{stem}} -{.x", "");
    let expected = ["args.wat", "d/x.tar.gz", "x.tar.gz", "x.tar", "gz", "d", "{stem}", "-{.x"];
    assert_eq!(ran.each("output"), [json!(expected.join("\n"))], "{}", ran.stdout);
}

#[test]
fn fields_of_a_file_that_is_json_become_arguments() {
    let folder = folder_of([("a", "{\n\"x\": \"y z\"}\n"), ("b", "x")]);
    let ran = run_in(&folder, "args", "--files * -- {.x}", "");
    assert_eq!(ran.records()[0]["output"], "args.wat\ny z");
    let [(code, message)] = &errors(&ran)[..] else { panic!("{}", ran.stdout) };
    assert!(code == "argument" && message.starts_with("b: "), "{message}");
}

#[test]
fn without_a_file_that_matches_there_is_nothing_to_do() {
    let folder = folder_of([("d/x", "")]);
    for args in ["--files *.svg", "--files d", "--files d/x/y", "--files nowhere/*"] {
        let pattern = args.split(' ').next_back().expect("a pattern");
        assert_refused(&run_in(&folder, "cat", args, ""), NO_INPUTS, &["no regular file matches", pattern], args);
    }
}

#[test]
fn a_file_that_cannot_be_read_is_invalid_and_the_others_run() {
    let folder = folder_of([("a", "1"), ("c", "3")]);
    let large = fs::File::create(folder.path().join("b")).expect("a file");
    large.set_len(MAX_INPUT as u64 + 1).expect("a length");
    // A regular file whose first page is nobody's memory.
    let ran = run_in(&folder, "cat", "--files ? --files /proc/self/mem", "");
    assert_eq!(ran.code, NOT_OK);
    assert_eq!(ran.each("file"), ["/proc/self/mem", "a", "b", "c"]);
    assert_eq!(ran.each("status"), ["invalid-input", "ok", "invalid-input", "ok"]);
    let [(read, why), (long, too_long)] = &errors(&ran)[..] else { panic!("{}", ran.stdout) };
    assert_eq!((read.as_str(), long.as_str()), ("file-read", "line-too-long"));
    assert!(why.starts_with("/proc/self/mem: cannot read it") && too_long.starts_with("b: longer"), "{}", ran.stdout);
    large.set_len(MAX_INPUT as u64).expect("a length");
    assert_eq!(run_in(&folder, "component-echo", "--files b --max-output 64MiB -q --values", "").code, OK);
}

#[test]
fn failed_keeps_the_paths_of_files() {
    let folder = folder_of([("a", "!"), ("b", "1"), ("c d", "!")]);
    let ran = run_in(&folder, "trap-on-bang", "--files * --failed failed", "");
    assert_eq!(ran.code, NOT_OK, "{}", ran.stderr);
    assert_eq!(read(folder.path().join("failed")), "a\nc d\n");
}

#[test]
fn inputs_of_a_library_may_have_names() {
    block_on(async {
        let args = ["{stem}", "{}"].map(Template::parse).to_vec();
        let grants = Grants { args, stdin: Stdin::Empty, ..Grants::default() };
        let config = PoolConfig {
            grants,
            worker: Some(WorkerCommand::at(env!("CARGO_BIN_EXE_wpool"))),
            ..PoolConfig::default()
        };
        let pool = Pool::builder(Program::read(wat("args")).unwrap()).config(config).build().await.unwrap();
        let inputs = [Input::new("1").named("a/b.png"), Input::new("2"), Input::new("3").named("x".repeat(5000))];
        let mut results = pool.map(inputs);
        let mut next = async || results.next().await.unwrap().unwrap();
        assert_eq!(next().await.outcome, Outcome::Ok("args.wat\nb\na/b.png\n".into()));
        let mut code = async || match next().await.outcome {
            Outcome::NotOk(failure) => failure.error.code,
            Outcome::Ok(output) => panic!("{output:?}"),
        };
        assert_eq!((code().await.as_str(), code().await.as_str()), ("argument", "name-too-long"));
    });
}

// Standard input

#[test]
fn standard_input_is_made_from_the_row() {
    let folder = folder_of([("f.x", "content")]);
    let rows = "{\"text\": \"a\\nb\"}\n";
    for (args, rows, expected) in [
        ("--stdin {.text}", rows, json!("a\nb")),
        ("--stdin <{}>", rows, json!("<{\"text\": \"a\\nb\"}>")),
        ("--stdin none", rows, json!("")),
        ("--files * --stdin {stem}:{}", "", json!("f:f.x")),
        ("--files *", "", json!("content")),
        ("--once --stdin text", "", json!("text")),
    ] {
        assert_eq!(run_in(&folder, "cat", args, rows).each("output"), [expected], "{args}");
    }
    let ran = run_in(&folder, "cat", "--stdin {.text}", "{}\n");
    assert_eq!(errors(&ran)[0].0, "stdin", "{}", ran.stdout);
}

#[test]
fn what_only_a_command_could_be_given_is_refused_for_others() {
    let folder = folder_of([]);
    for task in ["echo", "component-echo"] {
        for (args, needle) in
            [("--stdin none", "--stdin"), ("--success-codes 0,1", "--success-codes"), ("-- x", "arguments")]
        {
            assert_refused(&run_in(&folder, task, args, "1"), USAGE, &[needle, "not command", task], args);
        }
    }
}

#[test]
fn options_that_do_not_fit_together_are_refused() {
    let folder = folder_of([("f", "1")]);
    for (args, needles) in [
        ("--files f f", &["--files"][..]),
        ("--files f --lines", &["--files", "--lines"]),
        ("--files f --once", &["--files", "--once"]),
        ("--files f -", &["--files"]),
        ("--files [", &["--files: ", "'['"]),
        ("--files f --failed f", &["f is an input"]),
        ("f -- {stem}", &["{stem}", "needs --files"]),
        ("f --stdin {name}", &["{name}", "needs --files"]),
        ("f --out-dir d --out-name {ext}", &["{ext}", "needs --files"]),
        ("f -- {id}", &["{id}", "--out-name"]),
        ("f --out-name x", &["--out-dir"]),
        ("f --overwrite", &["--overwrite"]),
        ("f --success-codes 256", &["256"]),
        ("f --success-codes -1", &["-1"]),
        ("f --success-codes one", &["one"]),
        ("f --output-type xml", &["xml", "base64"]),
    ] {
        assert_refused(&run_in(&folder, "cat", args, ""), USAGE, needles, args);
    }
    assert_eq!(names_in(&folder), ["f"]);
}

// Outputs as files

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

// Exit codes and types of outputs

#[test]
fn exit_codes_that_count_as_ok_are_a_list() {
    let folder = folder_of([]);
    let rows = "0\n7\n20\n";
    for (args, statuses) in [
        ("", ["ok", "failed", "failed"]),
        ("--success-codes 0,7,20", ["ok", "ok", "ok"]),
        ("--success-codes 7 --success-codes 20", ["failed", "ok", "ok"]),
    ] {
        let ran = run_in(&folder, "exit-code", args, rows);
        assert_eq!(ran.each("status"), statuses, "{args}");
        assert_eq!(ran.each("output"), ["bye"; 3], "{args}");
    }
    let ran = run_in(&folder, "exit-code", "--success-codes 7", "0\n");
    assert_eq!(ran.records()[0]["error"]["exit_code"], 0);
}

#[test]
fn components_have_exit_codes_too() {
    let folder = folder();
    let text = |end: &str| {
        format!(
            r#"(component
                (import "wasi:cli/exit@0.2.12" (instance $exit (export "exit-with-code" (func (param "status-code" u8)))))
                (core func $exit (canon lower (func $exit "exit-with-code")))
                (core module $code
                    (import "exit" "exit" (func $exit (param i32)))
                    (func (export "run") (result i32) {end}))
                (core instance $i (instantiate $code (with "exit" (instance (export "exit" (func $exit))))))
                (func $run (result (result)) (canon lift (core func $i "run")))
                (instance (export "wasi:cli/run@0.2.0") (export "run" (func $run))))"#
        )
    };
    for (end, args, status, code) in [
        ("(i32.const 0)", "", "ok", Value::Null),
        ("(i32.const 1)", "", "failed", json!(1)),
        ("(i32.const 1)", "--success-codes 1", "ok", Value::Null),
        ("(call $exit (i32.const 200)) (i32.const 0)", "", "failed", json!(200)),
        ("(call $exit (i32.const 200)) (i32.const 0)", "--success-codes 0,200", "ok", Value::Null),
    ] {
        let task = write(&folder, "task.wat", text(end));
        let ran = run(&mut wpool_run(&task, &format!("--once {args}")), "");
        let record = &ran.records()[0];
        assert_eq!(
            (&record["status"], &record["error"]["exit_code"]),
            (&json!(status), &code),
            "{end}: {}",
            ran.stderr
        );
    }
}

#[test]
fn the_type_of_outputs_can_be_fixed() {
    let folder = folder_of([("a", "7\n"), ("b", "text"), ("c", "")]);
    write(&folder, "d", b"\xff");
    let base64 = |text: &str| json!({ "base64": text });
    for (kind, statuses, outputs) in [
        ("auto", ["ok"; 4], [json!(7), json!("text"), json!(""), base64("/w==")]),
        ("text", ["ok", "ok", "ok", "failed"], [json!("7"), json!("text"), json!(""), base64("/w==")]),
        ("base64", ["ok"; 4], [base64("Nwo="), base64("dGV4dA=="), base64(""), base64("/w==")]),
        ("json", ["ok", "failed", "failed", "failed"], [json!(7), json!("text"), Value::Null, base64("/w==")]),
    ] {
        let ran = run_in(&folder, "cat", &format!("--files ? --output-type {kind}"), "");
        assert_eq!(ran.each("status"), statuses, "{kind}");
        assert_eq!(ran.each("output"), outputs, "{kind}");
        assert!(errors(&ran).iter().all(|(code, _)| *code == format!("not-{kind}")), "{}", ran.stdout);
        assert_eq!(ran.code, if statuses == ["ok"; 4] { OK } else { NOT_OK });
    }
}

// Imports

#[test]
fn a_program_that_imports_more_of_wasi_than_it_uses_runs() {
    for (task, interface, function) in [
        (wat("component-http"), "wasi:http/types@0.2.3", "[constructor]outgoing-request"),
        (wat("component-newer"), "wasi:random/random@0.2.99", "roll"),
    ] {
        let ran = run(&mut wpool_run(&task, "--lines --receipts"), "fine\n!\nfine\n");
        assert_eq!(ran.each("status"), ["ok", "trap", "ok"], "{}", ran.stderr);
        let record = &ran.records()[1];
        assert_eq!(
            (&record["error"]["code"], &record["receipt"]["layer"]),
            (&json!("denied-import"), &json!("sandbox"))
        );
        assert_eq!(record["error"]["backtrace"], json!(["run"]));
        let message = record["error"]["message"].as_str().expect("a text");
        assert!(message.contains("only so that the program loads"), "{message}");
        assert!([interface, function, "denied"].iter().all(|needle| message.contains(needle)), "{message}");
    }
}

#[test]
fn inspect_says_which_imports_are_denied() {
    let ran = run(crate::support::wpool().arg("inspect").arg(wat("component-http")), "");
    assert!(ran.stdout.contains("wasi:http/types@0.2.3: interface, denied\n"), "{}", ran.stdout);
    assert!(ran.stdout.contains("wasi:io/poll@0.2.3: interface\n"), "{}", ran.stdout);
}

#[test]
fn every_patch_of_preview_2_is_there() {
    let folder = folder();
    for patch in 0..=12 {
        let text = format!(
            r#"(component
                (import "wasi:random/random@0.2.{patch}" (instance $random (export "get-random-u64" (func (result u64)))))
                (core func $number (canon lower (func $random "get-random-u64")))
                (core module $code
                    (import "random" "number" (func $number (result i64)))
                    (func (export "run") (result i32) (drop (call $number)) (i32.const 0)))
                (core instance $i (instantiate $code (with "random" (instance (export "number" (func $number))))))
                (func $run (result (result)) (canon lift (core func $i "run")))
                (instance (export "wasi:cli/run@0.2.{patch}") (export "run" (func $run))))"#
        );
        let task = write(&folder, "task.wat", text);
        let ran = run(&mut wpool_run(&task, "--once"), "");
        assert_eq!(ran.each("status"), ["ok"], "0.2.{patch}: {}", ran.stderr);
    }
}

#[test]
fn modules_may_import_the_sockets_of_preview_1() {
    assert_eq!(run(&mut wpool_run(&wat("sockets"), "--once"), "").each("output"), ["no socket"]);
}

#[test]
fn an_import_that_nothing_provides_is_refused_with_what_to_do() {
    let folder = folder();
    for (module, name, advice) in [
        ("env", "mystery", "never defined"),
        ("env", "emscripten_memcpy_js", "Emscripten"),
        ("env", "invoke_vi", "Emscripten"),
        ("a", "b", "Emscripten"),
        ("env", "abort", "--use abort="),
        ("wbg", "__wbg_log_1", "wasm-bindgen"),
        ("__wbindgen_placeholder__", "__wbindgen_describe", "wasm-bindgen"),
        ("env", "__wbindgen_throw", "wasm-bindgen"),
        ("gojs", "runtime.wasmExit", "GOOS=wasip1"),
        ("go", "debug", "GOOS=wasip1"),
        ("wasi_snapshot_preview1", "sock_open", "extension"),
        ("wasi_unstable", "fd_write", "2020"),
        ("wasi", "thread-spawn", "threads"),
        ("wasix_32v1", "futex_wait", "WASIX"),
        ("wasi:cli/stdout@0.2.0", "get-stdout", "wasm-tools component new"),
        ("wpool:task/progress@0.9.0", "report", "update wpool"),
        ("other", "thing", "nothing but WASI"),
    ] {
        let text = format!("(module (import {module:?} {name:?} (func)) (func (export \"_start\")))");
        let task = write(&folder, "task.wat", text);
        assert_refused(&run(&mut wpool_run(&task, "--once"), ""), REFUSED, &[module, name, advice], name);
    }
    let memory = write(&folder, "m.wat", "(module (import \"env\" \"memory\" (memory 1)) (func (export \"_start\")))");
    assert_refused(&run(&mut wpool_run(&memory, "--once"), ""), REFUSED, &["`memory` from `env`", "threads"], "memory");
    let other = run(&mut wpool_run(&wat("component-other"), "--once"), "");
    assert_refused(&other, REFUSED, &["acme:store/values@1.0.0", "`get`", "compose"], "a component");
    let wrong = "(module (import \"wasi_snapshot_preview1\" \"fd_write\" (func)) (func (export \"_start\")))";
    let wrong = write(&folder, "w.wat", wrong);
    assert_refused(&run(&mut wpool_run(&wrong, "--once"), ""), REFUSED, &["fd_write", "incompatible"], "a type");
}

// Real programs

/// A real program from the folder that `WPOOL_PROGRAMS` names, into which `tests/fetch-programs.sh` puts them. Where it
/// names none, tests of them say so and check nothing, unless `WPOOL_REQUIRE_PROGRAMS` is 1.
pub fn program(name: &str) -> Option<PathBuf> {
    let found = std::env::var_os("WPOOL_PROGRAMS").map(|folder| PathBuf::from(folder).join(name));
    let found = found.filter(|path| path.is_file());
    let required = std::env::var_os("WPOOL_REQUIRE_PROGRAMS").is_some_and(|value| value == "1");
    assert!(found.is_some() || !required, "WPOOL_PROGRAMS names no folder with {name}");
    if found.is_none() {
        say_skipped(name);
    }
    found
}

#[allow(clippy::print_stderr, reason = "whoever runs the tests is to know what was not tested")]
fn say_skipped(name: &str) {
    eprintln!("skipped: WPOOL_PROGRAMS names no folder with {name}; see tests/fetch-programs.sh");
}

/// A question to a solver: is there a square root of `n` in `bits` bits?
fn square_root(bits: u32, n: u32) -> String {
    format!(
        "(set-logic QF_BV)\n(declare-const x (_ BitVec {bits}))\n\
         (assert (= (bvmul x x) (_ bv{n} {bits})))\n(check-sat)\n"
    )
}

#[test]
fn a_solver_answers_questions_in_files() {
    let Some(boolector) = program("boolector.wasm") else { return };
    let texts: Vec<_> = (0..8).map(|n| square_root(8, n)).collect();
    let folder = folder();
    for (n, text) in texts.iter().enumerate() {
        write(&folder, &format!("root-{n}.smt2"), text);
    }
    let mut command = wpool_run(&boolector, "--files *.smt2 --success-codes 10,20 --output-type text -- --smt2 -m");
    let ran = run(command.current_dir(folder.path()), "");
    assert_eq!(ran.code, OK, "{}", ran.stderr);
    // Odd squares are those that are 1 modulo 8, even ones 0 or 4 modulo 16.
    let answers: Vec<_> = ran.each("output").iter().map(|output| output.as_str().expect("a text").to_owned()).collect();
    let is_square: Vec<_> = answers.iter().map(|answer| answer.starts_with("sat\n")).collect();
    assert_eq!(is_square, [true, true, false, false, true, false, false, false], "{answers:?}");
    assert!(answers.iter().zip(is_square).all(|(answer, square)| square || answer == "unsat"), "{answers:?}");
    // The same questions as rows, each with its own width.
    let rows: String =
        [4, 5, 6].map(|bits| json!({ "text": square_root(bits, 2), "seed": bits }).to_string() + "\n").concat();
    let ran = run(&mut wpool_run(&boolector, "--stdin {.text} -- --smt2 --seed={.seed}"), &rows);
    assert_eq!(ran.each("output"), ["unsat"; 3], "{}", ran.stderr);
    assert!(ran.records().iter().all(|record| record["error"]["exit_code"] == 20), "{}", ran.stdout);
}

#[test]
fn a_renderer_makes_pictures_of_files() {
    let Some(resvg) = program("resvg.wasm") else { return };
    let folder = folder();
    for (size, colour) in [(8, "red"), (16, "green"), (24, "blue")] {
        let svg = format!(
            "<svg xmlns='http://www.w3.org/2000/svg' width='{size}' height='{size}'>\
             <rect width='{size}' height='{size}' fill='{colour}'/></svg>"
        );
        write(&folder, &format!("{colour}.svg"), svg);
    }
    write(&folder, "torn.svg", "<svg");
    let args = "--files *.svg --out-dir png --out-name {stem}.png -- --resources-dir . - -c";
    let ran = run(wpool_run(&resvg, args).current_dir(folder.path()), "");
    assert_eq!(ran.each("file"), ["blue.svg", "green.svg", "red.svg", "torn.svg"]);
    assert_eq!(ran.each("status"), ["ok", "ok", "ok", "failed"], "{}", ran.stdout);
    assert_eq!(names_in(folder.path().join("png")), ["blue.png", "green.png", "red.png"]);
    for (name, size) in [("blue", 24), ("green", 16), ("red", 8)] {
        let png = fs::read(folder.path().join(format!("png/{name}.png"))).expect("a picture");
        assert!(png.starts_with(b"\x89PNG\r\n\x1a\n") && png.ends_with(b"IEND\xaeB`\x82"), "{name}");
        // Width and height stand in the first chunk.
        assert_eq!((&png[16..20], &png[20..24]), (&u32::to_be_bytes(size)[..], &u32::to_be_bytes(size)[..]), "{name}");
    }
}
