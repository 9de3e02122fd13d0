//! Programs that prepare themselves: once for all tasks, by a snapshot, or in each instance.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use wpool::limits::CompileLimits;
use wpool::{Init, Outcome, Pool, PoolConfig, Program, WorkerCommand};

use crate::support::{Ran, Watchdog, block_on, children_of, guest, root, run, spawn, until, wat, wpool, wpool_run};

/// A run whose snapshots are its own.
fn run_in(cache: &Path, task: &Path, args: &str, rows: &str) -> Ran {
    run(wpool_run(task, args).env("XDG_CACHE_HOME", cache), rows)
}

fn outputs(task: &Path, args: &str, rows: &str) -> Vec<Value> {
    let ran = run(&mut wpool_run(task, args), rows);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    ran.each("output")
}

/// Checks that a run is refused before any task, for these reasons.
fn refused(task: &Path, args: &str, code: i32, reasons: &[&str]) {
    let ran = run(&mut wpool_run(task, args), "1\n");
    assert_eq!(ran.code, code, "{args}: {}{}", ran.stdout, ran.stderr);
    assert_eq!(ran.stdout, "", "{args}");
    for reason in reasons {
        assert!(ran.stderr.contains(reason), "{args}: {reason:?} is not in {}", ran.stderr);
    }
}

#[test]
fn every_task_starts_from_what_one_init_left() {
    let cache = tempfile::tempdir().unwrap();
    let rows = "1\n".repeat(1000);
    let ran = run_in(cache.path(), &wat("init-component"), "-j 2 --init-arg {\"k\":5}", &rows);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let outputs = ran.each("output");
    // The first call in its instance, what one init has drawn, and its argument.
    assert_eq!(outputs[0][0], json!(1));
    assert_eq!(outputs[0][2], json!({"k": 5}));
    assert!(outputs.iter().all(|output| *output == outputs[0]));
    assert_eq!(outputs.len(), 1000);
}

#[test]
fn a_table_that_takes_its_time_is_built_once_for_a_thousand_tasks() {
    // A thousand inits would outlast the watchdog of this test.
    let ran = run(&mut wpool_run(&wat("init-raw"), "-j 2"), "1\n".repeat(1000));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let outputs: BTreeSet<_> = ran.each("output").iter().map(Value::to_string).collect();
    // One value for all: `_initialize` ran once, before `wpool_init`, and not again in any instance.
    assert_eq!(outputs.len(), 1, "{outputs:?}");
    assert!(outputs.first().unwrap().ends_with(",1,1,1]"), "{outputs:?}");
    assert_eq!(ran.records().len(), 1000);
    assert_eq!(
        BTreeSet::from_iter(self::outputs(&wat("init-raw"), "--init-each", "1\n2\n").iter().map(Value::to_string)),
        outputs
    );
}

#[test]
fn the_example_of_the_readme_reads_its_list_once() {
    let list = root().join("guest-tasks/words.txt");
    let letter = "The big dog sat on me.\nWe were with teh dog.\n";
    for each in ["", "--init-each"] {
        let args = format!("--lines --init-arg @{} {each}", list.display());
        assert_eq!(outputs(&guest("spelling"), &args, letter), [json!([]), json!(["teh"])]);
    }
    // Without a list, every word is unknown.
    assert_eq!(outputs(&guest("spelling"), "--lines", "a dog\n"), [json!(["a", "dog"])]);
    let ran = run(
        wpool_run(&guest("spelling"), "--lines --init-arg").arg(format!("@{}", guest("spelling").display())),
        "a\n",
    );
    assert_eq!(ran.code, 101, "{}", ran.stderr);
    assert!(ran.stderr.contains("the list of words is no text"), "{}", ran.stderr);
}

#[test]
fn a_snapshot_is_kept_by_program_argument_environment_and_memory_limit() {
    let cache = tempfile::tempdir().unwrap();
    let task = wat("init-component");
    let entries = || fs::read_dir(cache.path().join("wpool")).unwrap().count();
    let ran = |args: &str| run_in(cache.path(), &task, &format!("-v --init-arg 1 {args}"), "1\n");
    let first = ran("");
    assert!(first.stderr.contains("init took"), "{}", first.stderr);
    assert_eq!(entries(), 1);
    let again = ran("");
    assert!(!again.stderr.contains("init took"), "{}", again.stderr);
    assert_eq!(again.stdout, first.stdout);
    for (more, expected) in
        [("--env A=1", 2), ("--env A=2", 3), ("--env A=1", 3), ("--timeout 60s", 4), ("--memory 8MiB", 5)]
    {
        ran(more);
        assert_eq!(entries(), expected, "{more}");
    }
    let other = run_in(cache.path(), &task, "--init-arg 2", "1\n");
    assert_eq!(other.each("output")[0][2], json!(2));
    assert_eq!(entries(), 6);
    let uncached = ran("--no-cache");
    assert!(uncached.stderr.contains("init took"), "{}", uncached.stderr);
}

