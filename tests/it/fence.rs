//! The fence around workers and compilers: what a guest that has broken out still cannot do, on which machines it
//! stands, and that no honest run is held up by it.
//!
//! `tests/workers/intruder.rs` is such a guest, and `tests/workers/without.rs` a machine that lacks layers.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};

use serde_json::{Value, json};
use tempfile::TempDir;
use wpool::{
    DirGrant, Event, Failure, Grants, Layer, LayerState, Limits, Outcome, Pool, PoolConfig, Program, SandboxLayer,
    SandboxMode, Status, TaskResult, WorkerCommand,
};

use crate::support::*;

/// A user that owns nothing here.
const NOBODY: u32 = 65534;

const ALL_OK: i32 = 0;
const SET_UP_FAILED: i32 = 96;
const TASKS_FAILED: i32 = 100;

/// A worker whose guest does what its row says, or echoes it.
pub fn intruder(events: &Events) -> PoolConfig {
    let program = example("intruder");
    assert!(program.exists(), "`cargo test` or `cargo build --release --examples` builds {}", program.display());
    PoolConfig {
        workers: 2,
        worker: Some(WorkerCommand::at(program)),
        sandbox: SandboxMode::Strict,
        limits: Limits { memory: 16 << 20, output: 1 << 20, ..Limits::default() },
        observer: events.observer(),
        ..PoolConfig::default()
    }
}

pub fn with_dirs(config: PoolConfig, dirs: &[(&Path, bool)]) -> PoolConfig {
    let grant = |&(host, writable): &(&Path, bool)| DirGrant { host: host.into(), guest: "/d".into(), writable };
    PoolConfig { grants: Grants { dirs: dirs.iter().map(grant).collect(), ..Grants::default() }, ..config }
}

/// What becomes of rows, in order.
pub fn outcomes(config: PoolConfig, rows: &[String]) -> Vec<TaskResult> {
    outcomes_of(&wat("echo"), config, rows)
}

/// What becomes of a guest's rows, in order.
pub fn outcomes_of(guest: &Path, config: PoolConfig, rows: &[String]) -> Vec<TaskResult> {
    block_on(async {
        let program = Program::read(guest).expect("the guest is there");
        let pool = Pool::builder(program).config(config).build().await.expect("the pool starts");
        let mut results = pool.map(rows.to_vec());
        let mut all = Vec::new();
        while let Some(result) = results.next().await.expect("the pool goes on") {
            all.push(result);
        }
        all
    })
}

pub fn failure(result: &TaskResult) -> &Failure {
    match &result.outcome {
        Outcome::NotOk(failure) => failure,
        Outcome::Ok(output) => panic!("{:?} was done: {output:?}", result.input.bytes),
    }
}

pub fn output(result: &TaskResult) -> String {
    let bytes = result.outcome.output().unwrap_or_else(|| panic!("{:?}: {:?}", result.input.bytes, result.outcome));
    String::from_utf8_lossy(bytes).into_owned()
}

/// Each order between two honest rows, so that others run beside it.
pub fn between_honest_rows(orders: &[String]) -> Vec<String> {
    let triple = |order: &String| ["honest".to_owned(), order.clone(), "honest too".to_owned()];
    orders.iter().flat_map(triple).collect()
}

/// A process of this user's that waits to be killed.
struct Victim(Child);

