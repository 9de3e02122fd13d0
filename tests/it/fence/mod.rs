//! The fence around workers and compilers: the acts that it forbids a guest that has broken out, the machines that
//! offer it, and honest runs, which it does not hold up.
//!
//! `tests/workers/intruder.rs` is such a guest, and `tests/workers/without.rs` a machine that lacks layers.

mod forbidden;
mod honest;
mod missing_layers;
mod users;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};

use serde_json::json;
use tempfile::TempDir;
use wpool::{
    DirGrant, Failure, Limits, Outcome, Pool, PoolConfig, Program, SandboxMode, TaskResult, TaskSettings, WorkerCommand,
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
    let limits = Limits { memory: 16 << 20, output: 1 << 20, ..Limits::default() };
    PoolConfig {
        workers: 2,
        worker: Some(WorkerCommand::at(program)),
        sandbox: SandboxMode::Strict,
        task: TaskSettings { limits, ..TaskSettings::default() },
        observer: events.observer(),
        ..PoolConfig::default()
    }
}

pub fn with_dirs(mut config: PoolConfig, dirs: &[(&Path, bool)]) -> PoolConfig {
    let grant =
        |&(host, writable): &(&Path, bool)| DirGrant { host: host.into(), guest: "/d".into(), writable, row: None };
    config.task.grants.dirs = dirs.iter().map(grant).collect();
    config
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

/// A line of `/proc/PID/status`, by its name.
pub fn status(pid: u32, name: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name}")).trim().to_owned()
}

pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A run of a guest on a machine that lacks layers.
pub fn run_without(layers: &str, guest: &Path, args: &str) -> Ran {
    let mut command = Command::new(example("without"));
    command.arg(layers).arg(env!("CARGO_BIN_EXE_wpool")).args(["run"]).arg(guest).args(args.split_whitespace());
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache");
    run(command.env("XDG_CACHE_HOME", cache).env_remove("CI"), "1\n2\n")
}
