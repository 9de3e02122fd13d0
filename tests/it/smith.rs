//! Thousands of generated programs, each through its own compiler and worker: whatever they are, the host and its tasks
//! end.
//!
//! `tests/smith` makes them. `WPOOL_SMITH` is their number, and `WPOOL_SMITH_SEED` selects others. The default number
//! has each shape dozens of times; 20 000 take two processors some six minutes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use wpool::limits::CompileLimits;
use wpool::{
    Determinism, Error, Event, Isolation, Limits, Outcome, Pool, PoolConfig, Program, Setting, SettingError, Shutdown,
    Status, TaskSettings, WorkerCommand,
};

use crate::support::*;

const PROGRAMS: u64 = 2_000;

/// How many of the slowest programs are told.
const SLOWEST: usize = 5;

/// What each program is run over.
const ROWS: [&str; 3] = ["1", r#"{"name":"a row","values":[1.5,-2,null]}"#, "1"];

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("it is a number"))
}

/// Builds the package that makes programs, and starts it.
fn smith(seed: u64, count: u64) -> Child {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let target = root().join("target/smith");
    let mut build = Command::new(cargo);
    build
        .args(["build", "--release", "--locked", "--quiet", "--manifest-path"])
        .arg(root().join("tests/smith/Cargo.toml"));
    let built = build.arg("--target-dir").arg(&target).output().expect("cargo starts");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let mut smith = Command::new(target.join("release/smith"));
    smith.args([seed.to_string(), count.to_string()]).stdout(Stdio::piped()).spawn().expect("it was built")
}

/// The programs, as they are taken.
struct Programs {
    from: BufReader<ChildStdout>,
    taken: u64,
}

impl Programs {
    fn next(&mut self) -> Option<(u64, Vec<u8>)> {
        let mut length = [0; 4];
        self.from.read_exact(&mut length).ok()?;
        let mut program = vec![0; u32::from_le_bytes(length) as usize];
        self.from.read_exact(&mut program).expect("a program is whole");
        self.taken += 1;
        Some((self.taken - 1, program))
    }
}

/// What became of the programs.
#[derive(Default)]
struct Tally {
    /// Programs by the refusal's code, tasks by their status.
    counts: BTreeMap<String, u64>,
    slowest: Vec<(Duration, u64, String)>,
    broken: Vec<String>,
}

impl Tally {
    fn note(&mut self, number: u64, took: Duration, ends: Vec<String>) {
        let summary = ends.join(", ");
        ends.into_iter().for_each(|end| *self.counts.entry(end).or_default() += 1);
        self.slowest.push((took, number, summary));
        self.slowest.sort_by_key(|(took, ..)| std::cmp::Reverse(*took));
        self.slowest.truncate(SLOWEST);
    }
}

/// Small limits: the machine is to meet many programs, not much of each.
fn config() -> PoolConfig {
    let limits =
        Limits { deadline: Some(Duration::from_millis(100)), memory: 64 << 20, output: 64 << 10, ..Limits::default() };
    PoolConfig {
        workers: 1,
        // Where instances are put back after their tasks, all of their state is compared with that of fresh ones.
        task: TaskSettings { limits, verify_isolation: true, ..TaskSettings::default() },
        worker: Some(WorkerCommand::at(env!("CARGO_BIN_EXE_wpool"))),
        compile_limits: CompileLimits { time: Duration::from_secs(10), memory: 1 << 30 },
        grace: Duration::from_secs(1),
        ..PoolConfig::default()
    }
}

/// Runs a program: how its tasks ended, or why it was refused. An error is what must not happen.
async fn run_program(program: Program) -> Result<Vec<String>, String> {
    let events = Events::default();
    let config = PoolConfig { observer: events.observer(), ..config() };
    let pool = match Pool::builder(program).config(config).build().await {
        Ok(pool) => pool,
        Err(Error::ProgramRefused { refusal, .. }) => return Ok(vec![format!("refused: {}", refusal.code.as_str())]),
        Err(Error::Setting(SettingError::Program { setting: Setting::JsonRows, .. })) => {
            return Ok(vec!["refused: typed".into()]);
        }
        Err(error) => return Err(format!("the pool does not start: {error:?}")),
    };
    let mut ends = Vec::new();
    let resettable = pool.report().resettable.is_ok();
    let (mut results, mut settled) = (pool.map(ROWS), 0);
    while let Some(result) = results.next().await.map_err(|error| format!("the pool has failed: {error}"))? {
        settled += 1;
        match &result.outcome {
            Outcome::NotOk(failure) if failure.status == Status::Crash => {
                return Err(format!("a worker crashed: {}", failure.error.message));
            }
            outcome => ends.push(outcome.status().to_string()),
        }
    }
    drop(results);
    pool.shutdown(Shutdown::Drain).await;
    if ends.iter().all(|end| end == "ok") && resettable {
        ends.push("put back".to_owned());
    }
    if let Some(what) = events.all().into_iter().find_map(warning) {
        return Err(format!("a warning: {what}"));
    }
    // The one death that a program may cause is the kill after deadline and grace.
    match events.deaths().iter().find(|(why, _)| !why.contains("deadline and grace")) {
        Some((why, _)) => Err(format!("a worker {why}")),
        None if settled == ROWS.len() => Ok(ends),
        None => Err(format!("{settled} of {} tasks have settled", ROWS.len())),
    }
}

