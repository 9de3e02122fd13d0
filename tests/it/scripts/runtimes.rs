//! Runtimes are made once, by the tool of their language.

use super::*;

#[test]
fn a_runtime_is_made_once_for_each_version_of_its_tool() {
    let desk = Desk::new();
    desk.write("app.py", SCRIPT);
    let ran = desk.wpool("run app.py", "\"q\"\n");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("making the runtime of python with componentize-py 1.0"), "{}", ran.stderr);
    assert!(ran.stderr.contains("made the runtime python-1.0-"), "{}", ran.stderr);
    desk.write("other.py", SCRIPT);
    let ran = desk.wpool("run other.py", "\"q\"\n");
    assert!(!ran.stderr.contains("runtime"), "{}", ran.stderr);
    assert_eq!(desk.calls(), 1);
    desk.tool("1.10");
    assert_eq!(desk.wpool("run app.py -q", "\"q\"\n").stderr, "", "it is made without a word");
    assert_eq!(desk.calls(), 2);
    assert!(is_private(&desk.path("cache/wpool/runtimes")));

    let listed = desk.wpool("runtime list", "").stdout;
    let lines: Vec<_> = listed.lines().collect();
    assert!(lines[0].starts_with("python-1.10-") && lines[0].ends_with("  used"), "{listed}");
    assert!(lines[1].starts_with("python-1.0-") && lines[1].contains("of other tools"), "{listed}");
    let ran = desk.wpool("runtime prune", "");
    assert_eq!((ran.code, ran.stderr.as_str()), (0, "wpool: removed 1 runtime\n"));
    let list = &desk.wpool("runtime list --json", "").records()[0];
    let made = list.as_array().expect("a list").iter().filter(|runtime| runtime["inside"] == false);
    assert_eq!(made.count(), 1, "{list}");
    assert_eq!((&list[0]["language"], &list[0]["current"]), (&"python".into(), &true.into()));
}

#[test]
fn a_runtime_that_is_there_needs_no_tool() {
    let desk = Desk::new();
    desk.write("app.py", SCRIPT);
    assert_eq!(desk.wpool("runtime build python", "").code, 0);
    fs::remove_file(desk.path("bin/componentize-py")).expect("it is there");
    let ran = desk.wpool("run app.py -q", "\"q\"\n");
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
}

#[test]
fn without_tool_and_runtime_one_sentence_says_how_to_get_the_tool() {
    let desk = Desk::new();
    desk.write("app.py", SCRIPT);
    fs::remove_file(desk.path("bin/componentize-py")).expect("it is there");
    let ran = desk.wpool("run app.py", "1\n");
    assert_eq!(ran.code, SET_UP, "{}", ran.stderr);
    let said =
        "wpool: python needs componentize-py, which was not found; install it with `pip install componentize-py`\n";
    assert_eq!(ran.stderr, said);
    let ran = desk.wpool("runtime build", "");
    assert!(ran.stderr.contains("no runtime of python: its tools are not here"), "{}", ran.stderr);
}

#[test]
fn a_tool_that_fails_has_its_say_and_makes_no_runtime() {
    let desk = Desk::new();
    desk.write("app.py", SCRIPT);
    desk.write("bin/componentize-py", "#!/bin/sh\necho it is broken\nexit 3\n");
    let ran = desk.wpool("run app.py", "1\n");
    assert_eq!(ran.code, SET_UP, "{}", ran.stderr);
    assert!(ran.stderr.contains("exit status: 3") && ran.stderr.contains("\n  | it is broken\n"), "{}", ran.stderr);
    let listed = desk.wpool("runtime list", "").stdout;
    assert!(listed.lines().all(|line| line.ends_with("a part of wpool")), "{listed}");
    desk.write("bin/componentize-py", "#!/bin/sh\nfor last; do :; done\necho nonsense >\"$last\"\n");
    let ran = desk.wpool("run app.py", "1\n");
    assert!(ran.stderr.contains("componentize-py made no component"), "{}", ran.stderr);
}

#[test]
fn a_dry_run_makes_nothing() {
    let desk = Desk::new();
    desk.write("app.py", SCRIPT);
    desk.write("rows", "1\n");
    let ran = desk.wpool("run app.py rows --dry-run", "");
    assert_eq!((ran.code, desk.calls()), (0, 0), "{}", ran.stderr);
    assert!(ran.stdout.contains("app.py, which has to be built first"), "{}", ran.stdout);
    assert_eq!(desk.wpool("runtime build", "").code, 0);
    let ran = desk.wpool("run app.py rows --dry-run", "");
    assert!(ran.stdout.contains("convention  script"), "{}", ran.stdout);
}