#[test]
fn an_init_for_each_instance_runs_before_each_task() {
    let rows = "1\n".repeat(50);
    let outputs = outputs(&wat("init-component"), "--init-each --init-arg 7", &rows);
    let drawn: BTreeSet<_> = outputs.iter().map(|output| output[1].to_string()).collect();
    assert!(drawn.len() > 1, "{drawn:?}");
    assert!(outputs.iter().all(|output| output[0] == 1 && output[2] == 7), "{outputs:?}");
}

#[test]
fn constructors_do_not_undo_what_init_has_made() {
    for args in ["", "--init-each"] {
        let found = outputs(&wat("init-command"), &format!("--init-arg \"kept\" {args}"), "1\n2\n");
        assert_eq!(found, ["built 1 times: \"kept\"", "built 1 times: \"kept\""], "{args}");
    }
}

#[test]
fn what_init_prints_is_no_output_of_a_task() {
    let cache = tempfile::tempdir().unwrap();
    let ran = run_in(cache.path(), &wat("init-command"), "-v --init-arg 1 --receipts", "1\n");
    assert!(ran.stderr.contains("init: preparing"), "{}", ran.stderr);
    assert!(!ran.stdout.contains("preparing"), "{}", ran.stdout);
    let ran = run_in(cache.path(), &wat("init-refuse"), "-v", "1\n");
    assert_eq!(ran.each("output"), [1], "{}", ran.stderr);
    assert!(ran.stderr.contains("init: reading"), "{}", ran.stderr);
}

#[test]
fn an_init_that_fails_refuses_the_run_with_its_words() {
    refused(
        &wat("init-refuse"),
        "--init-arg \"nothing\"",
        101,
        &["its `init` failed: \"nothing\"", "it printed: reading"],
    );
    refused(&wat("init-trap"), "", 101, &["its `init` ended in a trap: ", "unreachable", "in wpool_init"]);
    refused(&wat("init-spin"), "--init-timeout 200ms", 101, &["ran longer than 200ms", "--init-timeout"]);
    let ran = run(&mut wpool_run(&wat("init-refuse"), "--init-each --init-arg 5"), "1\n2\n");
    assert_eq!(ran.code, 100);
    assert_eq!(ran.each("status"), ["failed", "failed"]);
    let error = &ran.records()[0]["error"];
    assert_eq!([&error["code"], &error["message"], &error["stderr"]], ["init", "5", "reading\n"]);
    let ran = run(&mut wpool_run(&wat("init-spin"), "--init-each --timeout 100ms"), "1\n");
    assert_eq!(ran.each("status"), ["timeout"]);
}