impl Victim {
    fn new() -> Victim {
        Victim(Command::new("sleep").arg("600").spawn().expect("sleep is there"))
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What no worker may do, whatever it was granted.
const NEVER: [&str; 31] = [
    "socket",
    "unix-socket",
    "exec",
    "fork",
    "spawn",
    "thread",
    "clone-thread",
    "clone3",
    "ptrace",
    "peek",
    "affinity",
    "time-of 1",
    "map-executable",
    "map-shared",
    "map-huge",
    "make-executable",
    "ioctl",
    "lock",
    "memfd",
    "unshare",
    "undump",
    "rename",
    "limit",
    "filter",
    "ring",
    "userfault",
    "segment",
    "key",
    "mount",
    "chmod",
    "device",
];

#[test]
fn c63_each_forbidden_act_ends_its_worker_and_no_other_task() {
    let mut victim = Victim::new();
    let pid = victim.0.id();
    let files = ["read /etc/passwd", "write /tmp/x", "own"].map(str::to_owned);
    let kills = [format!("kill {pid}"), format!("tgkill {pid}")];
    let orders: Vec<_> = NEVER.map(str::to_owned).into_iter().chain(files).chain(kills).collect();
    let rows = between_honest_rows(&orders);
    let events = Events::default();
    let results = outcomes(intruder(&events), &rows);
    for (order, results) in orders.iter().zip(results.chunks(3)) {
        assert_eq!((output(&results[0]), output(&results[2])), ("honest".into(), "honest too".into()), "{order}");
        let failure = failure(&results[1]);
        let told = (failure.status, &*failure.error.code, failure.error.signal.as_deref(), results[1].receipt.layer);
        assert_eq!(told, (Status::Crash, "sandbox-violation", Some("SIGSYS"), Layer::Sandbox), "{order}");
        assert_eq!(results[1].receipt.attempts, 1, "{order}: nobody gets a second try");
    }
    assert!(victim.0.try_wait().unwrap().is_none(), "it lives");
    let loud = |event: &Event| matches!(event, Event::Warning(text) if text.starts_with("SANDBOX VIOLATION: "));
    assert_eq!(events.all().iter().filter(|event| loud(event)).count(), 1, "it is told once");
    assert_eq!(events.deaths().len(), orders.len());
}

#[test]
fn what_was_granted_is_there_and_nothing_else() {
    let [read, write, other] = [(); 3].map(|()| tempfile::tempdir().expect("a folder"));
    for dir in [&read, &write, &other] {
        fs::write(dir.path().join("file"), "text").unwrap();
        std::os::unix::fs::symlink(other.path(), dir.path().join("link")).unwrap();
    }
    let at = |dir: &TempDir, name: &str| dir.path().join(name).display().to_string();
    let name = other.path().file_name().expect("it has one").display().to_string();
    let (denied, done) = (format!("error {}", libc::EACCES), "done".to_owned());
    let cases = [
        (format!("read {}", at(&read, "file")), &done),
        (format!("write {}", at(&read, "file")), &denied),
        (format!("cut {}", at(&read, "file")), &denied),
        (format!("make {}", at(&read, "new")), &denied),
        (format!("read {}", at(&read, "link/file")), &denied),
        (format!("read {}", at(&read, &format!("../{name}/file"))), &denied),
        (format!("write {}", at(&write, "file")), &done),
        (format!("make {}", at(&write, "new")), &done),
        (format!("make {}", at(&write, "link/new")), &denied),
        (format!("read {}", at(&other, "file")), &denied),
        ("read /etc/passwd".to_owned(), &denied),
        ("read /proc/self/environ".to_owned(), &denied),
    ];
    let rows: Vec<_> = cases.iter().map(|(row, _)| row.clone()).collect();
    let events = Events::default();
    let config = with_dirs(intruder(&events), &[(read.path(), false), (write.path(), true)]);
    for ((row, expected), result) in cases.iter().zip(outcomes(config, &rows)) {
        assert_eq!(output(&result), **expected, "{row}");
    }
    assert_eq!(fs::read_to_string(read.path().join("file")).unwrap(), "text");
    assert!(!other.path().join("new").exists() && write.path().join("new").exists());
}

#[test]
fn directories_that_are_only_read_give_no_call_that_changes_a_file_or_its_times() {
    let [granted, other] = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
    let file = other.path().join("file");
    fs::write(&file, "text").unwrap();
    let written = || fs::metadata(&file).and_then(|file| file.modified()).expect("it is there");
    let before = written();
    let orders = ["utime", "remove", "make-dir"].map(|order| format!("{order} {}", file.display()));
    let events = Events::default();
    let results = outcomes(with_dirs(intruder(&events), &[(granted.path(), false)]), &between_honest_rows(&orders));
    for (order, results) in orders.iter().zip(results.chunks(3)) {
        assert_eq!(failure(&results[1]).error.code, "sandbox-violation", "{order}");
    }
    assert_eq!(written(), before);
}

#[test]
fn directories_give_files_and_nothing_else() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut victim = Victim::new();
    let kill = format!("kill {}", victim.0.id());
    let orders: Vec<_> = NEVER.map(str::to_owned).into_iter().chain(["own".into(), kill]).collect();
    let events = Events::default();
    let results = outcomes(with_dirs(intruder(&events), &[(dir.path(), true)]), &between_honest_rows(&orders));
    for (order, results) in orders.iter().zip(results.chunks(3)) {
        assert_eq!(failure(&results[1]).error.code, "sandbox-violation", "{order}");
    }
    assert!(victim.0.try_wait().unwrap().is_none(), "it lives");
}

#[test]
fn c62_a_worker_that_is_given_no_more_memory_says_so_if_it_can() {
    let rows = ["a", "eat", "b", "abort", "c", "panic", "d"].map(str::to_owned);
    let events = Events::default();
    let results = outcomes(PoolConfig { crash_limit: 1, ..intruder(&events) }, &rows);
    let told = |at: usize| (failure(&results[at]).status, failure(&results[at]).error.code.as_str());
    assert_eq!(told(1), (Status::OutOfMemory, "worker-out-of-memory"));
    assert_eq!(told(3), (Status::Crash, "signal"), "to abort is no violation");
    assert_eq!(failure(&results[3]).error.signal.as_deref(), Some("SIGABRT"));
    assert_eq!(told(5), (Status::Crash, "worker-panic"));
    assert!([0, 2, 4, 6].iter().all(|at| results[*at].outcome.status() == Status::Ok));
}

/// A line of `/proc/PID/status`, by its name.
pub fn status(pid: u32, name: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name}")).trim().to_owned()
}