fn warning(event: Event) -> Option<String> {
    match event {
        Event::Warning(text) if !text.starts_with("there is no isolation to verify") => Some(text),
        _ => None,
    }
}

/// One program of so many also runs with fuel, chance and time of its own in fresh instances and in those that are put
/// back.
const COUNTED: u64 = 8;

/// Runs a program deterministically in fresh instances, and as it is run by default. An error is a difference.
async fn is_counted_alike(program: &Program) -> Result<(), String> {
    let mut ends = Vec::new();
    for isolation in [Isolation::Fresh, Isolation::Auto] {
        let mut config = config();
        config.task.limits.deadline = None;
        config.task.limits.fuel = Some(3_000_000);
        config.task = TaskSettings {
            isolation,
            receipts: true,
            deterministic: Some(Determinism::default()),
            verify_isolation: false,
            ..config.task
        };
        let Ok(pool) = Pool::builder(program.clone()).config(config).build().await else { return Ok(()) };
        let (mut results, mut of_this) = (pool.map(ROWS), Vec::new());
        while let Some(result) = results.next().await.map_err(|error| format!("the pool has failed: {error}"))? {
            let fuel = result.receipt.measured.and_then(|measured| measured.fuel);
            of_this.push(format!("{:?} with {fuel:?} units of fuel", result.outcome));
        }
        drop(results);
        pool.shutdown(Shutdown::Drain).await;
        ends.push(of_this);
    }
    if ends[0] == ends[1] { Ok(()) } else { Err(format!("fresh instances give {:?}, others {:?}", ends[0], ends[1])) }
}

/// Takes programs one after the other until there are no more.
fn take_part(programs: &Mutex<Programs>, tally: &Mutex<Tally>, seed: u64) {
    let next = || programs.lock().expect("nobody has panicked").next();
    while let Some((number, bytes)) = next() {
        let began = Instant::now();
        let program = Program::new("made-up", bytes.clone());
        let alike = if number % COUNTED == 0 { block_on(is_counted_alike(&program)) } else { Ok(()) };
        let ran = alike.and_then(|()| block_on(run_program(program)));
        let mut tally = tally.lock().expect("nobody has panicked");
        match ran {
            Ok(ends) => tally.note(number, began.elapsed(), ends),
            Err(why) => {
                let kept = keep(seed, number, &bytes);
                tally.broken.push(format!("seed {seed}, program {number}: {why}; it is in {}", kept.display()));
            }
        }
    }
}

/// Puts a program where it can be looked at.
fn keep(seed: u64, number: u64, program: &[u8]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("smith-{seed}-{number}.wasm"));
    std::fs::write(&path, program).expect("there is room");
    path
}

#[test]
fn programs_made_up_from_noise_settle_or_are_refused_and_harm_nobody() {
    let (count, seed) = (setting("WPOOL_SMITH", PROGRAMS), setting("WPOOL_SMITH_SEED", 1));
    let mut smith = smith(seed, count);
    let from = BufReader::with_capacity(1 << 20, smith.stdout.take().expect("it is piped"));
    let (programs, tally) = (Mutex::new(Programs { from, taken: 0 }), Mutex::new(Tally::default()));
    let threads = thread::available_parallelism().map_or(2, usize::from) + 1;
    let began = Instant::now();
    thread::scope(|scope| {
        (0..threads).for_each(|_| {
            scope.spawn(|| take_part(&programs, &tally, seed));
        });
    });
    assert!(smith.wait().expect("it can be waited for").success());
    let taken = programs.into_inner().expect("nobody has panicked").taken;
    let Tally { counts, slowest, broken } = tally.into_inner().expect("nobody has panicked");
    let mut report = format!("{taken} programs in {:.1?}: {counts:?}\nslowest:\n", began.elapsed());
    slowest.iter().for_each(|(took, number, ends)| {
        let _ = writeln!(report, "  {took:.1?}: program {number}: {ends}");
    });
    println!("{report}");
    assert!(broken.is_empty(), "{} programs did harm:\n{}\n{report}", broken.len(), broken.join("\n"));
    assert_eq!(taken, count);
    let ok = counts.get("ok").copied().unwrap_or_default();
    assert!(ok > count / 10, "hardly any of them runs: {report}");
    let put_back = counts.get("put back").copied().unwrap_or_default();
    assert!(put_back > count / 10, "hardly any instance is put back: {report}");
}
