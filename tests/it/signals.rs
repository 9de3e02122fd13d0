//! Stopping from the keyboard and by signals.
#![allow(unsafe_code, reason = "a pseudo-terminal is made by the C library")]

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::NamedTempFile;

use crate::support::*;

const CTRL_C: &[u8] = b"\x03";
const CTRL_Z: &[u8] = b"\x1a";

/// A keyboard, and the terminal that it belongs to.
pub fn terminal() -> (File, OwnedFd) {
    let (mut keyboard, mut screen) = (-1, -1);
    let null = std::ptr::null_mut();
    // SAFETY: both descriptors are written to places of ours, and the rest is left to the kernel.
    let opened = unsafe { libc::openpty(&mut keyboard, &mut screen, null, null.cast(), null.cast()) };
    assert_eq!(opened, 0, "there are pseudo-terminals");
    // SAFETY: both were just opened, and nobody else knows of them.
    unsafe { (File::from_raw_fd(keyboard), OwnedFd::from_raw_fd(screen)) }
}

/// `wpool run` on a terminal of its own, as a shell would start it.
struct OnTerminal {
    keyboard: File,
    child: Child,
    stdout: Option<ChildStdout>,
    stderr: BufReader<ChildStderr>,
    /// What it has said so far.
    said: String,
    _watchdog: Watchdog,
}

impl OnTerminal {
    fn run(task: &Path, args: &[&OsStr]) -> OnTerminal {
        let (keyboard, screen) = terminal();
        let real = wpool();
        // Makes its standard input the terminal of a new session, which a shell has done for its children.
        let mut command = Command::new("setsid");
        command.arg("--ctty").arg(real.get_program()).arg("run").arg(task).args(args);
        command.envs(real.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let mut child =
            command.stdin(screen).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("util-linux is there");
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let _watchdog = Watchdog::over(&child);
        OnTerminal { keyboard, stdout: child.stdout.take(), child, stderr, said: String::new(), _watchdog }
    }

    /// Runs a guest over rows in a file.
    fn over(rows: &NamedTempFile, guest: &str, options: &[&str]) -> OnTerminal {
        let options = options.iter().map(OsStr::new);
        OnTerminal::run(&wat(guest), &options.chain([rows.path().as_os_str()]).collect::<Vec<_>>())
    }

    fn press(&mut self, keys: &[u8]) {
        self.keyboard.write_all(keys).unwrap();
    }

    fn signal(&self, signal: Signal) {
        signal_child(self.child.id(), signal);
    }

    /// Waits until `count` workers compute.
    fn wait_until_busy(&self, count: usize) {
        let busy = || children_of(self.child.id()).into_iter().filter(|&pid| Process::is_busy(pid)).count() >= count;
        block_on(until("workers compute", busy));
    }

    /// Kills its only worker in the middle of a task.
    fn kill_worker(&self) {
        self.wait_until_busy(1);
        let [worker] = children_of(self.child.id())[..] else { panic!("it has one worker") };
        kill_process(Pid::from_raw(worker as i32).unwrap(), Signal::KILL).unwrap();
        block_on(until("it is gone", || !children_of(self.child.id()).contains(&worker)));
    }

    /// Waits for the next line that it says.
    fn line(&mut self) -> String {
        let before = self.said.len();
        assert_ne!(self.stderr.read_line(&mut self.said).unwrap(), 0, "it only said {}", self.said);
        self.said[before..].to_owned()
    }

    /// Waits until it says something.
    fn wait_until_it_says(&mut self, text: &str) {
        while !self.said.contains(text) {
            self.line();
        }
    }

    /// Asks which tasks are running. The answer has their number, and a line for each.
    fn ask_what_runs(&mut self) -> String {
        self.signal(Signal::USR1);
        let head = self.line();
        let count = head.split(' ').find_map(|word| word.parse().ok()).unwrap_or_else(|| panic!("no number: {head}"));
        (0..count).fold(head, |answer, _| answer + &self.line())
    }

    /// Waits for its end: what it wrote, how it ended, and what it said.
    fn finish(mut self) -> (Vec<Value>, ExitStatus, String) {
        let mut records = String::new();
        self.stdout.take().unwrap().read_to_string(&mut records).unwrap();
        self.stderr.read_to_string(&mut self.said).unwrap();
        let status = self.child.wait().unwrap();
        assert!(records.is_empty() || records.ends_with('\n'), "records are whole");
        (records.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), status, self.said)
    }
}

/// A file of rows.
pub fn rows(rows: impl IntoIterator<Item = impl AsRef<str>>) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    rows.into_iter().for_each(|row| writeln!(file, "{}", row.as_ref()).unwrap());
    file
}

/// The status of each record; the records must be those of the rows from the first on.
fn statuses(records: &[Value]) -> Vec<&str> {
    records.iter().zip(0..).for_each(|(record, id)| assert_eq!(record["id"], id));
    records.iter().map(|record| record["status"].as_str().unwrap()).collect()
}

/// More than a second of computing, for the guest `slow`.
const LONG: &str = "2000000000";