#[test]
fn a_worker_at_work_has_given_everything_up() {
    let mut live = Live::start(&mut wpool_run(&wat("echo"), "--sandbox strict -j 1"));
    live.say("1\n");
    assert!(live.line().contains("\"ok\""));
    let children = children_of(live.pid());
    let [worker] = children.as_slice() else { panic!("{children:?}") };
    for thread in fs::read_dir(format!("/proc/{worker}/task")).unwrap() {
        let thread = thread.unwrap().file_name().to_str().unwrap().parse().unwrap();
        for (name, expected) in [("NoNewPrivs", "1"), ("Seccomp", "2"), ("CapEff", "0000000000000000")] {
            assert_eq!(status(thread, name), expected, "{name} of {thread}");
        }
        assert_eq!(status(thread, "CapPrm"), "0000000000000000");
    }
    assert_eq!(status(*worker, "Threads"), "2", "its own and the clock's");
    let of = |name: &str| format!("/proc/{worker}/{name}");
    assert_eq!(fs::read_to_string(of("oom_score_adj")).unwrap().trim(), "1000");
    let limits = fs::read_to_string(of("limits")).unwrap();
    let limit = |name: &str| {
        let line = limits.lines().find(|line| line.starts_with(name)).expect("a limit");
        line[name.len()..].split_whitespace().next().unwrap().to_owned()
    };
    assert_eq!(limit("Max core file size"), "0");
    assert_eq!(limit("Max open files"), "32");
    assert!(limit("Max data size").parse::<u64>().is_ok_and(|bytes| bytes > 512 << 20), "{limits}");
    if is_root() {
        assert_eq!(fs::read(of("environ")).unwrap(), b"");
        // The pipes, the image and the list of pages.
        assert!(fs::read_dir(of("fd")).unwrap().count() <= 9);
        for name in ["net", "ipc", "uts", "user"] {
            let [own, ours] = [of(&format!("ns/{name}")), format!("/proc/self/ns/{name}")].map(fs::read_link);
            assert_ne!(own.unwrap(), ours.unwrap(), "{name}");
        }
    }
    assert_eq!(live.end().code, ALL_OK);
}

/// Runs that together make every system call that a worker needs.
const HONEST: [(&str, &str, &str, i32); 20] = [
    ("wat/echo.wat", "", "1\n", ALL_OK),
    ("wat/cat.wat", "--timeout 9s", "1\n", ALL_OK),
    ("wat/component-echo.wat", "", "1\n", ALL_OK),
    ("typed.wasm", "--call echo.text", "\"a\"\n", ALL_OK),
    ("wat/counter.wat", "--isolation reuse", "1\n2\n", ALL_OK),
    ("tally.wasm", "--lines --isolation reuse=checked", "a\na\n", ALL_OK),
    ("shared-state.wasm", "--state --call shared.square", "4\n", ALL_OK),
    ("wat/init-raw.wat", "", "1\n", ALL_OK),
    ("wat/init-component.wat", "--init-each", "1\n", ALL_OK),
    ("wat/read-file.wat", "--dir DIR::/data", "1\n", ALL_OK),
    ("wat/write-file.wat", "--dir DIR::/data:rw", "1\n", ALL_OK),
    ("wat/sockets.wat", "", "1\n", ALL_OK),
    ("wat/big-result.wat", "--receipts", "1\n", ALL_OK),
    ("wat/trap.wat", "", "1\n", TASKS_FAILED),
    ("wat/recurse.wat", "", "1\n", TASKS_FAILED),
    ("wat/grow-abort.wat", "--memory 64MiB", "1\n", TASKS_FAILED),
    ("wat/spin.wat", "--timeout 100ms", "1\n", TASKS_FAILED),
    ("wat/sleep.wat", "--timeout 9s", "1\n", ALL_OK),
    ("wat/flood-stdout.wat", "--max-output 1MiB", "1\n", TASKS_FAILED),
    ("wat/stderr-fail.wat", "", "1\n", TASKS_FAILED),
];

