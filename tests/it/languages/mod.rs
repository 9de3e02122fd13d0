//! `wpool new`, `wpool build` and `wpool doctor`: every language from its template to answers.
//!
//! Toolchains are in `target/toolchains`, where `.ci/run` installs them: `python/bin` is first in `PATH`, and npm's
//! tools are in the `node_modules` above the test projects. A language without its tools is skipped, unless
//! `WPOOL_REQUIRE_LANGUAGES` is set.

mod answers;
mod building;
mod c;
mod components;
mod doctor;
mod go;
mod mistakes;
mod mixed;
mod scripts;
mod templates;
mod twins;
mod typescript;
mod warm;

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Ran, root, run, wpool, wpool_run};

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
