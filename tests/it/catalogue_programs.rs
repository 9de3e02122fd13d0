//! Programs that are malformed, ask for too much, or are made to break a compiler.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use wpool::limits::CompileLimits;
use wpool::{Event, Observer, PoolConfig, Program, WorkerCommand};

use crate::catalogue_rows::peak;
use crate::cli::{OK, REFUSED, assert_refused, folder, read, write};
use crate::support::{Live, Ran, Watchdog, run, spawn, wat, wpool, wpool_run};

const HEADER: &[u8] = b"\0asm\x01\0\0\0";
const UNREACHABLE: u8 = 0x00;
const BLOCK: [u8; 2] = [0x02, 0x40];
const LOOP: [u8; 2] = [0x03, 0x40];
const END: u8 = 0x0b;
const BR_IF: u8 = 0x0d;
const BR_TABLE: u8 = 0x0e;
const LOCAL_GET: u8 = 0x20;
const LOCAL_SET: u8 = 0x21;
const I32_CONST: u8 = 0x41;
const I32_ADD: u8 = 0x6a;
const I32: u8 = 0x7f;

/// A number as modules write it.
fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

fn with_length(content: &[u8]) -> Vec<u8> {
    [&leb(content.len()), content].concat()
}

fn section(id: u8, content: &[u8]) -> Vec<u8> {
    [&[id][..], &with_length(content)].concat()
}

/// One type, without parameters and results.
fn types() -> Vec<u8> {
    section(1, &[1, 0x60, 0, 0])
}

/// Functions of that type.
fn functions(count: usize) -> Vec<u8> {
    section(3, &[leb(count), vec![0; count]].concat())
}

/// The code of functions, all of them alike.
fn code(count: usize, locals: usize, body: &[u8]) -> Vec<u8> {
    let locals = if locals == 0 { vec![0] } else { [&[1][..], &leb(locals), &[I32]].concat() };
    let function = with_length(&[&locals, body, &[END]].concat());
    section(10, &[leb(count), function.repeat(count)].concat())
}

/// A command whose functions are alike; the first is its `_start`.
fn command(count: usize, locals: usize, body: &[u8]) -> Vec<u8> {
    let exports = section(7, b"\x01\x06_start\0\0");
    [HEADER, &types(), &functions(count), &exports, &code(count, locals, body)].concat()
}

/// A run of a program that was compiled for it alone.
fn run_anew(name: &str, program: impl AsRef<[u8]>, args: &str) -> Ran {
    let folder = folder();
    let path = write(&folder, name, program);
    run(&mut wpool_run(&path, &format!("--once --no-cache {args}")), "")
}

fn refused(name: &str, program: impl AsRef<[u8]>, args: &str, needles: &[&str]) {
    assert_refused(&run_anew(name, program, args), REFUSED, needles, name);
}

#[test]
fn c04_code_of_an_engine_is_refused_although_it_is_our_own() {
    let home = folder();
    let ran = run(wpool_run(&wat("noop"), "--once").env("XDG_CACHE_HOME", home.path()), "");
    assert_eq!(ran.code, OK, "{}", ran.stderr);
    let mut entries = fs::read_dir(home.path().join("wpool")).expect("a cache");
    let entry = fs::read(entries.next().expect("an entry").expect("it").path()).expect("it can be read");
    let image = entry.windows(4).position(|bytes| bytes == b"\x7fELF").expect("an image");
    refused("own.cwasm", &entry[image..], "", &["own.cwasm", "precompiled code is refused"]);
}

#[test]
fn c06_a_malformed_module_is_refused_with_the_place() {
    let cases = [
        ("a number without an end", [HEADER, &[1, 0x80, 0x80, 0x80, 0x80, 0x80, 0, 0]].concat(), "0xd"),
        ("a number in the type section", [HEADER, &section(1, &[0x80, 0x80, 0x80, 0x80, 0x80, 0])].concat(), "0xe"),
        ("code before functions", [HEADER, &types(), &code(1, 0, &[]), &functions(1)].concat(), "0x10"),
        ("fewer bodies than functions", [HEADER, &types(), &functions(2), &code(1, 0, &[])].concat(), "0x15"),
    ];
    for (name, module, place) in cases {
        refused(name, module, "", &[&format!("{name}: "), &format!("(at offset {place})")]);
    }
}

