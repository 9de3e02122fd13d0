//! Standard streams as others leave them: gone, never read, non-blocking, shared, or of a job in the background.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::thread;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::Signal;

use crate::cli::{CANNOT_WRITE, NOT_OK, OK, USAGE};
use crate::signals::{rows, terminal};
use crate::support::*;

const INTERRUPTED: i32 = 130;
const TERMINATED: i32 = 143;

/// `wpool run` over some rows of echo that fill a pipe many times.
fn many_rows(args: &str) -> (tempfile::NamedTempFile, Command) {
    let input = rows((0..200_000).map(|number| number.to_string()));
    let mut command = wpool_run(&wat("echo"), args);
    command.arg(input.path()).stdin(Stdio::null());
    (input, command)
}

/// Waits for the end of a process that nothing but its own decision ends in time.
fn code_of(mut child: Child) -> i32 {
    let _watchdog = Watchdog::over(&child);
    child.wait().expect("it can be waited for").code().expect("it ends by itself")
}

fn text_of(mut stream: impl Read) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("text");
    text
}

#[test]
fn a_run_whose_records_nobody_reads_ends_at_its_deadline() {
    let (_input, mut command) = many_rows("-j 1 --deadline 1s");
    let (_unread, stdout) = pipe_with(PipeFlags::CLOEXEC).expect("a pipe");
    let mut child = command.stdout(stdout).stderr(Stdio::piped()).spawn().expect("a start");
    drop(command);
    let stderr = child.stderr.take().expect("it is piped");
    assert_eq!(code_of(child), CANNOT_WRITE);
    let said = text_of(stderr);
    let count = said.lines().find_map(|line| line.split_once("lines that were not written: ")).expect(&said).1;
    assert!(count.parse::<u64>().is_ok_and(|count| count > 0), "{said}");
}

#[test]
fn a_run_whose_records_nobody_reads_ends_at_the_second_signal() {
    let (_input, mut command) = many_rows("-j 1 --grace 1h");
    let (_unread, stdout) = pipe_with(PipeFlags::CLOEXEC).expect("a pipe");
    let writing = stdout.try_clone().expect("a copy");
    let mut child = command.stdout(stdout).stderr(Stdio::piped()).spawn().expect("a start");
    let mut stderr = BufReader::new(child.stderr.take().expect("it is piped"));
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    let full = || poll(&mut [PollFd::new(&writing, PollFlags::OUT)], Some(&now)) == Ok(0);
    block_on(until("the pipe is full", full));
    signal_child(child.id(), Signal::TERM);
    let mut line = String::new();
    stderr.read_line(&mut line).expect("text");
    assert!(line.contains("running tasks have 1h00m to finish"), "{line}");
    signal_child(child.id(), Signal::TERM);
    assert_eq!(code_of(child), CANNOT_WRITE);
    assert!(text_of(stderr).contains("nobody reads standard output"));
}