#[test]
fn an_init_whose_process_dies_refuses_the_run() {
    let cache = tempfile::tempdir().unwrap();
    let mut command = wpool_run(&wat("init-spin"), "");
    let child = spawn(command.env("XDG_CACHE_HOME", cache.path()));
    let _guard = Watchdog::over(&child);
    let initializer = || {
        let is_it =
            |pid: &u32| fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| contains(&line, b"initializer"));
        children_of(child.id()).into_iter().find(is_it)
    };
    let pid = loop {
        match initializer() {
            Some(pid) => break pid,
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    kill_process(Pid::from_raw(pid as i32).unwrap(), Signal::KILL).unwrap();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(101), "{stderr}");
    assert!(stderr.contains("its `init` ended its process"), "{stderr}");
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

#[test]
fn what_no_snapshot_can_hold_is_refused_and_works_for_each_instance() {
    refused(&wat("init-table"), "", 101, &["table.grow", "--init-each"]);
    assert_eq!(outputs(&wat("init-table"), "--init-each", "1\n2\n"), [7, 7]);
    refused(&wat("init-open"), "", 101, &["open", "--init-each"]);
    assert_eq!(outputs(&wat("init-open"), "--init-each", "1\n2\n"), [1, 2]);
}

#[test]
fn init_has_no_directories() {
    let granted = format!("--dir {}", root().join("wit").display());
    for args in ["", "--init-each"] {
        assert_eq!(outputs(&wat("init-files"), &format!("{granted} {args}"), "1\n"), [json!([0, 1])], "{args}");
    }
}

#[test]
fn init_may_stand_in_the_interface_or_beside_a_function() {
    assert_eq!(outputs(&wat("init-interface"), "--init-arg 8", "1\n"), [8]);
    assert_eq!(outputs(&wat("init-function"), "--init-arg [1,2]", "[100]\n"), [105]);
    assert_eq!(outputs(&wat("init-function"), "", "[100]\n"), [100]);
    // Called by name it is a function like any other, and is not called before.
    assert_eq!(outputs(&wat("init-function"), "--call init", "[[1]]\n"), [Value::Null]);
}

#[test]
fn an_init_that_is_called_by_name_finds_no_snapshot() {
    let cache = tempfile::tempdir().unwrap();
    for (args, row, expected) in
        [("init", "[[1]]", Value::Null), ("add", "[1]", json!(2)), ("init", "[[1]]", Value::Null)]
    {
        let ran = run_in(cache.path(), &wat("init-once"), &format!("--call {args}"), row);
        assert_eq!(ran.each("output"), [expected], "{args}: {}{}", ran.stdout, ran.stderr);
    }
}

#[test]
fn what_init_found_of_its_memory_limit_is_kept_for_that_limit_alone() {
    let cache = tempfile::tempdir().unwrap();
    for (args, expected) in [("--memory 8MiB", "no"), ("--memory 512MiB", "yes"), ("--memory 8MiB", "no")] {
        let ran = run_in(cache.path(), &wat("init-grow"), &format!("--lines {args}"), "1\n");
        assert_eq!(ran.each("output"), [expected], "{args}: {}", ran.stderr);
    }
}

#[test]
fn an_argument_is_json_or_the_bytes_of_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("argument");
    fs::write(&file, "no JSON").unwrap();
    let found = outputs(&wat("init-command"), &format!("--init-arg @{}", file.display()), "1\n");
    assert_eq!(found, ["built 1 times: no JSON"]);
    refused(&wat("init-command"), "--init-arg {", 2, &["--init-arg {: not JSON"]);
    refused(&wat("init-command"), "--init-arg @/nowhere", 96, &["/nowhere"]);
    refused(&wat("init-command"), "--init-arg @/dev/zero", 96, &["/dev/zero is over 64 MiB"]);
}

#[test]
fn settings_of_an_init_that_is_not_there_are_refused() {
    for args in ["--init-arg 1", "--init-each", "--init-timeout 5s"] {
        refused(&wat("echo"), args, 2, &["has no `init`", "wpool_init"]);
        refused(&wat("component-echo"), args, 2, &["has no `init`"]);
    }
    refused(&wat("init-raw"), "--init-arg 1", 2, &["cannot be given an argument"]);
}

#[test]
fn a_command_whose_constructors_cannot_be_seen_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let stripped = dir.path().join("stripped.wat");
    fs::write(
        &stripped,
        r#"(module (memory (export "memory") 1) (func (export "wpool_init")) (func (export "_start")))"#,
    )
    .unwrap();
    refused(&stripped, "", 101, &["no names of functions", "__wasm_call_ctors"]);
}

#[test]
fn inspect_shows_that_there_is_an_init_and_does_not_run_it() {
    for (guest, path) in [("init-spin", "wpool_init"), ("init-component", "init")] {
        let ran = run(wpool().arg("inspect").arg(wat(guest)), "");
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert!(ran.stdout.contains(&format!("init        {path}, ")), "{}", ran.stdout);
    }
    let ran = run(wpool().arg("inspect").arg("--json").arg(wat("init-interface")), "");
    assert_eq!(ran.records()[0]["init"], json!(["wpool:task/task@0.1.0", "init"]));
}

#[test]
fn a_library_user_prepares_a_program() {
    let program = Program::read(wat("init-component")).unwrap();
    let init = Init { argument: "[true]".into(), ..Init::default() };
    block_on(async {
        let worker = WorkerCommand::at(env!("CARGO_BIN_EXE_wpool"));
        let pool = Pool::builder(program).worker(worker).init(init).build().await.unwrap();
        let mut results = pool.map(["1", "2"]);
        let mut found = Vec::new();
        while let Some(result) = results.next().await.unwrap() {
            let Outcome::Ok(output) = result.outcome else { panic!("{result:?}") };
            found.push(output);
        }
        assert_eq!(found.len(), 2);
        assert_eq!(found[0], found[1]);
        assert!(found[0].ends_with(b",[true]]"), "{found:?}");
    });
}

#[test]
fn limits_of_time_may_be_as_long_as_can_be_said() {
    let longest = PoolConfig {
        worker: Some(WorkerCommand::at(env!("CARGO_BIN_EXE_wpool"))),
        init: Some(Init { timeout: Duration::MAX, ..Init::default() }),
        compile_limits: CompileLimits { time: Duration::MAX, ..CompileLimits::default() },
        grace: Duration::MAX,
        ..PoolConfig::default()
    };
    let program = Program::read(wat("init-raw")).unwrap();
    block_on(async { Pool::builder(program).config(longest).build().await.map(drop) }).unwrap();
}

