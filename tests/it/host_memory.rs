//! Memory of the host where others decide how much it holds: a program, the state after its `init`, rows, files.
//!
//! The bounds are far above the measured use, and far below the use with one more copy.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::support::{Ran, finish, guest, spawn, wat, wpool, wpool_run};

/// MiB of a host with nothing to hold. Measured: 10.
const BASE: u64 = 32;

/// MiB of a long row, a little below what a row may have.
const LONG: usize = 62;

/// Runs a command, and gives the most memory that it had, its children's not counted, in MiB. It is looked at until it ends.
pub fn with_peak(command: &mut Command, input: impl AsRef<[u8]>) -> (Ran, u64) {
    let child = spawn(command);
    let pid = child.id();
    let watch = thread::spawn(move || {
        let mut peak = 0;
        while let Some(now) = peak_until_now(pid) {
            peak = now;
            thread::sleep(Duration::from_millis(1));
        }
        peak >> 10
    });
    let ran = finish(child, input);
    (ran, watch.join().expect("it does not panic"))
}

/// In KiB; `None` when the process has ended.
fn peak_until_now(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// A module whose `init` fills so many MiB with something else than zeros.
fn filling(dir: &Path, mib: usize) -> PathBuf {
    let wat = format!(
        r#"(module (memory (export "memory") {pages})
            (func (export "alloc") (param i32) (result i32) (i32.const 1024))
            (func (export "wpool_init") (memory.fill (i32.const 65536) (i32.const 7) (i32.const {bytes})))
            (func (export "run") (param i32 i32) (result i64)
                (i32.store8 (i32.const 0) (i32.add (i32.const 0x30) (i32.load8_u (i32.const {last}))))
                (i64.const 1)))"#,
        pages = mib * 16 + 1,
        bytes = mib << 20,
        last = (mib << 20) + 65535,
    );
    let path = dir.join("filling.wat");
    fs::write(&path, wat).expect("it is written");
    path
}

#[test]
fn the_host_holds_a_snapshot_once_and_its_image_once_it_is_gone() {
    let dir = TempDir::new().expect("a folder");
    let task = filling(dir.path(), 128);
    for cache in ["--no-cache", ""] {
        let mut command = wpool_run(&task, &format!("-j 1 {cache}"));
        let (ran, peak) = with_peak(command.env("XDG_CACHE_HOME", dir.path()), "1\n");
        println!("{peak} MiB for a snapshot of 128 MiB");
        assert_eq!(ran.each("output"), [7], "{}", ran.stderr);
        assert!(peak <= 128 * 13 / 10 + BASE, "{peak} MiB");
    }
}

#[test]
fn an_init_that_uses_most_of_its_memory_leaves_a_snapshot() {
    let dir = TempDir::new().expect("a folder");
    // The state is data, so no compiler takes memory for it.
    let mut command = wpool_run(&filling(dir.path(), 400), "-j 1 --compile-memory 64MiB");
    let (ran, peak) = with_peak(command.env("XDG_CACHE_HOME", dir.path()), "1\n");
    println!("{peak} MiB for a snapshot of 400 MiB");
    assert_eq!(ran.each("output"), [7], "{}", ran.stderr);
    assert!(peak <= 400 * 13 / 10 + BASE, "{peak} MiB");
}

#[test]
fn an_init_that_leaves_too_much_is_refused_with_what_helps() {
    let dir = TempDir::new().expect("a folder");
    let mut command = wpool_run(&filling(dir.path(), 520), "-j 1 --memory 1GiB");
    let (ran, peak) = with_peak(command.env("XDG_CACHE_HOME", dir.path()), "1\n");
    assert_eq!(ran.code, 101, "{}", ran.stderr);
    let why = "it leaves more than 512 MiB in memory; run it in each instance instead (--init-each)";
    assert!(ran.stderr.contains(why), "{}", ran.stderr);
    assert!(peak <= BASE, "{peak} MiB");
}

/// A component with one function, of a `list<u32>`.
fn listing(dir: &Path) -> PathBuf {
    let path = dir.join("list.wat");
    let wat = r#"(component
        (core module $m (memory (export "m") 1)
            (func (export "r") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
            (func (export "f") (param i32 i32) (result i32) (local.get 1)))
        (core instance $i (instantiate $m))
        (func (export "f") (param "n" (list u32)) (result u32)
            (canon lift (core func $i "f") (memory (core memory $i "m")) (realloc (core func $i "r")))))"#;
    fs::write(&path, wat).expect("it is written");
    path
}

