//! Hostile guests: what they try, and the record that says so while the rows around them run.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde_json::{Value, json};

use crate::cli::{NOT_OK, OK, folder, read, write};
use crate::support::{Ran, run, wat, wpool_run};
use crate::wasi::{OPENED, Script};

/// Rows of which the second makes a guest of this file misbehave.
const ROWS: &str = "one\n!\ntwo\n";

/// A raw task that answers its row, after `act` if it begins with "!".
fn raw(fields: &str, act: &str) -> String {
    format!(
        r#"(module
          (type $v (func))
          (memory (export "memory") 1)
          (table $t 4 funcref)
          (func $other (param i64))
          (elem $e (i32.const 1) func $other)
          {fields}
          (func (export "alloc") (param i32) (result i32) (i32.const 1024))
          (func (export "run") (param $ptr i32) (param $len i32) (result i64)
            (if (i32.eq (i32.load8_u (local.get $ptr)) (i32.const 33)) (then {act}))
            (i64.or
              (i64.shl (i64.extend_i32_u (local.get $ptr)) (i64.const 32))
              (i64.extend_i32_u (local.get $len)))))"#
    )
}

/// A task component, all of whose rows are hostile.
fn component(fields: &str, realloc: &str, post: &str, run: &str) -> String {
    format!(
        r#"(component
          (core module $code
            (memory (export "memory") 1)
            {fields}
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) {realloc})
            (func (export "post") (param i32) {post})
            (func (export "run") (param i32 i32) (result i32) {run}))
          (core instance $i (instantiate $code))
          (func (export "run") (param "input" (list u8)) (result (result (list u8) (error string)))
            (canon lift
              (core func $i "run")
              (memory (core memory $i "memory"))
              (realloc (core func $i "realloc"))
              (post-return (core func $i "post")))))"#
    )
}

fn run_text(text: &str, args: &str, rows: &str) -> Ran {
    let folder = folder();
    run(&mut wpool_run(&write(&folder, "task.wat", text), args), rows)
}

/// Runs hostile rows between others in one worker, which has to live on. Gives the record of the hostile one.
fn survived(text: &str, args: &str) -> Value {
    let ran = run_text(text, &format!("-j 1 -v --lines {args}"), ROWS);
    let mut records = ran.records();
    assert_eq!((&records[0]["output"], &records[2]["output"]), (&json!("one"), &json!("two")), "{}", ran.stdout);
    assert_eq!(ran.stderr.matches(" started").count(), 1, "{}", ran.stderr);
    records.swap_remove(1)
}

#[test]
fn c35_a_loop_without_end_is_stopped_wherever_a_component_has_it() {
    const FOREVER: &str = "(loop $forever (br $forever))";
    let (memory, result) = ("(i32.const 1024)", "(i32.const 0)");
    let start = format!("(func $start {FOREVER}) (start $start)");
    for (place, text) in [
        ("start", component(&start, memory, "", result)),
        ("realloc", component("", &format!("{FOREVER} {memory}"), "", result)),
        ("post-return", component("", memory, FOREVER, result)),
        ("run", component("", memory, "", &format!("{FOREVER} {result}"))),
    ] {
        let ran = run_text(&text, "--timeout 200ms --receipts", "1\n");
        assert_eq!(ran.each("status"), ["timeout"], "{place}: {}{}", ran.stdout, ran.stderr);
        assert_eq!(ran.records()[0]["receipt"]["layer"], "epoch", "{place}");
    }
}

#[test]
fn c36_a_guest_that_sleeps_for_ever_is_woken_by_its_deadline() {
    const HOUR: i64 = 3_600_000_000_000;
    // The clock, the time, and whether it is a point in time.
    for (clock, time, absolute) in [(1, HOUR, 0), (0, HOUR, 0), (1, -1, 0), (1, -1, 1), (0, -1, 1), (0, i64::MAX, 1)] {
        let mut script = Script::default();
        script.poll(&format!(
            "(i32.store (i32.const 2064) (i32.const {clock})) (i64.store (i32.const 2072) (i64.const {time})) \
             (i32.store16 (i32.const 2088) (i32.const {absolute}))"
        ));
        let ran = script.run("--timeout 200ms --receipts");
        assert_eq!(ran.each("status"), ["timeout"], "{clock} {time} {absolute}: {}{}", ran.stdout, ran.stderr);
        assert_eq!(ran.records()[0]["receipt"]["layer"], "timer", "{clock} {time} {absolute}");
    }
    // More subscriptions than there can be, and none.
    for count in ["0x7fffffff", "-1", "0"] {
        let mut script = Script::default();
        script.call("poll_oneoff", &format!("(i32.const 2048) (i32.const 3072) (i32.const {count}) (i32.const 264)"));
        let ran = script.run("--timeout 10s");
        assert!(!["timeout", "crash"].contains(&ran.each("status")[0].as_str().expect("a status")), "{}", ran.stdout);
    }
}

