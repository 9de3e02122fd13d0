//! What a language costs: the template of each, built by its own tools, run with one worker.
//!
//! Tools are found as `tests/it/languages/mod.rs` says. `WPOOL_BENCH_ROWS` (default 500) and `WPOOL_BENCH_ROUNDS`
//! (default 7) change its length.

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

mod support;

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::{Sample, WPOOL, setting, time};

const LANGUAGES: [&str; 10] =
    ["rust", "c", "cpp", "zig", "go", "javascript", "typescript", "python", "assemblyscript", "wat"];

fn main() {
    if !support::is_bench() {
        return;
    }
    let toolchains = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("toolchains");
    std::fs::create_dir_all(&toolchains).expect("a folder");
    let dir = tempfile::tempdir_in(&toolchains).expect("a temporary folder");
    println!("| language | .wasm, KiB | first result, ms | a task, µs |\n|---|---|---|---|");
    for language in LANGUAGES {
        match build(language, dir.path(), &toolchains) {
            Some(program) => println!("| `{language}` | {} |", measure(&program, dir.path())),
            None => println!("| `{language}` | not built here: see `wpool doctor` | | |"),
        }
    }
}

fn wpool(toolchains: &Path) -> Command {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all = [toolchains.join("python/bin")].into_iter().chain(std::env::split_paths(&path));
    let mut command = Command::new(WPOOL);
    command.env("PATH", std::env::join_paths(all).expect("a path"));
    command.env("CARGO_TARGET_DIR", toolchains.join("target"));
    command
}

fn build(language: &str, dir: &Path, toolchains: &Path) -> Option<PathBuf> {
    let project = dir.join(language);
    let new = wpool(toolchains).args(["new", "--lang", language]).arg(&project).output().expect("wpool runs");
    assert!(new.status.success(), "{new:?}");
    if language == "assemblyscript" {
        symlink("../../node_modules", project.join("node_modules")).expect("a link");
    }
    let built = wpool(toolchains).arg("build").arg(&project).output().expect("wpool runs");
    built.status.success().then(|| project.join("task.wasm"))
}

/// Size, time of a whole run of one row, and what each further row adds.
fn measure(program: &Path, dir: &Path) -> String {
    let many = setting("WPOOL_BENCH_ROWS", 500);
    let run_of = |rows: usize| {
        let path = dir.join(format!("{rows}.jsonl"));
        std::fs::write(&path, "1001\n".repeat(rows)).expect("rows can be written");
        let mut command = Command::new(WPOOL);
        command.args(["run", "-q", "-j", "1"]).arg(program).arg(path);
        command
    };
    let (mut first, mut all) = (run_of(1), run_of(many));
    // The first run compiles the program.
    time(&mut first);
    let (mut one, mut each) = (Sample::default(), Sample::default());
    for _ in 0..setting("WPOOL_BENCH_ROUNDS", 7) {
        let start = time(&mut first).as_secs_f64();
        one.push(start * 1e3);
        each.push((time(&mut all).as_secs_f64() - start) / (many - 1) as f64 * 1e6);
    }
    let size = std::fs::metadata(program).map_or(0, |found| found.len());
    format!("{} | {:.0} | {:.0}", size.div_ceil(1024), one.median(), each.median())
}