#[test]
fn messages_that_nobody_reads_do_not_hold_up_the_run() {
    // Of each row, a retry is told of: more text than a pipe takes.
    let input = rows(["!"; 3_000]);
    let mut command = wpool_run(&wat("trap-on-bang"), "-j 1 -v --retries 1 --retry-delay 1ms --retry-on trap");
    let (_unread, stderr) = pipe_with(PipeFlags::CLOEXEC).expect("a pipe");
    command.arg(input.path()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
    let mut child = command.spawn().expect("a start");
    drop(command);
    let records = text_of(child.stdout.take().expect("it is piped"));
    assert_eq!(records.lines().count(), 3_000);
    // Its last message waits for a reader, and a signal ends that.
    signal_child(child.id(), Signal::TERM);
    signal_child(child.id(), Signal::TERM);
    let code = code_of(child);
    assert!([NOT_OK, TERMINATED].contains(&code), "{code}");
}

#[test]
fn a_task_that_does_not_end_is_killed_when_the_grace_after_a_signal_is_over() {
    for (signal, code) in [(Signal::TERM, TERMINATED), (Signal::HUP, TERMINATED), (Signal::INT, INTERRUPTED)] {
        let mut command = wpool_run(&wat("spin-on-bang"), "-j 1 --grace 200ms");
        let mut live = Live::start(&mut command);
        live.say("\"!\"\n");
        block_on(until("it computes", || children_of(live.pid()).into_iter().any(Process::is_busy)));
        signal_child(live.pid(), signal);
        let ran = live.wait();
        assert_eq!(ran.code, code, "{}", ran.stderr);
        assert_eq!(ran.each("status"), ["cancelled"]);
        assert!(ran.stderr.contains("running tasks have 200ms to finish (again to kill them now)"), "{}", ran.stderr);
    }
}

#[test]
fn a_terminal_that_goes_away_does_not_end_the_run() {
    for args in ["--progress bar --slow 100ms", "--progress bar -v --max-tasks-per-worker 1", "--progress bar"] {
        let (keyboard, screen) = terminal();
        let input = rows(["300"; 4]);
        let mut command = wpool_run(&wat("sleep"), args);
        command.env("TERM", "xterm").arg(input.path()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(screen);
        let mut child = command.spawn().expect("a start");
        drop(command);
        block_on(until("it has workers", || !children_of(child.id()).is_empty()));
        drop(keyboard);
        signal_child(child.id(), Signal::USR1);
        let records = text_of(child.stdout.take().expect("it is piped"));
        assert_eq!((records.lines().count(), code_of(child)), (4, OK), "{args}");
    }
}

/// Both ends of a pipe, of which the given one is non-blocking.
fn non_blocking_pipe(reader: bool) -> (OwnedFd, OwnedFd) {
    let (reading, writing) = pipe_with(PipeFlags::CLOEXEC).expect("a pipe");
    let end = if reader { &reading } else { &writing };
    fcntl_setfl(end, fcntl_getfl(end).expect("flags") | OFlags::NONBLOCK).expect("it can be set");
    (reading, writing)
}

#[test]
fn rows_and_records_pass_non_blocking_streams() {
    let (input, rows_in) = non_blocking_pipe(true);
    let (records, output) = non_blocking_pipe(false);
    let mut command = wpool_run(&wat("echo"), "-j 1");
    command.stdin(input).stdout(output).stderr(Stdio::piped());
    let child = command.spawn().expect("a start");
    drop(command);
    let feeder = thread::spawn(move || {
        let mut rows_in = File::from(rows_in);
        for number in 0..50_000 {
            // The host reads faster than this writes, and so finds the pipe empty again and again.
            writeln!(rows_in, "{number}").expect("it is read");
        }
    });
    // The pipe is full before somebody reads.
    block_on(until("it has workers", || !children_of(child.id()).is_empty()));
    let records = text_of(File::from(records));
    feeder.join().expect("all rows are written");
    assert_eq!(code_of(child), OK);
    let last = records.lines().last().expect("records");
    assert_eq!((records.lines().count(), last), (50_000, r#"{"id":49999,"status":"ok","output":49999}"#));
}

#[test]
fn texts_pass_non_blocking_streams() {
    for args in [&["run", "--help"][..], &["man"], &["completions", "bash"]] {
        let (text, output) = non_blocking_pipe(false);
        let child = wpool().args(args).stdout(output).spawn().expect("a start");
        // The manual is longer than a pipe.
        let text = text_of(File::from(text));
        assert_eq!(code_of(child), OK, "{args:?}");
        assert!(text.len() > 4_096, "{args:?}");
    }
}

#[test]
fn two_runs_into_one_pipe_tear_no_line() {
    let (records, output) = pipe_with(PipeFlags::CLOEXEC).expect("a pipe");
    let input = rows((0..20_000).map(|number| format!("\"{}\"", "x".repeat(number % 300))));
    let start = || {
        let mut command = wpool_run(&wat("echo"), "-j 1");
        command
            .arg(input.path())
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a copy"))
            .stderr(Stdio::null());
        command.spawn().expect("a start")
    };
    let runs = [start(), start()];
    drop(output);
    let records = text_of(File::from(records));
    assert_eq!(records.lines().count(), 40_000);
    for line in records.lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "torn: {line}");
    }
    assert_eq!(runs.map(code_of), [OK, OK]);
}

#[test]
fn an_interrupt_that_was_ignored_at_the_start_stays_so() {
    // As a shell starts a background job of a script.
    let real = wpool_run(&wat("sleep"), "-j 1");
    let mut command = Command::new("sh");
    command.arg("-c").arg("trap '' INT; exec \"$0\" \"$@\"").arg(real.get_program()).args(real.get_args());
    command.envs(real.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut live = Live::start(&mut command);
    live.say("300\n");
    block_on(until("it has a worker", || !children_of(live.pid()).is_empty()));
    signal_child(live.pid(), Signal::INT);
    signal_child(live.pid(), Signal::INT);
    let ran = live.end();
    assert_eq!((ran.code, ran.each("status")), (OK, vec!["ok".into()]), "{}", ran.stderr);
}

#[test]
fn a_background_job_draws_nothing() {
    let (mut keyboard, screen) = terminal();
    let input = rows(["400"; 2]);
    let real = wpool_run(&wat("sleep"), "-j 1 --progress bar -q");
    // A shell with job control, whose terminal it is, starts it in a group of its own.
    let mut command = Command::new("setsid");
    let script = "set -m; \"$0\" \"$@\" >/dev/null & wait $!; echo ended with $?";
    command.arg("--ctty").args(["bash", "-c", script]).arg(real.get_program()).args(real.get_args()).arg(input.path());
    command.envs(real.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("TERM", "xterm");
    let copy = || Stdio::from(screen.try_clone().expect("a copy"));
    let child = command.stdin(copy()).stdout(copy()).stderr(copy()).spawn().expect("a start");
    drop((screen, command));
    let mut seen = Vec::new();
    let mut part = [0; 4096];
    while let Ok(count @ 1..) = keyboard.read(&mut part) {
        seen.extend_from_slice(&part[..count]);
    }
    let seen = String::from_utf8_lossy(&seen).into_owned();
    assert_eq!(code_of(child), OK);
    assert!(seen.contains("ended with 0") && !seen.contains('\u{1b}'), "{seen:?}");
}

#[test]
fn quiet_runs_print_no_warnings() {
    let args = "--verify-isolation --isolation fresh";
    let loud = run(&mut wpool_run(&wat("echo"), args), "1\n");
    assert!(loud.stderr.contains("warning: there is no isolation to verify"), "{}", loud.stderr);
    let quiet = run(&mut wpool_run(&wat("echo"), &format!("{args} -q")), "1\n");
    assert_eq!((quiet.code, &*quiet.stderr), (OK, ""));
}

#[test]
fn a_full_device_is_an_output_that_cannot_be_written() {
    let full = || File::options().write(true).open("/dev/full").expect("the device is there");
    for args in [&["--help"][..], &["--version"], &["run", "--help"], &["man"], &["completions", "bash"]] {
        let child =
            wpool().args(args).stdin(Stdio::piped()).stdout(full()).stderr(Stdio::piped()).spawn().expect("a start");
        assert_eq!(finish(child, "").code, CANNOT_WRITE, "{args:?}");
    }
    for args in ["", "--values", "--values --unordered"] {
        let child = wpool_run(&wat("echo"), args).stdin(Stdio::piped()).stdout(full()).stderr(Stdio::piped()).spawn();
        assert_eq!(finish(child.expect("a start"), "1\n").code, CANNOT_WRITE, "{args}");
    }
    let nothing = run(wpool().arg("--no-such-option"), "");
    assert_eq!(nothing.code, USAGE);
}