#[test]
fn no_honest_run_needs_a_system_call_that_is_not_listed() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("data.txt"), "text").unwrap();
    for (guest, args, rows, code) in HONEST {
        let args = args.replace("DIR", &dir.path().display().to_string());
        let guest = root().join("guest-tasks").join(guest);
        let ran = run(&mut wpool_run(&guest, &format!("--sandbox strict {args}")), rows);
        assert!(!ran.stdout.contains("crash"), "{} {args}: {}", guest.display(), ran.stdout);
        assert_eq!(ran.code, code, "{} {args}: {}{}", guest.display(), ran.stderr, ran.stdout);
    }
}

/// `wpool` as a program that may be run by anybody, with a folder of its own.
fn for_everybody() -> (TempDir, Command) {
    let dir = tempfile::tempdir().expect("a folder");
    let everybody = || fs::Permissions::from_mode(0o777);
    fs::set_permissions(dir.path(), everybody()).unwrap();
    let wpool = dir.path().join("wpool");
    // Copied by a process of its own: one that another test starts meanwhile could have the copy open for writing, and no
    // program that somebody writes to can be started.
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_wpool")).arg(&wpool).status().expect("cp starts");
    assert!(copied.success());
    fs::copy(wat("write-file"), dir.path().join("write-file.wat")).unwrap();
    fs::create_dir(dir.path().join("data")).unwrap();
    fs::set_permissions(dir.path().join("data"), everybody()).unwrap();
    let mut command = Command::new(wpool);
    command.current_dir(dir.path()).env("XDG_CACHE_HOME", dir.path().join("cache")).env_remove("CI");
    (dir, command)
}

pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn c86_the_fence_stands_for_root_and_for_anybody_else() {
    for user in [0, NOBODY] {
        if user != rustix::process::geteuid().as_raw() && !is_root() {
            continue;
        }
        let (dir, mut command) = for_everybody();
        command.args(["run", "--sandbox", "strict", "--dir", "data::/data:rw", "write-file.wat"]);
        let ran = run(command.uid(user).gid(user), "7\n");
        assert_eq!((ran.code, ran.each("status")), (ALL_OK, vec![json!("ok")]), "{user}: {}", ran.stderr);
        assert_eq!(fs::read_dir(dir.path().join("data")).unwrap().count(), 1, "{user}");
    }
}

#[test]
fn c86_root_may_use_a_granted_directory_of_somebody_else() {
    if !is_root() {
        return;
    }
    let (dir, mut command) = for_everybody();
    let data = dir.path().join("data");
    fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).unwrap();
    std::os::unix::fs::chown(&data, Some(NOBODY), Some(NOBODY)).unwrap();
    let ran = run(command.args(["run", "--sandbox", "strict", "--dir", "data::/data:rw", "write-file.wat"]), "7\n");
    assert_eq!(ran.code, ALL_OK, "{}{}", ran.stderr, ran.stdout);
}

/// A run on a machine that lacks layers.
fn without(layers: &str, args: &str) -> Ran {
    run_without(layers, &wat("echo"), args)
}

/// A run of a guest on a machine that lacks layers.
pub fn run_without(layers: &str, guest: &Path, args: &str) -> Ran {
    let mut command = Command::new(example("without"));
    command.arg(layers).arg(env!("CARGO_BIN_EXE_wpool")).args(["run"]).arg(guest).args(args.split_whitespace());
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache");
    run(command.env("XDG_CACHE_HOME", cache).env_remove("CI"), "1\n2\n")
}