#[test]
fn runs_that_begin_together_make_the_runtime_once() {
    let desk = Desk::new();
    desk.write("app.py", SCRIPT);
    let start = || crate::support::spawn(desk.command().args(["run", "app.py", "-q"]));
    for run in [start(), start(), start()] {
        assert_eq!(crate::support::finish(run, "\"q\"\n").code, 0);
    }
    assert_eq!(desk.calls(), 1);
}

#[test]
fn doctor_says_which_runtimes_there_are() {
    let desk = Desk::new();
    let section = |text: &str| text.split("\nruntimes of scripts\n").nth(1).expect("a section").to_owned();
    let ran = desk.wpool("doctor", "");
    assert!(section(&ran.stdout).starts_with("  python          none "), "{}", ran.stdout);
    assert_eq!(desk.wpool("runtime build", "").code, 0);
    let ran = desk.wpool("doctor", "");
    assert!(section(&ran.stdout).starts_with("  python          made     python-1.0-"), "{}", ran.stdout);
    let report = &desk.wpool("doctor --json", "").records()[0];
    assert_eq!(report["runtimes"][0]["current"], true, "{report}");
}

/// A desk without the tool, and the runtime that it has made, elsewhere.
fn with_a_given_runtime() -> (Desk, String) {
    let desk = Desk::new();
    desk.write("app.py", SCRIPT);
    desk.write("given/readme", "");
    assert_eq!(desk.wpool("runtime build python", "").code, 0);
    fs::remove_file(desk.path("bin/componentize-py")).expect("it is there");
    let runtimes = fs::read_dir(desk.path("cache/wpool/runtimes")).expect("a folder").flatten();
    let mut names = runtimes.map(|file| file.file_name().into_string().expect("a text"));
    let name = names.find(|name| name.ends_with(".wasm")).expect("a runtime");
    fs::rename(desk.path("cache/wpool/runtimes").join(&name), desk.path("given").join(&name)).expect("it moves");
    (desk, name)
}

fn with(desk: &Desk, files: &[PathBuf], args: &str) -> Ran {
    let files = std::env::join_paths(files).expect("paths");
    run(desk.command().env("WPOOL_RUNTIMES", files).args(args.split_whitespace()), "\"q\"\n")
}

#[test]
fn a_runtime_that_a_package_brings_needs_no_tool_and_is_not_removed() {
    let (desk, name) = with_a_given_runtime();
    let given = [desk.path("none.wasm"), desk.path("given").join(&name)];
    let ran = with(&desk, &given, "run app.py");
    assert!(ran.code == 0 && !ran.stderr.contains("runtime"), "{}", ran.stderr);
    let listed = with(&desk, &given, "runtime list").stdout;
    assert!(listed.contains("  used, given by WPOOL_RUNTIMES\n"), "{listed}");
    let doctor = with(&desk, &given, "doctor").stdout;
    assert!(doctor.contains("\n  python          given    python-1.0-"), "{doctor}");
    assert_eq!(with(&desk, &given, "runtime prune --all").stderr, "wpool: removed 0 runtimes\n");
    // A tool that is there does not make it again, and nobody else's file is written.
    desk.tool("2.0");
    let ran = with(&desk, &given, "runtime build python");
    assert!(ran.stderr.contains("the runtime of python is given by WPOOL_RUNTIMES: python-1.0-"), "{}", ran.stderr);
    assert_eq!((with(&desk, &given, "run app.py -q").code, desk.calls()), (0, 1));
}

#[test]
fn a_given_runtime_of_another_wpool_or_behind_a_link_is_not_used() {
    let (desk, name) = with_a_given_runtime();
    let file = desk.path("given").join(&name);
    let other = desk.path("given/python-1.0-0123456789ab.wasm");
    fs::copy(&file, &other).expect("a copy");
    for unused in [other, PathBuf::from("given").join(&name), desk.path("given")] {
        let ran = with(&desk, std::slice::from_ref(&unused), "run app.py");
        assert!(ran.code == SET_UP && ran.stderr.contains("python needs componentize-py"), "{unused:?} {}", ran.stderr);
    }
    fs::create_dir(desk.path("links")).expect("a folder");
    std::os::unix::fs::symlink(&file, desk.path("links").join(&name)).expect("a link");
    let ran = with(&desk, &[desk.path("links").join(&name)], "run app.py");
    assert!(ran.code == SET_UP && ran.stderr.contains("it is a link"), "{}", ran.stderr);
}

#[test]
fn nothing_of_the_working_directory_is_executed_while_tools_are_looked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["sysconfig.py", "ziglang.py", "importlib.py"] {
        let mark = folder.path().join("executed");
        std::fs::write(folder.path().join(name), format!("open({:?}, 'w')\n", mark.display().to_string()))
            .expect("a file");
    }
    run(wpool().arg("doctor").current_dir(folder.path()), "");
    assert!(!folder.path().join("executed").exists());
}