#[test]
fn a_build_that_is_given_up_ends_the_initializer() {
    // A name of its own tells its processes from those of other tests.
    let dir = tempfile::tempdir().unwrap();
    let worker = dir.path().join("worker");
    symlink(env!("CARGO_BIN_EXE_wpool"), &worker).unwrap();
    let initializers = || {
        let is_it = |pid: &u32| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            contains(&line, b"initializer") && line.starts_with(worker.as_os_str().as_bytes())
        };
        children_of(std::process::id()).into_iter().filter(is_it).count()
    };
    let program = Program::read(wat("init-spin")).unwrap();
    block_on(async {
        let mut build = Box::pin(Pool::builder(program).worker(WorkerCommand::at(&worker)).build());
        tokio::select! {
            built = &mut build => panic!("{built:?}"),
            () = until("an initializer runs", || initializers() == 1) => {}
        }
        drop(build);
        until("it has ended", || initializers() == 0).await;
    });
}

/// Builds a pool whose initializer begins with a script in the shell.
fn with_initializer(script: &str) -> Result<(), wpool::Error> {
    let wpool = env!("CARGO_BIN_EXE_wpool");
    let script = format!("case \"$*\" in *initializer*) {script} ;; esac\nexec '{wpool}' \"$@\"");
    let worker = WorkerCommand { args: ["-c", &script, "sh"].map(Into::into).into(), ..WorkerCommand::at("/bin/sh") };
    let program = Program::read(wat("init-component")).unwrap();
    block_on(async { Pool::builder(program).worker(worker).build().await.map(drop) })
}

#[test]
fn an_initializer_that_sends_frames_without_end_is_refused() {
    // A report of no bytes: magic, kind, and zeros.
    let zeros = r"\000".repeat(29);
    let frames = format!(r"while printf 'WP\007{zeros}'; do :; done");
    let error = with_initializer(&frames).unwrap_err().to_string();
    assert!(error.contains("more frames than it has to say"), "{error}");
    // Answers, or a program, may be as long as a state, and are nothing that it has to say.
    for kind in [r"\006", r"\002"] {
        let error = with_initializer(&format!("printf 'WP{kind}{zeros}'")).unwrap_err().to_string();
        assert!(error.contains("frame, which has no place here"), "{error}");
    }
    with_initializer(":").unwrap();
}

/// A command in Rust with a constructor, a table on the heap, and a hash map with random keys.
const RUST: &str = r#"
use std::collections::HashMap;
use std::io::Read;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

static BUILT: AtomicU32 = AtomicU32::new(0);
static TABLE: Mutex<Option<HashMap<String, usize>>> = Mutex::new(None);

#[used]
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: extern "C" fn() = construct;

extern "C" fn construct() {
    BUILT.fetch_add(1, Ordering::Relaxed);
    *TABLE.lock().unwrap() = Some(HashMap::new());
}

#[unsafe(no_mangle)]
pub extern "C" fn wpool_init() {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).unwrap();
    println!("preparing {}", std::env::var("NAME").unwrap());
    let mut table = TABLE.lock().unwrap();
    let words = text.split_whitespace().enumerate().map(|(at, word)| (word.to_owned(), at));
    table.as_mut().unwrap().extend(words);
}

fn main() {
    let mut row = String::new();
    std::io::stdin().read_to_string(&mut row).unwrap();
    let table = TABLE.lock().unwrap();
    println!("[{},{:?}]", BUILT.load(Ordering::Relaxed), table.as_ref().unwrap().get(row.trim()).copied().unwrap_or(99));
}
"#;

#[test]
#[allow(clippy::print_stderr, reason = "whoever reads the log should know what was not tested")]
fn a_command_in_rust_is_prepared() {
    let dir = tempfile::tempdir().unwrap();
    let (source, task) = (dir.path().join("task.rs"), dir.path().join("task.wasm"));
    fs::write(&source, RUST).unwrap();
    let mut rustc = Command::new("rustc");
    rustc.args(["--target", "wasm32-wasip1", "--edition", "2024", "-O", "-C", "link-arg=--export=wpool_init", "-o"]);
    if !rustc.arg(&task).arg(&source).output().is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no rustc for wasm32-wasip1");
        return;
    }
    let words = dir.path().join("words");
    fs::write(&words, "zero one two three").unwrap();
    let args = format!("--lines --env NAME=x --init-arg @{}", words.display());
    for each in ["", "--init-each"] {
        let found = outputs(&task, &format!("{args} {each}"), "one\nthree\nfour\n");
        assert_eq!(found, [json!([1, 1]), json!([1, 3]), json!([1, 99])], "{each}");
    }
}