#[test]
fn c37_filling_256_mib_again_and_again_in_one_line_meets_the_deadline() {
    let grow = "(if (i32.lt_s (memory.grow (i32.const 4095)) (i32.const 0)) (then unreachable))";
    let fill = "(memory.fill (i32.const 0) (i32.const 85) (i32.const 0x10000000))".repeat(400);
    let ran = run_text(&raw("", &format!("{grow} {fill}")), "--lines --timeout 200ms", ROWS);
    assert_eq!(ran.each("status"), ["ok", "timeout", "ok"], "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn c38_a_guest_that_may_not_grow_sees_that_and_goes_on() {
    let denied = |grow: &str| format!("(if (i32.ge_s {grow} (i32.const 0)) (then unreachable))");
    for grow in [
        "(memory.grow (i32.const 0x7fffffff))",
        "(memory.grow (i32.const -1))",
        "(table.grow $t (ref.null func) (i32.const 0x10000000))",
        "(table.grow $t (ref.null func) (i32.const -1))",
    ] {
        assert_eq!(survived(&raw("", &denied(grow)), "--memory 16MiB")["output"], "!", "{grow}");
    }
}

#[test]
fn c39_c40_every_trap_has_its_code_and_the_worker_lives_on() {
    for (code, act) in [
        ("unreachable", "unreachable"),
        ("memory-out-of-bounds", "(drop (i32.load (i32.const -4)))"),
        ("memory-out-of-bounds", "(memory.fill (i32.const 65536) (i32.const 0) (i32.const 1))"),
        ("division-by-zero", "(drop (i32.div_u (i32.const 1) (i32.const 0)))"),
        ("division-by-zero", "(drop (i64.rem_s (i64.const 1) (i64.const 0)))"),
        ("integer-overflow", "(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))"),
        ("integer-overflow", "(drop (i32.trunc_f64_s (f64.const 1e300)))"),
        ("bad-conversion", "(drop (i32.trunc_f32_s (f32.const nan)))"),
        ("indirect-call-to-null", "(call_indirect (type $v) (i32.const 0))"),
        ("table-out-of-bounds", "(call_indirect (type $v) (i32.const 9))"),
        ("bad-signature", "(call_indirect (type $v) (i32.const 1))"),
        ("null-reference", "(call_ref $v (ref.null $v))"),
        ("misaligned-atomic", "(drop (i32.atomic.load (i32.const 1)))"),
        ("atomic-wait", "(drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1)))"),
        ("stack-overflow", "(call $dive)"),
    ] {
        let record = survived(&raw("(func $dive (call $dive))", act), "");
        assert_eq!((&record["status"], &record["error"]["code"]), (&json!("trap"), &json!(code)), "{act}: {record}");
    }
    // Calls in the place of a return take no stack.
    let record = survived(&raw("(func $again (return_call $again))", "(call $again)"), "--timeout 200ms");
    assert_eq!(record["status"], "timeout");
}

/// 200 MiB of output.
const FLOOD: usize = 200 << 20;

#[test]
fn c44_a_result_of_200_mib_is_over_the_limit_in_every_convention() {
    let grow = "(if (i32.lt_s (memory.grow (i32.const 4000)) (i32.const 0)) (then unreachable))";
    let lists = |variant: u32| {
        let store = format!(
            "{grow} (i32.store (i32.const 0) (i32.const {variant})) (i32.store offset=4 (i32.const 0) (i32.const 16)) \
             (i32.store offset=8 (i32.const 0) (i32.const {FLOOD})) (i32.const 0)"
        );
        component("", "(i32.const 1024)", "", &store)
    };
    for (what, text, row) in [
        ("raw", read(wat("big-result")), FLOOD.to_string()),
        ("a list", lists(0), "1".to_owned()),
        ("an error", lists(1), "1".to_owned()),
    ] {
        let ran = run_text(&text, "--receipts", &row);
        assert_eq!(ran.each("status"), ["output-limit"], "{what}: {}{}", ran.stdout, ran.stderr);
        assert_eq!(ran.records()[0]["receipt"]["layer"], "limiter", "{what}");
    }
}

#[test]
fn c45_results_that_break_the_rules_of_calls_are_abi_traps() {
    let at = |here: &str| format!("(i32.const {here})");
    let answer = |bytes: &str| component(&format!("(data (i32.const 0) \"{bytes}\")"), &at("1024"), "", &at("0"));
    let given = |realloc: &str, run: &str| component("", &at(realloc), "", &at(run));
    for (what, text) in [
        ("a result outside of memory", given("1024", "-4")),
        ("a result across a boundary", given("1024", "2")),
        ("a list outside of memory", answer("\\00\\00\\00\\00\\f0\\ff\\ff\\ff\\ff\\00\\00\\00")),
        ("a case that there is not", answer("\\07\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00")),
        (
            "a string that is no UTF-8",
            answer("\\01\\00\\00\\00\\10\\00\\00\\00\\02\\00\\00\\00\\00\\00\\00\\00\\ff\\fe"),
        ),
        ("memory for the row outside of memory", given("-16", "0")),
        ("memory for the row at its end", given("65535", "0")),
    ] {
        let ran = run_text(&text, "", "1234\n");
        let error = &ran.records()[0]["error"];
        assert_eq!((&ran.each("status")[0], &error["code"]), (&json!("trap"), &json!("abi")), "{what}: {}", ran.stdout);
    }
    let ran = run(&mut wpool_run(&wat("bad-pointer"), ""), "1");
    assert_eq!(ran.records()[0]["error"]["code"], "abi");
    // Pointers of a command are checked as well.
    for args in [
        "(i32.const 1) (i32.const -8) (i32.const 1) (i32.const 8)",
        "(i32.const 1) (i32.const 0) (i32.const -1) (i32.const 8)",
    ] {
        let mut script = Script::default();
        script.call("fd_write", args);
        assert!(["trap", "ok"].contains(&script.run("").each("status")[0].as_str().expect("a status")));
    }
}

#[test]
fn c46_nobody_gets_gigabytes_of_random_bytes() {
    for (length, pages) in [("-1", 1), ("0x7fff0000", 32_768), ("0x200000", 64)] {
        let mut script = Script::default();
        script.call("random_get", &format!("(i32.const 0) (i32.const {length})"));
        let ran = script.run_in(pages, "--memory 3GiB");
        assert_eq!((ran.code, ran.each("status")), (NOT_OK, vec![json!("trap")]), "{length}: {}", ran.stdout);
    }
    let mut script = Script::default();
    script.call("random_get", "(i32.const 0) (i32.const 0x100000)");
    assert_eq!(script.run_in(17, "").each("status"), ["ok"], "1 MiB is given");
}

#[test]
fn c47_handles_without_end_are_refused_and_the_worker_lives_on() {
    let resource = |fields: &str, arguments: &str, act: &str| {
        format!(
            r#"(component
              {fields}
              (core module $code
                (import "host" "make" (func $make {arguments}))
                (memory (export "memory") 1)
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
                (func (export "run") (param $ptr i32) (param $len i32) (result i32)
                  (if (i32.eq (i32.load8_u (local.get $ptr)) (i32.const 33))
                    (then (loop $more (drop (call $make {act})) (br $more))))
                  (i32.store offset=4 (i32.const 0) (local.get $ptr))
                  (i32.store offset=8 (i32.const 0) (local.get $len))
                  (i32.const 0)))
              (core instance $i (instantiate $code (with "host" (instance (export "make" (func $make))))))
              (func (export "run") (param "input" (list u8)) (result (result (list u8) (error string)))
                (canon lift
                  (core func $i "run")
                  (memory (core memory $i "memory"))
                  (realloc (core func $i "realloc")))))"#
        )
    };
    let own = "(type $r (resource (rep i32))) (core func $make (canon resource.new $r))";
    let of_wasi = r#"
        (import "wasi:io/poll@0.2.3" (instance $poll (export "pollable" (type (sub resource)))))
        (alias export $poll "pollable" (type $pollable))
        (import "wasi:clocks/monotonic-clock@0.2.3" (instance $clock
          (alias outer 1 $pollable (type $outer))
          (export "pollable" (type $p (eq $outer)))
          (export "subscribe-duration" (func (param "when" u64) (result (own $p))))))
        (core func $make (canon lower (func $clock "subscribe-duration")))"#;
    for text in [
        resource(own, "(param i32) (result i32)", "(i32.const 1)"),
        resource(of_wasi, "(param i64) (result i32)", "(i64.const 1)"),
    ] {
        let record = survived(&text, "");
        assert_eq!((&record["status"], &record["error"]["code"]), (&json!("trap"), &json!("abi")), "{record}");
    }
}