#[test]
fn c07_c52_a_proposal_that_is_not_there_is_refused_by_name() {
    for (needle, fields) in [
        ("threads", r#"(memory (export "memory") 1 1 shared)"#),
        ("custom-page-sizes", r#"(memory (export "memory") 1 (pagesize 1))"#),
        ("stack-switching", "(type $f (func)) (type $c (cont $f))"),
        ("draft form of exceptions", "(tag $e) (func try catch $e end)"),
    ] {
        refused("task.wat", format!(r#"(module {fields} (func (export "_start")))"#), "", &["task.wat", needle]);
    }
    // Inside of a component, too.
    let component = "(component (core module (memory 1 1 shared)))";
    refused("task.wat", component, "", &["threads"]);
}

#[test]
fn c08_c09_what_has_another_type_is_refused_with_the_types() {
    let import = r#"(module (import "wasi_snapshot_preview1" "fd_write" (func (param i64))) (func (export "_start")))"#;
    refused("import.wat", import, "", &["wasi_snapshot_preview1::fd_write", "(param i64)", "i32 i32 i32 i32"]);
    let start = r#"(module (memory (export "memory") 1) (func (export "_start") (param i32)))"#;
    let needles = ["looked for `_start: func() -> ()`", "exports: memory: memory", "_start: func(i32) -> ()"];
    refused("start.wat", start, "", &needles);
}

#[test]
fn c10_an_interface_of_another_wasi_is_refused_with_its_version() {
    for import in ["wasi:cli/stdout@0.3.0-rc-2025-09-16", "wasi:http/handler@0.3.0", "wasi:cli/stdout@9.9.9"] {
        let component = format!(
            r#"(component
                (import "{import}" (instance (export "f" (func))))
                (core module $m (func (export "run")))
                (core instance $i (instantiate $m))
                (func (export "run") (canon lift (core func $i "run"))))"#
        );
        refused("task.wat", component, "", &[import, "wasm32-wasip2"]);
    }
}

#[test]
fn c12_a_table_that_is_too_large_is_refused_and_one_that_may_grow_is_not() {
    let module = |table: &str| format!(r#"(module (table {table} funcref) (func (export "_start")))"#);
    for size in ["1048577", "10000000", "4294967295", "i64 18446744073709551615"] {
        let elements = size.trim_start_matches("i64 ");
        refused("task.wat", module(size), "", &[elements, "over the limit of 1048576"]);
    }
    for size in ["1048576", "1 4294967295"] {
        let ran = run_anew("task.wat", module(size), "");
        assert_eq!((ran.code, ran.each("status")), (OK, vec![json!("ok")]), "{size}: {}", ran.stderr);
    }
}

/// A run that is refused, in which the host itself never took more than `most` KiB.
fn refused_cheaply(program: &[u8], args: &str, needle: &str, most: u64) {
    let folder = folder();
    let path = write(&folder, "bomb", program);
    let child = spawn(&mut wpool_run(&path, &format!("--once --no-cache {args}")));
    let _guard = Watchdog::over(&child);
    let peak = peak(&child);
    let output = child.wait_with_output().expect("it can be waited for");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(REFUSED), "{stderr}");
    assert!(stderr.starts_with("wpool: bomb: ") && stderr.contains(needle), "{stderr}");
    let peak = peak.join().expect("it was measured");
    assert!((1..most).contains(&peak), "{peak} KiB in the host");
}

#[test]
fn c13_a_million_functions_meet_the_limit_of_memory() {
    let million = command(1_000_000, 0, &[]);
    assert!(million.len() > 4_000_000);
    refused_cheaply(
        &million,
        "--compile-memory 96MiB",
        "takes more than 96 MiB; allow more (--compile-memory)",
        64 << 10,
    );
}

#[test]
fn c14_loops_that_no_registers_are_found_for_meet_the_limit_of_time() {
    let loops = many_loops();
    assert!(loops.len() < 1 << 20);
    refused_cheaply(&loops, "--compile-timeout 1s", "--compile-timeout", 64 << 10);
}

#[test]
fn a_program_that_cannot_be_called_is_refused_before_its_code_is_compiled() {
    // Of this code no machine code is made within a second.
    let renamed = |name: &[u8; 6]| {
        let mut loops = many_loops();
        let at = loops.windows(6).position(|bytes| bytes == b"_start").expect("an export");
        loops[at..at + 6].copy_from_slice(name);
        loops
    };
    let limit = "--compile-timeout 1s";
    refused("other.wasm", renamed(b"_begin"), limit, &["has no entry of its own"]);
    refused("task.wasm", renamed(b"_start"), &format!("{limit} --call other"), &["exports no function `other`"]);
    refused("memory.wasm", renamed(b"_start"), limit, &["--compile-timeout"]);
}

#[tokio::test]
async fn a_report_takes_no_compiling() {
    let limits = CompileLimits { time: Duration::from_secs(1), ..CompileLimits::default() };
    let worker = Some(WorkerCommand::at(env!("CARGO_BIN_EXE_wpool")));
    let compiled = Arc::new(AtomicBool::new(false));
    let heard = compiled.clone();
    let observer = Observer::new(move |event| {
        heard.fetch_or(matches!(event, Event::Compiling { .. }), Ordering::Relaxed);
    });
    let config = PoolConfig { worker, observer, compile_limits: limits, cache: None, ..PoolConfig::default() };
    let report = wpool::inspect(&Program::new("loops", many_loops()), &config).await.expect("a report");
    assert_eq!(report.entry, ["_start"]);
    assert!(!compiled.load(Ordering::Relaxed));
}

/// A command whose code takes the compiler many seconds.
fn many_loops() -> Vec<u8> {
    const LOOPS: usize = 20_000;
    const LOCALS: usize = 1_000;
    let local = |op: u8, at: usize| [&[op][..], &leb(at % LOCALS)].concat();
    let mut body = Vec::new();
    for at in 0..LOOPS {
        body.extend(LOOP);
        let sum = [local(LOCAL_GET, at), local(LOCAL_GET, at * 7), vec![I32_ADD], local(LOCAL_SET, at * 13)];
        body.extend(sum.concat());
    }
    for at in 0..LOOPS {
        body.extend(local(LOCAL_GET, at));
        body.extend([BR_IF, 0, END]);
    }
    command(1, LOCALS, &body)
}

#[test]
fn c15_a_section_of_100_mib_that_means_nothing_does_no_harm() {
    const SIZE: usize = 100 << 20;
    let section = section(0, &[&b"\x01x"[..], &vec![0; SIZE]].concat());
    let folder = folder();
    let path = write(&folder, "task", [command(1, 0, &[]), section].concat());
    let child = spawn(&mut wpool_run(&path, "--once --no-cache"));
    let _guard = Watchdog::over(&child);
    let peak = peak(&child);
    let output = child.wait_with_output().expect("it can be waited for");
    assert_eq!(output.status.code(), Some(OK), "{}", String::from_utf8_lossy(&output.stderr));
    // The program once, and once more in the frame to the compiler.
    let peak = peak.join().expect("it was measured");
    assert!((1..(2 * SIZE + (32 << 20)) as u64 >> 10).contains(&peak), "{peak} KiB in the host");
}

#[test]
fn c17_a_program_that_changes_during_its_run_changes_nothing() {
    let folder = folder();
    let task = write(&folder, "task.wat", read(wat("echo")));
    // Every task has a worker that was started for it.
    let mut live = Live::start(&mut wpool_run(&task, "-j 1 --max-tasks-per-worker 1 --values"));
    for row in ["1", "2", "3"] {
        live.say(&format!("{row}\n"));
        assert_eq!(live.line(), row);
        fs::write(&task, read(wat("trap"))).expect("it can be replaced");
    }
    fs::remove_file(&task).expect("it can be removed");
    live.say("4\n");
    assert_eq!(live.line(), "4");
    assert_eq!(live.end().code, OK);
}

#[test]
fn c18_code_at_the_limits_compiles_or_is_refused_cleanly() {
    let branches = |count: usize| {
        let targets = [&leb(count)[..], &vec![0; count + 1]].concat();
        [&BLOCK[..], &[I32_CONST, 0, BR_TABLE], &targets, &[END]].concat()
    };
    let nested = [BLOCK.repeat(200_000), vec![END; 200_000]].concat();
    for (name, module) in [
        ("65 520 targets", command(1, 0, &branches(65_520))),
        ("50 000 locals", command(1, 50_000, &[])),
        ("200 000 blocks", command(1, 0, &nested)),
    ] {
        let ran = run_anew("task", module, "");
        assert_eq!((ran.code, ran.each("status")), (OK, vec![json!("ok")]), "{name}: {}", ran.stderr);
    }
    refused("task", command(1, 0, &branches(1_000_000)), "", &["1000000 targets", "65520"]);
    refused("task", command(1, 50_001, &[]), "", &["too many locals"]);
    let trap = run_anew("task", command(1, 0, &[UNREACHABLE]), "");
    assert_eq!(trap.each("status"), ["trap"], "what is written here does run");
}

#[test]
fn c05_text_of_200_000_blocks_is_a_program() {
    let text = format!(r#"(module (func (export "_start") {}{}))"#, "(block ".repeat(200_000), ")".repeat(200_000));
    let ran = run_anew("task.wat", text, "");
    assert_eq!((ran.code, ran.each("status")), (OK, vec![json!("ok")]), "{}", ran.stderr);
}

#[test]
fn c16_what_is_no_file_is_refused_without_waiting_for_it() {
    for path in ["/dev/null", "/dev/stdin", "/proc/self/mem", "/dev/full"] {
        let ran = run(wpool().args(["run", "--once"]).arg(Path::new(path)), "");
        assert!([96, REFUSED].contains(&ran.code), "{path}: {} {}", ran.code, ran.stderr);
        assert!(
            ran.stdout.is_empty() && ran.stderr.contains(path.rsplit('/').next().unwrap_or(path)),
            "{}",
            ran.stderr
        );
    }
}
