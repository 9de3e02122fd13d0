//! Lines of source code in backtraces, from the debug information of programs.

use std::fs;
use std::path::Path;
use std::process::Command;

use wpool::{Outcome, Pool, Program, WorkerCommand};

use super::*;
use crate::support::{block_on, wpool};

/// The frames of the first record.
fn frames(ran: &Ran) -> Vec<String> {
    let records = ran.records();
    let record = records.first().unwrap_or_else(|| panic!("no record: {}", ran.stderr));
    serde_json::from_value(record["error"]["backtrace"].clone()).unwrap_or_else(|_| panic!("{record}\n{}", ran.stderr))
}

/// The text of the guest without the parentheses around its module, and with more in it.
fn guest_with(more: &str) -> String {
    let text = fs::read_to_string(wat("lines")).expect("a guest");
    let (_, inner) = text.split_once("(module").expect("a module");
    inner.trim_end().strip_suffix(')').expect("its end").to_owned() + more
}

const LINES: [&str; 2] = ["check (lines.wat:9)", "run (lines.wat:13)"];

#[test]
fn a_trap_of_a_program_with_debug_information_has_its_lines_however_instances_are_made() {
    for args in
        ["", "--isolation fresh", "--fuel 1000", "--timeout 1m", "--deterministic", "--sandbox off", "--retries 1"]
    {
        let ran = run(&mut wpool_run(&wat("lines"), &format!("--lines {args}")), "!\nfine\n!\n");
        assert_eq!(ran.each("status"), ["trap", "ok", "trap"], "{args}: {}", ran.stderr);
        assert_eq!(frames(&ran), LINES, "{args}");
        assert_eq!(ran.records()[0]["error"], ran.records()[2]["error"]);
    }
}

#[test]
fn a_program_that_prepares_itself_has_its_lines() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("init.wat");
    let init = "(func (export \"wpool_init\") (i32.store (i32.const 0) (i32.const 1)))";
    // Then no state can be laid over its instances, and the program is compiled anew with the state.
    let globals = "(global (mut i32) (i32.const 1))".repeat(5_000);
    let constructors = "(func $__wasm_call_ctors (export \"__wasm_call_ctors\"))";
    for (more, args) in [
        (init.to_owned(), ""),
        (init.to_owned(), "--init-each"),
        (format!("{init}{globals}"), ""),
        (format!("{init}{constructors}"), ""),
    ] {
        fs::write(&file, format!("(module {})", guest_with(&more))).expect("it is written");
        let ran = run(&mut wpool_run(&file, &format!("--lines {args}")), "!\n");
        assert_eq!(frames(&ran), LINES, "{args}");
    }
}

#[test]
fn a_component_has_the_lines_of_each_of_its_modules() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("component.wat");
    let module = guest_with("(data (i32.const 64) \"!\")");
    let text = format!(
        r#"(component
            (core module (func) (func))
            (core module $m {module})
            (core instance $i (instantiate $m))
            (func (export "run") (param "at" u32) (param "length" u32) (result s64) (canon lift (core func $i "run"))))"#
    );
    fs::write(&file, text).expect("it is written");
    for args in ["", "--isolation fresh"] {
        let ran = run(&mut wpool_run(&file, args), "[64,1]\n[0,1]\n");
        assert_eq!(ran.each("status"), ["trap", "ok"], "{}{}", ran.stdout, ran.stderr);
        assert_eq!(frames(&ran), LINES, "{args}");
    }
}

#[test]
fn every_one_of_many_tasks_has_its_lines_and_tasks_without_a_backtrace_do_not_wait() {
    let rows: String = (0..3_000).map(|row| if row % 3 == 0 { "!\n" } else { "fine\n" }).collect();
    let ran = run(&mut wpool_run(&wat("lines"), "--lines"), &rows);
    let with_lines = ran.records().iter().filter(|record| record["error"]["backtrace"] == json!(LINES)).count();
    assert_eq!((ran.code, with_lines), (100, 1_000), "{}", ran.stderr);
    let ran = run(&mut wpool_run(&wat("lines"), "--lines --halt now,fail=1"), &rows);
    assert_eq!((ran.code, frames(&ran)), (103, LINES.map(str::to_owned).to_vec()), "{}", ran.stderr);
}

#[test]
fn the_summary_and_a_replay_show_lines() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("rows"), "!\n").expect("rows");
    let ran = run(wpool_run(&wat("lines"), "rows --lines -o out").current_dir(&folder), "");
    assert!(ran.stderr.contains("\n           check (lines.wat:9)\n           run (lines.wat:13)\n"), "{}", ran.stderr);
    let ran = run(wpool().args(["replay", "out", "0"]).current_dir(&folder), "");
    assert!(ran.stdout.contains("   0 check (lines.wat:9)\n"), "{}", ran.stdout);
    assert!(ran.stdout.contains("   1 run (lines.wat:13)\n"), "{}", ran.stdout);
}