/// A way to ask a run to stop, and the exit code that tells of it.
struct Stop {
    name: &'static str,
    ask: fn(&mut OnTerminal),
    code: i32,
}

const STOPS: [Stop; 3] = [
    Stop { name: "Ctrl-C", ask: |run| run.press(CTRL_C), code: 130 },
    Stop { name: "SIGTERM", ask: |run| run.signal(Signal::TERM), code: 143 },
    Stop { name: "SIGHUP", ask: |run| run.signal(Signal::HUP), code: 143 },
];

#[test]
fn c74_c75_the_first_request_to_stop_lets_running_tasks_finish_and_skips_the_others() {
    for Stop { name, ask, code } in STOPS {
        let input = rows(std::iter::once(LONG).chain(["1"; 100]));
        let mut run = OnTerminal::over(&input, "slow", &["-j", "1"]);
        run.wait_until_busy(1);
        ask(&mut run);
        let (records, status, said) = run.finish();
        assert_eq!(status.code(), Some(code), "{name}: {said}");
        let expected: Vec<_> = std::iter::once("ok").chain(["skipped"; 100]).collect();
        assert_eq!(statuses(&records), expected, "{name}");
        assert!(said.contains("stopping") && !said.contains("died"), "{said}");
    }
}

#[test]
fn c74_c75_the_second_request_to_stop_kills_running_tasks() {
    for Stop { name, ask, code } in STOPS {
        for Stop { ask: again, .. } in STOPS {
            let input = rows(std::iter::once("\"!\"").chain(["1"; 100]));
            let mut run = OnTerminal::over(&input, "spin-on-bang", &["-j", "1"]);
            run.wait_until_busy(1);
            ask(&mut run);
            run.wait_until_it_says("stopping");
            again(&mut run);
            let (records, status, said) = run.finish();
            assert_eq!(status.code(), Some(code), "{name}, the first of two, decides: {said}");
            let expected: Vec<_> = std::iter::once("cancelled").chain(["skipped"; 100]).collect();
            assert_eq!(statuses(&records), expected, "{name}");
        }
    }
}

#[test]
fn a_stopped_run_keeps_the_results_it_has_and_reads_no_more() {
    // More rows than the window holds, behind one that never ends.
    let input = rows(std::iter::repeat_n("1", 10).chain(["\"!\""]).chain(std::iter::repeat_n("2", 200_000)));
    let mut run = OnTerminal::over(&input, "spin-on-bang", &["-j", "2"]);
    run.wait_until_busy(1);
    run.press(CTRL_C);
    run.wait_until_it_says("stopping");
    run.press(CTRL_C);
    let (records, status, said) = run.finish();
    assert_eq!(status.code(), Some(130), "{said}");
    let statuses = statuses(&records);
    assert!(statuses[..10].iter().all(|&status| status == "ok"));
    assert_eq!(statuses[10], "cancelled");
    let others = &statuses[11..];
    assert!(others.iter().all(|&status| matches!(status, "ok" | "cancelled" | "skipped")));
    assert!((11..150_000).contains(&records.len()), "{} records", records.len());
    assert!(said.contains("not read"), "{said}");
}

#[test]
fn c79_a_host_that_is_stopped_for_a_while_blames_nobody() {
    let input = rows(["500"; 8]);
    let mut run = OnTerminal::over(&input, "sleep", &["-j", "1", "--timeout", "3s"]);
    let mut first = [0];
    run.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    // As Ctrl-Z does in a shell.
    run.signal(Signal::STOP);
    // Longer than a deadline and its grace.
    std::thread::sleep(Duration::from_millis(5_500));
    run.signal(Signal::CONT);
    let mut records = String::from_utf8(first.into()).unwrap();
    run.stdout.as_mut().unwrap().read_to_string(&mut records).unwrap();
    let (_, status, said) = run.finish();
    assert_eq!(status.code(), Some(0), "{said}\n{records}");
    assert_eq!(records.lines().count(), 8);
    assert!(!said.contains("died"), "{said}");
}

/// Whether a process is stopped.
fn is_stopped(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The state stands after the name, which ends with the last parenthesis.
    stat.rsplit_once(") ").is_some_and(|(_, fields)| fields.starts_with('T'))
}

#[test]
fn c75_ctrl_z_stops_the_workers_and_no_deadline_advances() {
    let input = rows(["500"; 8]);
    let mut run = OnTerminal::over(&input, "sleep", &["-j", "2", "--timeout", "3s", "--deadline", "7s"]);
    let mut first = [0];
    run.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    run.press(CTRL_Z);
    let host = run.child.id();
    let all_stopped = || {
        let workers = children_of(host);
        is_stopped(host) && !workers.is_empty() && workers.into_iter().all(is_stopped)
    };
    block_on(until("everything is stopped", all_stopped));
    // Longer than a task's deadline and its grace, and with the rest of the run over the deadline of the run.
    std::thread::sleep(Duration::from_millis(6_000));
    assert!(all_stopped());
    run.signal(Signal::CONT);
    let mut records = String::from_utf8(first.into()).unwrap();
    run.stdout.as_mut().unwrap().read_to_string(&mut records).unwrap();
    let (_, status, said) = run.finish();
    assert_eq!(status.code(), Some(0), "{said}\n{records}");
    assert_eq!(records.lines().filter(|line| line.contains("slept")).count(), 8, "{records}");
    assert!(!said.contains("died"), "{said}");
}