#[test]
fn c47_files_opened_without_end_and_numbers_moved_about_harm_nobody() {
    let folder = folder();
    let file = write(&folder, "f", "x");
    let dir = format!("--dir {}::/:rw --timeout 60s", folder.path().display());
    let mut script = Script::default();
    let args = script.open_args(3, "f", 0, 2);
    script.code(&format!(
        "(loop $more (br_if $more (i32.and \
           (i32.eqz (call $path_open {args})) \
           (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 100000)))))"
    ));
    script.call("fd_close", OPENED);
    assert_eq!(script.numbers(&dir), [0]);

    let mut script = Script::default();
    for (from, to) in [(1, 1), (3, 0), (99, 0), (2, i32::MAX), (2, -1), (-1, -1), (0, 3)] {
        script.call("fd_renumber", &format!("(i32.const {from}) (i32.const {to})"));
    }
    assert_eq!(script.numbers(&dir), [0, 0, 8, 8, 8, 8, 8], "to what is open, and from it");

    let mut script = Script::default();
    script.open(3, "f", 0, 64);
    for (time, flags) in [("-1", 5), ("0x7fffffffffffffff", 5), ("0", 5), ("0", 15)] {
        let times = format!("(i64.const {time}) (i64.const {time}) (i32.const {flags})");
        let path = script.text("f");
        script.call("fd_filestat_set_times", &format!("{OPENED} {times}"));
        script.call("path_filestat_set_times", &format!("(i32.const 3) (i32.const 1) {path} {times}"));
    }
    for size in ["-1", "0x7fffffffffffffff"] {
        script.call("fd_filestat_set_size", &format!("{OPENED} (i64.const {size})"));
    }
    script.call("sched_yield", "");
    let numbers = script.numbers(&dir);
    assert_eq!((numbers[0], numbers.len(), numbers[numbers.len() - 1]), (0, 12, 0));
    assert_eq!(fs::read(file).expect("it is there"), b"x");
}

