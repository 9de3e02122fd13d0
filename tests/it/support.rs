//! Shared by the tests: running the executable, and finding guests.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::time::{sleep, timeout};
use wpool::{Event, Observer};

/// Longer than any command of a test takes, unless it hangs.
const HANG: Duration = Duration::from_secs(180);

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

/// The executable, with a cache that only the tests of this build share.
pub fn wpool() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wpool"));
    command.env("XDG_CACHE_HOME", Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"));
    command.env("XDG_STATE_HOME", Path::new(env!("CARGO_TARGET_TMPDIR")).join("state"));
    // Where nothing is, so that no test depends on a configuration of whoever runs it.
    command.env("XDG_CONFIG_HOME", Path::new(env!("CARGO_TARGET_TMPDIR")).join("no-config"));
    // Where it is set, runs report their progress; the others lead to annotations, and guard what is printed.
    for name in ["CI", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITLAB_CI", "TF_BUILD", "TEAMCITY_VERSION"] {
        command.env_remove(name);
    }
    command
}

/// `wpool run` of a program, with arguments as a shell would split them.
pub fn wpool_run(task: &Path, args: &str) -> Command {
    let mut command = wpool();
    command.arg("run").arg(task).args(args.split_whitespace());
    command
}

/// An executable built from `tests/workers`.
pub fn example(name: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_BIN_EXE_wpool")).parent().expect("it stands in a folder");
    target.join("examples").join(name)
}

/// The result of a run, parsed.
#[derive(Debug)]
pub struct Ran {
    /// The exit code, or -1 for a run that was killed, for example because it hung.
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    fn new(status: ExitStatus, stdout: Vec<u8>, stderr: &[u8]) -> Ran {
        Ran {
            code: status.code().unwrap_or(-1),
            stdout: String::from_utf8(stdout).expect("records are UTF-8"),
            stderr: String::from_utf8_lossy(stderr).into_owned(),
        }
    }

    /// The records on stdout.
    pub fn records(&self) -> Vec<Value> {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"));
        self.stdout.lines().map(parse).collect()
    }

    /// One member of every record, in the order of the lines.
    pub fn each(&self, member: &str) -> Vec<Value> {
        self.records().into_iter().map(|mut record| record[member].take()).collect()
    }
}

/// Runs a command with bytes on its standard input.
pub fn run(command: &mut Command, input: impl AsRef<[u8]>) -> Ran {
    finish(spawn(command), input)
}

/// Gives a child its input and waits for its end.
pub fn finish(mut child: Child, input: impl AsRef<[u8]>) -> Ran {
    let _guard = Watchdog::over(&child);
    let mut stdin = child.stdin.take().expect("it is piped");
    let input = input.as_ref().to_vec();
    // On another thread than the reading below, or both sides could wait for each other.
    let feeder = thread::spawn(move || {
        let _ = stdin.write_all(&input);
    });
    let Output { status, stdout, stderr } = child.wait_with_output().expect("it can be waited for");
    feeder.join().expect("the feeder does not panic");
    Ran::new(status, stdout, &stderr)
}

/// `wpool run` with arguments and rows.
pub fn run_rows(args: &[&str], rows: &str) -> Ran {
    run(wpool().arg("run").args(args), rows)
}

/// Writes to a child repeatedly, until it stops reading.
pub fn feed_endlessly(mut stdin: ChildStdin, row: &str) -> JoinHandle<()> {
    let block = row.repeat(100);
    thread::spawn(move || while stdin.write_all(block.as_bytes()).is_ok() {})
}

pub fn spawn(command: &mut Command) -> Child {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the executable starts")
}

/// A run that the test talks to.
#[derive(Debug)]
pub struct Live {
    child: Child,
    stdin: ChildStdin,
    lines: mpsc::Receiver<String>,
}

impl Live {
    pub fn start(command: &mut Command) -> Live {
        let mut child = spawn(command);
        let stdin = child.stdin.take().expect("it is piped");
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Live { child, stdin, lines }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Writes to its standard input.
    pub fn say(&mut self, text: &str) {
        self.stdin.write_all(text.as_bytes()).expect("it reads");
    }

    /// Waits for the next line of its output.
    pub fn line(&self) -> String {
        self.lines.recv_timeout(HANG).expect("it goes on printing")
    }

    /// Waits for its end while its standard input stays open.
    pub fn wait(self) -> Ran {
        let Live { child, stdin, lines } = self;
        let _guard = Watchdog::over(&child);
        let Output { status, stderr, .. } = child.wait_with_output().expect("it can be waited for");
        drop(stdin);
        let rest: String = lines.iter().map(|line| line + "\n").collect();
        Ran::new(status, rest.into_bytes(), &stderr)
    }

    /// Kills it.
    pub fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it can be waited for");
    }