#[test]
fn a_task_that_a_rust_program_submits_has_its_lines() {
    block_on(async {
        let program = Program::read(wat("lines")).expect("a program");
        let worker = WorkerCommand::at(env!("CARGO_BIN_EXE_wpool"));
        let pool = Pool::builder(program).worker(worker).build().await.expect("a pool");
        let handle = pool.submit("!").await.expect("it is accepted");
        let Outcome::NotOk(failure) = handle.await.outcome else { panic!("it is not ok") };
        assert_eq!(failure.error.backtrace, LINES);
    });
}

/// A custom section in text.
fn section(name: &str, parts: &[&[u8]]) -> String {
    let escaped =
        |byte: &u8| if byte.is_ascii_alphanumeric() { char::from(*byte).into() } else { format!("\\{byte:02x}") };
    let text: String = parts.iter().flat_map(|part| part.iter()).map(escaped).collect();
    format!("(@custom \".debug_{name}\" \"{text}\")")
}

#[test]
fn debug_information_that_takes_more_memory_than_a_lookup_has_costs_the_lines_alone() {
    let word = |number: usize| (number as u32).to_le_bytes();
    // Two thousand files stand in a folder whose name has a million letters.
    let folder = [&vec![b'x'; 1 << 20][..], b"\0"].concat();
    let unit = [&b"\x04\0\0\0\0\0\x04\x01\0\0\0\0"[..], &folder, b"\x02\0\0\0\x25"].concat();
    let header =
        [&b"\x01\x01\x01\xfb\x0e\x0d\0\x01\x01\x01\x01\0\0\0\x01\0\0\x01\0"[..], &b"a\0\0\0\0".repeat(2_000), b"\0"]
            .concat();
    let program = b"\0\x05\x02\x08\0\0\0\x03\x08\x01\x02\x1f\0\x01\x01";
    let table = [b"\x04\0", &word(header.len())[..], &header, program].concat();
    let text = fs::read_to_string(wat("lines")).expect("a guest");
    let (functions, _) = text.split_once("(@custom \".debug_info\"").expect("debug information");
    let sections = section("info", &[&word(unit.len()), &unit]) + &section("line", &[&word(table.len()), &table]);
    let place = tempfile::tempdir().expect("a folder");
    let file = place.path().join("large.wat");
    fs::write(&file, format!("{functions}{sections})")).expect("it is written");
    let ran = run(&mut wpool_run(&file, "--lines --compile-memory 256MiB"), "!\nfine\n!\n");
    assert_eq!(ran.each("status"), ["trap", "ok", "trap"], "{}", ran.stderr);
    assert_eq!(frames(&ran), ["check", "run"]);
    assert_eq!(ran.stderr.matches("backtraces have no lines of source code from here on").count(), 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("memory allocation of"), "{}", ran.stderr);
}

/// A program whose function `check` is inlined into `work`.
const RUST: &str = r#"#[inline(always)]
fn check(row: &str) -> usize {
    assert!(!row.starts_with('!'));
    row.len()
}

#[inline(never)]
fn work(row: &str) -> usize {
    check(row) + 1
}

fn main() {
    let mut row = String::new();
    std::io::stdin().read_line(&mut row).unwrap();
    println!("{}", work(&row));
}
"#;

/// Compiles a Rust program with debug information. False where the target is not installed.
fn compiled(folder: &Path, target: &str) -> bool {
    let rustc = || Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    let libraries = rustc().args(["--print", "target-libdir", "--target", target]).output().expect("rustc runs");
    if !Path::new(String::from_utf8_lossy(&libraries.stdout).trim()).exists() {
        println!("left out: rustup target add {target}");
        return false;
    }
    fs::create_dir_all(folder.join("src")).expect("a folder");
    fs::write(folder.join("src/main.rs"), RUST).expect("a source");
    let mut command = rustc();
    command.args(["--edition", "2024", "--target", target, "-g", "-O", "src/main.rs", "-o", "main.wasm"]);
    let built = command.current_dir(folder).output().expect("rustc runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    true
}

#[test]
fn a_panic_of_rust_names_the_line_with_functions_that_were_inlined_and_sources_of_its_library() {
    for target in ["wasm32-wasip1", "wasm32-wasip2"] {
        let folder = tempfile::tempdir().expect("a folder");
        if !compiled(folder.path(), target) {
            continue;
        }
        let ran = run(&mut wpool_run(&folder.path().join("main.wasm"), "--lines"), "!\n");
        let frames = frames(&ran);
        let own: Vec<_> = frames.iter().filter(|frame| frame.contains("(src/main.rs")).map(String::as_str).collect();
        assert_eq!(
            own,
            ["main::check (src/main.rs:3)", "main::work (src/main.rs:9)", "main::main (src/main.rs:15)"],
            "{frames:#?}"
        );
        assert!(frames.iter().any(|frame| frame.contains("(library/core/src/panicking.rs:")), "{frames:#?}");
        assert!(frames.iter().all(|frame| !frame.contains("/rustc/")), "{frames:#?}");
    }
}
