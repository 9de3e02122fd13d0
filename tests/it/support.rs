//! What the tests share: running the executable, and finding guests.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A prebuilt example guest.
pub fn guest(name: &str) -> PathBuf {
    root().join("guest-tasks").join(format!("{name}.wasm"))
}

/// A guest of one behaviour.
pub fn wat(name: &str) -> PathBuf {
    root().join("guest-tasks/wat").join(format!("{name}.wat"))
}

/// The executable, with a cache that is shared by all tests of this build and by nobody else.
pub fn wpool() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wpool"));
    command.env("XDG_CACHE_HOME", Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"));
    command
}

/// An executable built from `tests/workers`.
pub fn example(name: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_BIN_EXE_wpool")).parent().expect("it stands in a folder");
    target.join("examples").join(name)
}

/// What a run printed, taken apart.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// The records on stdout.
    pub fn records(&self) -> Vec<Value> {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"));
        self.stdout.lines().map(parse).collect()
    }
}

/// Runs a command with bytes on its standard input.
pub fn run(command: &mut Command, input: impl AsRef<[u8]>) -> Ran {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the executable starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    let input = input.as_ref().to_vec();
    // Beside the reading below, or both sides could wait for each other.
    let feeder = std::thread::spawn(move || {
        let _ = stdin.write_all(&input);
    });
    let Output { status, stdout, stderr } = child.wait_with_output().expect("it can be waited for");
    feeder.join().expect("the feeder does not panic");
    Ran {
        code: status.code().unwrap_or(-1),
        stdout: String::from_utf8(stdout).expect("records are UTF-8"),
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
    }
}

/// `wpool run` with arguments and rows.
pub fn run_rows(args: &[&str], rows: &str) -> Ran {
    run(wpool().arg("run").args(args), rows)
}