/// A command that says what `chatty-sleep` says. If its row is 0, it ends when there is a file `go` in the first granted
/// directory, and else at once.
const CHATTY_UNTIL_GO: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "go" "first step\nsecond \1b[31mstep\n")
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 18))
    (i32.store (i32.const 4) (i32.const 28))
    (drop (call $fd_write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)))
    (i32.store (i32.const 0) (i32.const 1024))
    (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (if (i32.ne (i32.load8_u (i32.const 1024)) (i32.const 0x30)) (then return))
    ;; A subscription stands at 64: 5 ms of the monotonic clock between two looks.
    (i32.store offset=16 (i32.const 64) (i32.const 1))
    (i64.store offset=24 (i32.const 64) (i64.const 5000000))
    (loop $look
      (drop (call $poll_oneoff (i32.const 64) (i32.const 128) (i32.const 1) (i32.const 8)))
      (br_if $look (call $path_open
        (i32.const 3) (i32.const 0) (i32.const 16) (i32.const 2) (i32.const 0)
        (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 32))))))"#;

#[test]
fn sigusr1_has_the_running_tasks_printed_and_stops_nothing() {
    let place = tempfile::tempdir().unwrap();
    let (task, input) = (place.path().join("chatty.wat"), rows(["0", "0", "1"]));
    std::fs::write(&task, CHATTY_UNTIL_GO).unwrap();
    let options = ["-j", "2", "--chunksize", "1", "--dir"].map(OsStr::new);
    let named = [place.path().as_os_str(), input.path().as_os_str()];
    let mut run = OnTerminal::run(&task, &[&options[..], &named].concat());
    let host = run.child.id();
    // Before it listens to the signal, that would end it.
    block_on(until("workers are there", || children_of(host).len() >= 2));
    let mut answer = String::new();
    block_on(until("both tasks that wait have said something", || {
        answer = run.ask_what_runs();
        answer.matches("says: second ").count() == 2
            && ["): task 0, ", "): task 1, "].into_iter().all(|task| answer.contains(task))
    }));
    assert!(answer.starts_with("wpool: 2 tasks are running\n  worker ") && !answer.contains('\u{1b}'), "{answer}");
    run.signal(Signal::USR1);
    std::fs::write(place.path().join("go"), "").unwrap();
    let (records, status, said) = run.finish();
    assert_eq!((status.code(), statuses(&records)), (Some(0), vec!["ok"; 3]), "{said}");
}

#[test]
fn an_interruption_outweighs_a_deadline() {
    let input = rows(["\"!\""]);
    let mut run = OnTerminal::over(&input, "spin-on-bang", &["-j", "1", "--deadline", "5s"]);
    run.wait_until_busy(1);
    run.press(CTRL_C);
    // The deadline passes, and its grace ends the task.
    let (records, status, said) = run.finish();
    assert_eq!((status.code(), statuses(&records)), (Some(130), vec!["cancelled"]), "{said}");
}

#[test]
fn c30_a_terminal_is_no_input_unless_it_is_asked_for() {
    let run = OnTerminal::run(&wat("echo"), &[]);
    let (records, status, said) = run.finish();
    assert_eq!((status.code(), records.len()), (Some(2), 0));
    assert!(said.contains("no inputs") && said.contains("pipe rows in"), "{said}");

    let mut run = OnTerminal::run(&wat("echo"), &["-".as_ref()]);
    run.press(b"1\n2\n\x04");
    let (records, status, said) = run.finish();
    assert_eq!((status.code(), statuses(&records)), (Some(0), vec!["ok"; 2]), "{said}");
}

#[test]
fn c53_c60_killed_workers_are_in_the_summary_and_a_task_that_loses_three_is_a_crash() {
    let cases = [("slow", LONG, 1, 0, "ok", "1 died"), ("spin-on-bang", "\"!\"", 3, 100, "crash", "3 died")];
    for (guest, row, kills, code, status, deaths) in cases {
        let input = rows([row, "1", "2"]);
        let run = OnTerminal::over(&input, guest, &["-j", "1"]);
        (0..kills).for_each(|_| run.kill_worker());
        let (records, exit, said) = run.finish();
        assert_eq!(exit.code(), Some(code), "{said}");
        assert_eq!(statuses(&records), [status, "ok", "ok"]);
        assert!(said.contains(deaths), "{said}");
        assert!(said.contains(&format!("died     {kills} × was killed by SIGKILL")), "{said}");
        if status == "crash" {
            assert_eq!(
                (&records[0]["error"]["code"], &records[0]["error"]["signal"]),
                (&"signal".into(), &"SIGKILL".into())
            );
        }
    }
}
