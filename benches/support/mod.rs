//! Shared by the benches: numbers from the environment, commands to measure, and [`Comparison`], which measures things
//! in turn and reports their ratios.

#![allow(dead_code, unused_imports, reason = "each bench uses a part")]

mod compare;
mod process;
mod rows;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

pub use compare::{Comparison, Sample, Target, claim, shown, verdict};
pub use process::{children, cpu_of, kib, read};
pub use rows::Rows;

/// The executable under measurement.
pub const WPOOL: &str = env!("CARGO_BIN_EXE_wpool");

/// Reasons for a line without a figure.
pub const NO_PYTHON: &str = "no python3";
pub const NOT_IN_THIS_BUILD: &str = "not in this build";

/// Chunk sizes for the peer, whose best result counts.
const CHUNKSIZES: [usize; 4] = [64, 512, 4_096, 16_384];

/// Whether `cargo bench` started this. Under `cargo test --benches`, benches only have to compile.
pub fn is_bench() -> bool {
    std::env::args().any(|arg| arg == "--bench")
}

/// A number from the environment, so that a bench can be made shorter or longer.
pub fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

pub fn rounds(default: usize) -> usize {
    setting("WPOOL_BENCH_ROUNDS", default)
}

pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

pub fn guest(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("guest-tasks").join(name)
}

/// `wpool run` of a program over a file, with options.
pub fn wpool_run(program: &Path, rows: &Path, options: &[&str]) -> Command {
    let mut command = Command::new(WPOOL);
    command.args(["run", "-q"]).args(options).arg(program).arg(rows);
    command
}

/// Seconds of a whole `wpool run`, from exec to exit.
pub fn wpool_seconds(program: &Path, rows: &Path, options: &[&str]) -> f64 {
    time(&mut wpool_run(program, rows, options)).as_secs_f64()
}

/// Wall time of a whole command, without its output.
pub fn time(command: &mut Command) -> Duration {
    let started = Instant::now();
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    let elapsed = started.elapsed();
    assert!(status.is_ok_and(|status| status.success()), "{command:?} failed");
    elapsed
}

/// The reason for which an option cannot be measured: the executable does not have it, or not with this value.
pub fn lacks(option: &str, value: &str) -> Option<&'static str> {
    static HELP: OnceLock<String> = OnceLock::new();
    let help = HELP.get_or_init(|| {
        let output = Command::new(WPOOL).args(["run", "--help"]).output().expect("wpool runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    });
    let place = help.find(&format!("{option} <")).map(|at| &help[at + option.len()..]);
    let about = place.map(|text| &text[..text.find("\n      --").unwrap_or(text.len())]);
    let words = about.into_iter().flat_map(|text| text.split(|c: char| !c.is_alphanumeric()));
    (!words.into_iter().any(|word| word == value)).then_some(NOT_IN_THIS_BUILD)
}

/// The reason for a comparison without Python.
pub fn lacks_python() -> Option<&'static str> {
    (!imports("sys")).then_some(NO_PYTHON)
}

/// Whether there is a Python with this module.
pub fn imports(module: &str) -> bool {
    Command::new("python3").args(["-c", &format!("import {module}")]).output().is_ok_and(|ran| ran.status.success())
}

/// Whether a command can be found.
pub fn is_installed(name: &str) -> bool {
    std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).any(|folder| folder.join(name).is_file())
}

/// The peer, with its arguments.
pub fn peer(args: &[&str]) -> Command {
    let mut command = Command::new("python3");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peer.py")).args(args);
    command
}

/// The seconds that the peer itself measured, without the interpreter's own start.
pub fn peer_seconds(args: &[&str]) -> f64 {
    let output = peer(args).output().expect("python3 runs");
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().unwrap_or_else(|_| panic!("peer.py said {text:?}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// Tasks per second of a function of the peer that is mapped over the first rows of a file.
pub fn peer_map(function: &str, rows: &Rows, chunksize: usize, count: usize) -> f64 {
    let [workers, chunksize, number] = [cores(), chunksize, count].map(|number| number.to_string());
    let file = rows.path().to_str().expect("the path is UTF-8");
    count as f64 / peer_seconds(&[function, file, &workers, &chunksize, &number])
}

/// The best of several chunk sizes. The last size hands each worker a few chunks of few rows.
pub fn peer_best(function: &str, rows: &Rows, count: usize) -> f64 {
    let few = (count / (4 * cores())).clamp(1, CHUNKSIZES[0]);
    let sizes = CHUNKSIZES.into_iter().filter(|size| size * cores() <= count).chain([few]);
    sizes.map(|chunksize| peer_map(function, rows, chunksize, count)).fold(0.0, f64::max)
}
