//! A task in every language answers.

use std::os::unix::fs::symlink;

use super::*;

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