#[test]
fn c50_no_path_leads_out_of_a_granted_directory() {
    let folder = folder();
    let granted = folder.path().join("granted");
    fs::create_dir_all(granted.join("sub")).expect("folders");
    write(&folder, "secret", "secret");
    for (link, target) in [("up", ".."), ("root", "/"), ("proc", "/proc/self"), ("loop", "loop"), ("slash", "../")] {
        symlink(target, granted.join(link)).expect("a link");
    }
    symlink("../secret", granted.join("file")).expect("a link");
    let mut script = Script::default();
    let paths = [
        "../secret",
        "/etc/passwd",
        "/proc/self/environ",
        "sub/../../secret",
        ".//..//secret",
        "..",
        "/",
        "up/secret",
        "up",
        "up/",
        "up//secret",
        "up/.",
        "up/../secret",
        "slash/secret",
        "slash/",
        "root/etc/passwd",
        "root/",
        "proc/environ",
        "proc/root/etc/passwd",
        "proc/cwd",
        "file",
        "file/",
        "loop",
        "loop/",
        "",
    ];
    for path in paths {
        script.open(3, path, 0, 2);
        script.open(3, path, 2, 0);
    }
    let numbers = script.numbers(&format!("--dir {}::/:rw", granted.display()));
    for (at, errors) in numbers.chunks(2).enumerate() {
        assert!(!errors.contains(&0), "{:?}: {errors:?}", paths[at]);
    }
    assert_eq!(numbers.len(), 2 * paths.len());
}

#[test]
fn c50_a_link_that_changes_while_it_is_followed_leads_nowhere_else() {
    let folder = folder();
    let granted = folder.path().join("granted");
    fs::create_dir_all(granted.join("x")).expect("folders");
    fs::create_dir(folder.path().join("outside")).expect("a folder");
    fs::write(granted.join("x/file"), "inside").expect("a file");
    fs::write(folder.path().join("outside/file"), "secret").expect("a file");
    symlink("../outside", granted.join("y")).expect("a link");
    let mut script = Script::default();
    let args = script.open_args(3, "x/file", 0, 2);
    // Counts what it can open, in memory at 700, and traps when it reads an "s".
    script.code("(i32.store (i32.const 16) (i32.const 512)) (i32.store (i32.const 20) (i32.const 1))");
    script.code(&format!(
        "(loop $more \
           (if (i32.eqz (call $path_open {args})) (then \
             (drop (call $fd_read {OPENED} (i32.const 16) (i32.const 1) (i32.const 264))) \
             (if (i32.eq (i32.load8_u (i32.const 512)) (i32.const 0x73)) (then unreachable)) \
             (i32.store (i32.const 700) (i32.add (i32.load (i32.const 700)) (i32.const 1))) \
             (drop (call $fd_close {OPENED})))) \
           (br_if $more (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 5000)))) \
         (call $say (i32.load (i32.const 700)))"
    ));
    let over = AtomicBool::new(false);
    let (x, y) = (granted.join("x"), granted.join("y"));
    let opened = thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                renameat_with(CWD, &x, CWD, &y, RenameFlags::EXCHANGE).expect("both are there");
            }
        });
        let numbers = script.numbers(&format!("--dir {}::/ --timeout 60s", granted.display()));
        over.store(true, Ordering::Relaxed);
        numbers
    });
    assert!((1..=5000).contains(&opened[0]), "{opened:?}");
}