    /// Closes its standard input and waits for its end. Output beyond the taken lines is in `stdout`.
    pub fn end(self) -> Ran {
        let Live { child, stdin, lines } = self;
        let _guard = Watchdog::over(&child);
        drop(stdin);
        let Output { status, stderr, .. } = child.wait_with_output().expect("it can be waited for");
        let rest: String = lines.iter().map(|line| line + "\n").collect();
        Ran::new(status, rest.into_bytes(), &stderr)
    }
}

/// Kills a child that hangs, so that its test fails instead of waiting endlessly.
pub struct Watchdog {
    _done: mpsc::Sender<()>,
}

impl Watchdog {
    pub fn over(child: &Child) -> Watchdog {
        let pid = Pid::from_child(child);
        let (done, waiting) = mpsc::channel();
        thread::spawn(move || {
            if waiting.recv_timeout(HANG) == Err(RecvTimeoutError::Timeout) {
                let _ = kill_process(pid, Signal::KILL);
            }
        });
        Watchdog { _done: done }
    }
}

/// Runs a future on this thread, as the command line does.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    block_on_within(HANG, future)
}

/// Like [`block_on`], for futures that take longer on a busy machine.
pub fn block_on_within<T>(time: Duration, future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { timeout(time, future).await.expect("it hangs") })
}

/// Waits until `so` returns true.
pub async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let waiting = async {
        while !so() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(HANG / 2, waiting).await.unwrap_or_else(|_| panic!("waited in vain: {what}"));
}

/// Records the events of a pool's observer.
#[derive(Clone, Debug, Default)]
pub struct Events(Arc<Mutex<Vec<Event>>>);

impl Events {
    pub fn observer(&self) -> Observer {
        let events = self.0.clone();
        Observer::new(move |event| events.lock().unwrap().push(event.clone()))
    }

    /// Process ids of all workers that came up, oldest first.
    pub fn pids(&self) -> Vec<u32> {
        let pid = |event: &Event| match event {
            Event::WorkerStarted { pid, .. } => Some(*pid),
            _ => None,
        };
        self.0.lock().unwrap().iter().filter_map(pid).collect()
    }

    /// All events, in order.
    pub fn all(&self) -> Vec<Event> {
        self.0.lock().unwrap().clone()
    }

    /// Why workers died, and under which tasks.
    pub fn deaths(&self) -> Vec<(String, Option<u64>)> {
        let death = |event: &Event| match event {
            Event::WorkerDied { why, suspect, .. } => Some((why.clone(), suspect.map(|task| task.0))),
            _ => None,
        };
        self.0.lock().unwrap().iter().filter_map(death).collect()
    }
}

/// A process, as `/proc` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    pub parent: u32,
    /// Processor time in hundredths of a second.
    pub ticks: u64,
}

impl Process {
    /// `None` when the process does not exist, not even as a zombie.
    pub fn find(pid: u32) -> Option<Process> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name before the last parenthesis is arbitrary, and may have parentheses.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |at: usize| fields[at].parse::<u64>().expect("a number");
        Some(Process { parent: number(1) as u32, ticks: number(11) + number(12) })
    }

    /// Whether a process probably runs guest code: the start takes less time than this.
    pub fn is_busy(pid: u32) -> bool {
        Process::find(pid).is_some_and(|process| process.ticks >= 25)
    }
}

/// Whether a child of this process still exists, even as a zombie.
pub fn is_child(pid: u32) -> bool {
    Process::find(pid).is_some_and(|process| process.parent == std::process::id())
}

/// Sends a signal to a child of this process. Sends none if another process has its id by now.
pub fn signal_child(pid: u32, signal: Signal) {
    if is_child(pid) {
        let pid = Pid::from_raw(pid as i32).expect("no process is 0");
        // A child that has just ended needs no signal.
        let _ = kill_process(pid, signal);
    }
}

/// Living workers and compilers that a pool in the process `host` started.
pub fn children_of(host: u32) -> Vec<u32> {
    let tail = format!("\0{host}\0");
    let is_child = |pid: &u32| {
        // A zombie has no command line.
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.ends_with(tail.as_bytes()) && line.windows(CHILD.len()).any(|part| part == CHILD)
    };
    let processes = std::fs::read_dir("/proc").expect("there is a /proc").flatten();
    processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(is_child).collect()
}

const CHILD: &[u8] = b"\0__wpool-child\0";

/// Numbers that look random and are the same in every run.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}
