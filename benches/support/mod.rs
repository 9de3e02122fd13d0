//! What the benches share: numbers from the environment, interleaved rounds, and medians with their spread.

#![allow(dead_code, reason = "each bench uses a part")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The executable under measurement.
pub const WPOOL: &str = env!("CARGO_BIN_EXE_wpool");

/// Whether `cargo bench` started this, and not `cargo test --benches`, where benches only have to compile.
pub fn is_bench() -> bool {
    std::env::args().any(|arg| arg == "--bench")
}

/// A number from the environment, so that a bench can be made shorter or longer.
pub fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

pub fn guest(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("guest-tasks").join(name)
}

/// Measurements of one thing.
#[derive(Clone, Debug, Default)]
pub struct Sample(Vec<f64>);

impl Sample {
    pub fn push(&mut self, value: f64) {
        self.0.push(value);
        self.0.sort_unstable_by(f64::total_cmp);
    }

    pub fn median(&self) -> f64 {
        self.0.get(self.0.len() / 2).copied().unwrap_or(f64::NAN)
    }

    pub fn min(&self) -> f64 {
        self.0.first().copied().unwrap_or(f64::NAN)
    }

    pub fn max(&self) -> f64 {
        self.0.last().copied().unwrap_or(f64::NAN)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Wall time of a whole command, whose output is thrown away.
pub fn time(command: &mut Command) -> Duration {
    let started = Instant::now();
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    let elapsed = started.elapsed();
    assert!(status.is_ok_and(|status| status.success()), "{command:?} failed");
    elapsed
}

/// Whether there is a Python to compare with.
pub fn has_python() -> bool {
    python_runs("pass")
}

/// Whether there is one with Pillow, its library for images.
pub fn has_pillow() -> bool {
    python_runs("import PIL")
}

fn python_runs(code: &str) -> bool {
    Command::new("python3").args(["-c", code]).output().is_ok_and(|output| output.status.success())
}

/// The peer, with its arguments.
pub fn peer(args: &[&str]) -> Command {
    let mut command = Command::new("python3");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peer.py")).args(args);
    command
}

/// What the peer measured itself, in seconds, without the interpreter's own start.
pub fn peer_seconds(args: &[&str]) -> f64 {
    let output = peer(args).output().expect("python3 runs");
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().unwrap_or_else(|_| panic!("peer.py said {text:?}: {}", String::from_utf8_lossy(&output.stderr)))
}