/// Everything that could change a file that may only be read; among it what got past an engine's own checks in 2026:
/// emptying a file while opening it to be read (GHSA-2r75-cxrj-cmph), and a link or a move to a directory that may be
/// written (GHSA-4ch3-9j33-3pmj).
#[test]
fn c51_what_may_only_be_read_stays_as_it_is() {
    let folder = folder();
    let (ro, rw) = (folder.path().join("ro"), folder.path().join("rw"));
    for dir in [&ro, &rw] {
        fs::create_dir_all(dir.join("sub")).expect("folders");
        fs::write(dir.join("f"), "precious").expect("a file");
    }
    let mut script = Script::default();
    // Flags: 1 creates, 8 empties, 9 does both. Rights: 2 to read, 64 to write, 66 both.
    for (path, flags, rights) in [
        ("f", 8, 2),
        ("f", 8, 0),
        ("f", 9, 2),
        ("f", 0, 64),
        ("f", 0, 66),
        ("new", 1, 2),
        ("new", 9, 66),
        ("sub/new", 1, 0),
    ] {
        script.open(3, path, flags, rights);
    }
    for (from, to) in [(3, 4), (3, 3), (4, 3)] {
        let (old, new) = (script.text("f"), script.text("g"));
        script.call("path_link", &format!("(i32.const {from}) (i32.const 0) {old} (i32.const {to}) {new}"));
        script.call("path_rename", &format!("(i32.const {from}) {old} (i32.const {to}) {new}"));
        script.call("path_rename", &format!("(i32.const {from}) {old} (i32.const {to}) {old}"));
    }
    let (file, sub, new) = (script.text("f"), script.text("sub"), script.text("new"));
    script.call("path_unlink_file", &format!("(i32.const 3) {file}"));
    script.call("path_remove_directory", &format!("(i32.const 3) {sub}"));
    script.call("path_create_directory", &format!("(i32.const 3) {new}"));
    script.call("path_symlink", &format!("{file} (i32.const 3) {new}"));
    let now = "(i64.const 0) (i64.const 0) (i32.const 5)";
    script.call("path_filestat_set_times", &format!("(i32.const 3) (i32.const 1) {file} {now}"));
    let tries = 8 + 9 + 5;
    script.open(3, "f", 0, 2);
    script.call("fd_filestat_set_size", &format!("{OPENED} (i64.const 0)"));
    script.call("fd_filestat_set_times", &format!("{OPENED} {now}"));
    script.call("fd_write", &format!("{OPENED} (i32.const 0) (i32.const 1) (i32.const 264)"));
    let before = fs::metadata(ro.join("f")).expect("it is there").modified().expect("a time");
    // Where nothing may be written, the fence lacks the system calls for it: the guest still only gets its answer.
    for mode in ["", ":rw"] {
        let dirs = format!("--dir {}::/ro --dir {}::/rw{mode}", ro.display(), rw.display());
        let numbers = script.numbers(&format!("--sandbox strict {dirs}"));
        assert!(!numbers[..tries].contains(&0), "{numbers:?}");
        assert_eq!((numbers[tries], numbers.len()), (0, tries + 4), "it can be read: {numbers:?}");
        assert!(!numbers[tries + 1..].contains(&0), "{numbers:?}");
    }
    assert_eq!(read(ro.join("f")), "precious");
    assert_eq!(fs::metadata(ro.join("f")).expect("it is there").modified().expect("a time"), before);
    let names = |dir: &Path| fs::read_dir(dir).expect("a folder").count();
    assert_eq!((names(&ro), names(&ro.join("sub")), names(&rw)), (2, 0, 2));
}

#[test]
fn c41_a_command_that_ends_without_a_word_is_ok_with_an_empty_output() {
    let ran = Script::default().run("");
    assert_eq!((ran.code, ran.each("status"), ran.each("output")), (OK, vec![json!("ok")], vec![json!("")]));
}
