//! Files as rows.

use wpool::limits::MAX_INPUT;
use wpool::template::Template;
use wpool::{Grants, Input, Outcome, Pool, PoolConfig, Program, Stdin, TaskSettings, WorkerCommand};

use super::*;
use crate::cli::NO_INPUTS;
use crate::support::block_on;

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
            task: TaskSettings { grants, ..TaskSettings::default() },
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