#[test]
fn c85_what_a_machine_lacks_is_told_once_and_refused_under_strict() {
    for layers in ["landlock", "namespaces", "seccomp", "landlock,namespaces,seccomp"] {
        let ran = without(layers, "--sandbox auto -j 2 --chunksize 1 --max-tasks-per-worker 1");
        assert_eq!(
            (ran.code, ran.each("status")),
            (ALL_OK, vec![json!("ok"), json!("ok")]),
            "{layers}: {}",
            ran.stderr
        );
        let warnings: Vec<_> = ran.stderr.lines().filter(|line| line.contains("warning: ")).collect();
        assert_eq!(warnings.len(), 1, "{layers}: {}", ran.stderr);
        assert!(layers.split(',').all(|layer| warnings[0].contains(layer)), "{layers}: {}", ran.stderr);
        // From the cache, and compiled anew.
        for more in ["", "--no-cache"] {
            let ran = without(layers, &format!("--sandbox strict {more}"));
            assert_eq!(ran.code, SET_UP_FAILED, "{layers}: {}", ran.stderr);
            assert!(layers.split(',').all(|layer| ran.stderr.contains(layer)), "{layers}: {}", ran.stderr);
            assert!(ran.stderr.contains("--sandbox auto"), "{}", ran.stderr);
        }
        let ran = without(layers, "--sandbox off");
        assert_eq!((ran.code, ran.stderr.contains("warning")), (ALL_OK, false), "{layers}: {}", ran.stderr);
    }
}

#[test]
fn c85_doctor_tries_every_layer() {
    let layers = |command: &mut Command| -> Value {
        let ran = run(command.env_remove("CI"), "");
        assert_eq!(ran.code, ALL_OK, "{}", ran.stderr);
        ran.records()[0]["sandbox"].clone()
    };
    let all = SandboxLayer::ALL.map(|layer| json!({ "layer": layer.as_str(), "state": "on" }));
    assert_eq!(layers(wpool().args(["doctor", "--json"])), json!(all));
    let mut lame = Command::new(example("without"));
    let found = layers(lame.args(["landlock", env!("CARGO_BIN_EXE_wpool"), "doctor", "--json"]));
    let states: Vec<_> = found.as_array().unwrap().iter().map(|layer| layer["state"].clone()).collect();
    assert_eq!(states, ["on", "on", "on", "missing", "on"]);
    assert!(found[3]["why"].as_str().is_some_and(|why| why.contains("not implemented")), "{found}");
    let mut denied = Command::new(example("without"));
    let found = layers(denied.args(["landlock-denied", env!("CARGO_BIN_EXE_wpool"), "doctor", "--json"]));
    assert!(found[3]["why"].as_str().is_some_and(|why| why.contains("not permitted")), "{found}");
    let ran = run(wpool().arg("doctor"), "");
    assert!(ran.stdout.contains("sandbox\n  limits          on\n"), "{}", ran.stdout);
}

#[test]
fn a_pool_knows_what_stands() {
    let events = Events::default();
    let mut config = intruder(&events);
    for (mode, expected) in [(SandboxMode::Strict, LayerState::On), (SandboxMode::Off, LayerState::Off)] {
        config.sandbox = mode;
        let states = block_on(async {
            let program = Program::read(wat("echo")).expect("the guest is there");
            let pool = Pool::builder(program).config(config.clone()).build().await.expect("the pool starts");
            assert_eq!(pool.fence(), None);
            pool.submit("1").await.expect("it takes a task").await;
            pool.fence().expect("there was a worker").layers().map(|(_, state)| state).collect::<Vec<_>>()
        });
        assert_eq!(states, [expected; 5], "{mode:?}");
    }
}

/// The process of `wpool` under a command that starts it in namespaces of its own.
fn inner(outer: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{outer}/task/{outer}/children")).ok()?;
    let inner: u32 = children.split_whitespace().next()?.parse().ok()?;
    fs::read_to_string(format!("/proc/{inner}/comm")).is_ok_and(|name| name.trim() == "wpool").then_some(inner)
}

#[test]
fn c86_as_the_first_process_it_works_and_takes_the_ends_of_orphans() {
    if !is_root() {
        return;
    }
    let mut command = Command::new("unshare");
    // The shell becomes wpool, and its child an orphan of it.
    command.args(["-pf", "--mount-proc", "sh", "-c", "sleep 0.2 & exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_wpool")]);
    command.args(["run", "-j", "1", "--no-cache", "--sandbox", "strict"]).arg(wat("echo"));
    let mut live = Live::start(&mut command);
    live.say("1\n");
    assert!(live.line().contains("\"ok\""));
    let wpool = inner(live.pid()).expect("it runs");
    let dead = || {
        let children = fs::read_to_string(format!("/proc/{wpool}/task/{wpool}/children")).unwrap_or_default();
        // The shell's child has no other name than this.
        children
            .split_whitespace()
            .any(|pid| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "sleep"))
    };
    block_on(until("the orphan's end is taken", || !dead()));
    live.say("2\n");
    assert!(live.line().contains("\"ok\""), "its own children are left to it");
    assert_eq!(live.end().code, ALL_OK);
}