/// A row of [`LONG`] MiB, of items of a list.
fn long_row(before: &str, item: &str, after: &str) -> String {
    let count = (LONG << 20) / (item.len() + 1);
    [before, &[item, ","].concat().repeat(count), item, after, "\n"].concat()
}

#[test]
fn a_typed_row_is_checked_in_little_more_memory_than_its_bytes() {
    let dir = TempDir::new().expect("a folder");
    let (list, typed) = (listing(dir.path()), guest("typed"));
    let text = long_row("\"", "A\\u0041", "\"");
    for (task, function, row, more) in [
        (&list, "f", long_row("[", "1", "]"), 0),
        // By name and not as the bare value, which is tried first.
        (&list, "f", long_row("{\"n\":[", "1", "]}"), 0),
        (&typed, "area", long_row("{\"polygon\":[", "{\"x\":0,\"y\":0}", "]}"), 0),
        (&typed, "bytes", long_row("[", "255", "]"), 0),
        // What is unescaped, or decoded from base64, is held beside it.
        (&typed, "text", text, LONG as u64),
        (&typed, "bytes", format!("\"{}\"\n", "A".repeat(LONG << 20)), LONG as u64),
    ] {
        let (ran, peak) = with_peak(wpool().arg("check").arg(task).args(["--call", function]), row);
        println!("{function}: {peak} MiB");
        assert_eq!(ran.code, 0, "{function}: {}{}", ran.stdout, ran.stderr);
        assert!(peak <= LONG as u64 + more + BASE, "{function}: {peak} MiB");
    }
}

#[test]
fn a_flaw_at_the_end_of_a_long_row_is_found_where_it_is() {
    let dir = TempDir::new().expect("a folder");
    let (list, row) = (listing(dir.path()), long_row("[", "1", ",-7]"));
    let (checked, peak) = with_peak(wpool().arg("check").arg(&list), &row);
    assert_eq!(checked.code, 102, "{}{}", checked.stdout, checked.stderr);
    let end = row.bytes().filter(|byte| *byte == b',').count();
    let expected = format!("<stdin>:1: at /{end}: expected u32 (0 to 4294967295), found -7\n");
    assert_eq!(checked.stdout, expected);
    assert!(peak <= LONG as u64 + BASE, "{peak} MiB");
}

#[test]
fn few_long_rows_wait_to_be_taken() {
    let rows = long_row("[", "1", "]").repeat(6);
    let (ran, peak) = with_peak(wpool().arg("check").arg(wat("noop")), rows);
    println!("{peak} MiB for rows of {LONG} MiB");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("6 rows, 0 of them bad"), "{}", ran.stderr);
    // One is checked, one waits, and one is being read.
    assert!(peak <= 3 * LONG as u64 + BASE, "{peak} MiB");
}

#[test]
fn a_row_of_many_members_costs_no_more_for_one_of_them() {
    let dir = TempDir::new().expect("a folder");
    let mut row = "{\"name\":\"it\"".to_owned();
    (0..2_000_000).for_each(|at| write!(row, ",\"{at}\":1").expect("it is written"));
    row += "}\n";
    let mut command = wpool_run(&wat("env"), "-j 1 --out-name {.name} --out-dir");
    let (ran, peak) = with_peak(command.arg(dir.path().join("out")), &row);
    println!("{peak} MiB for a row of {} MiB", row.len() >> 20);
    let file = &ran.each("output")[0]["file"];
    assert!(file.as_str().is_some_and(|file| file.ends_with("/out/it")), "{}{}", ran.stdout, ran.stderr);
    assert!(peak <= 4 * (row.len() as u64 >> 20) + BASE, "{peak} MiB");
}

#[test]
fn a_file_of_more_state_than_there_may_be_is_not_held_entry_by_entry() {
    let dir = TempDir::new().expect("a folder");
    let mut text = "{\"a\":0".to_owned();
    (0..4_000_000).for_each(|at| write!(text, ",\"{at}\":1").expect("it is written"));
    text += "}";
    let file = dir.path().join("state.json");
    fs::write(&file, &text).expect("it is written");
    let mut command = wpool_run(&guest("shared-state"), "--call first.get --state-in");
    let (ran, peak) = with_peak(command.arg(&file), "1\n");
    println!("{peak} MiB for a file of {} MiB", text.len() >> 20);
    assert_eq!(ran.code, 96, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("shared state is full"), "{}", ran.stderr);
    // The file, and as many entries as there may be.
    assert!(peak <= (text.len() as u64 >> 20) + 128 + BASE, "{peak} MiB");
}
