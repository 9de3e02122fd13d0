//! Who reads the events: slowly, not any more, or through a descriptor.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::{Command, Stdio};

use rustix::pipe::{PipeFlags, pipe_with};

use super::*;
use crate::signals::rows;

/// `wpool run` as a shell starts it, with a descriptor 3.
fn with_descriptor(script: &str, three: OwnedFd) -> Command {
    use command_fds::{CommandFdExt, FdMapping};
    let mut command = Command::new("sh");
    for (name, value) in wpool().get_envs() {
        value.map(|value| command.env(name, value));
    }
    let guests = root().join("guest-tasks/wat");
    command.env("wpool", env!("CARGO_BIN_EXE_wpool")).env("G", guests).env_remove("CI").args(["-c", script]);
    let mapping = FdMapping { parent_fd: three, child_fd: 3 };
    command.fd_mappings(vec![mapping]).expect("one mapping");
    command
}

#[test]
fn a_descriptor_that_was_given_takes_the_events_and_no_child_has_it() {
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).expect("a pipe");
    let link = std::fs::read_link(format!("/proc/self/fd/{}", writer.as_raw_fd())).expect("a link");
    let mut command = with_descriptor("exec $wpool run $G/echo.wat -j 1 -q --events fd:3 --events-tasks", writer);
    let mut live = Live::start(&mut command);
    drop(command);
    live.say("1\n");
    live.line();
    let mut lines = BufReader::new(File::from(reader)).lines().map_while(Result::ok);
    let mut next = || event(&lines.next().expect("an event"));
    while next()["event"] != "task-settled" {}
    let has = |pid: u32| {
        let entries = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("descriptors").flatten();
        entries.filter(|entry| std::fs::read_link(entry.path()).is_ok_and(|to| to == link)).count()
    };
    let children = children_of(live.pid());
    assert!(!children.is_empty() && has(live.pid()) > 0);
    assert_eq!(children.into_iter().map(has).sum::<usize>(), 0);
    assert_eq!(live.end().code, OK);
    assert_eq!(lines.map(|line| event(&line)).last().expect("an end")["event"], "run-finished");
}

#[test]
fn descriptors_are_refused_that_are_not_open_or_take_something_else() {
    let folder = folder();
    for (script, code, needle) in [
        ("$wpool run $G/echo.wat -n --events fd:9", CANNOT_WRITE, "no file is open with this number"),
        ("$wpool run $G/echo.wat -n --events fd:9 9< /dev/null", CANNOT_WRITE, "not open for writing"),
        ("$wpool run $G/echo.wat -n --events fd:1", USAGE, "standard output, which takes the records"),
        ("$wpool run $G/echo.wat -n --events - ", USAGE, "standard output is for records"),
        ("$wpool run $G/echo.wat -n --events fd:x", USAGE, "the number of a descriptor"),
        ("$wpool run $G/echo.wat -n -o /dev/fd/3 --events fd:3", USAGE, "cannot take records and the events"),
        ("$wpool run $G/echo.wat -n --events fd:3 >&3", USAGE, "cannot take records and the events"),
        ("$wpool run $G/echo.wat -n --events-tasks", USAGE, "--events"),
    ] {
        let (_reader, writer) = pipe_with(PipeFlags::CLOEXEC).expect("a pipe");
        let ran = run(with_descriptor(script, writer).current_dir(folder.path()), "");
        assert_eq!((ran.code, ran.stdout.as_str()), (code, ""), "{script}: {}", ran.stderr);
        assert!(ran.stderr.contains(needle), "{script}: {}", ran.stderr);
    }
    // Where records go elsewhere, standard output and standard error are as good as others.
    for (script, events) in [("-o out --events fd:1", "stdout"), ("-q -o /dev/null --events fd:2", "stderr")] {
        let (_reader, writer) = pipe_with(PipeFlags::CLOEXEC).expect("a pipe");
        let script = format!("$wpool run $G/echo.wat -n {script}");
        let ran = run(with_descriptor(&script, writer).current_dir(folder.path()), "");
        let text = if events == "stdout" { &ran.stdout } else { &ran.stderr };
        assert_eq!(ran.code, OK, "{script}: {}", ran.stderr);
        assert_eq!(event(text.lines().last().expect("an event"))["event"], "run-finished", "{script}");
    }
}

#[test]
fn a_reader_who_leaves_is_told_of_once_and_the_run_continues() {
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).expect("a pipe");
    drop(reader);
    let script = "exec $wpool run $G/echo.wat -q --events fd:3 --events-tasks";
    let rows: String = (0..1_000).map(|row| format!("{row}\n")).collect();
    let ran = run(&mut with_descriptor(script, writer), rows);
    assert_eq!((ran.code, ran.records().len()), (OK, 1_000), "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("nobody reads the events").count(), 1, "{}", ran.stderr);
}

#[test]
fn a_reader_who_never_reads_does_not_hold_up_the_run() {
    let (_unread, writer) = pipe_with(PipeFlags::CLOEXEC).expect("a pipe");
    // More than waits for a reader.
    let input = rows((0..200_000).map(|number| number.to_string()));
    let script = "exec $wpool run $G/echo.wat $rows -q --events fd:3 --events-tasks";
    let mut command = with_descriptor(script, writer);
    let ran = run(command.env("rows", input.path()).stdin(Stdio::null()), "");
    assert_eq!((ran.code, ran.stdout.lines().count()), (OK, 200_000), "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("nobody reads the events").count(), 1, "{}", ran.stderr);
}

#[test]
fn a_pipe_with_a_name_may_have_its_reader_later_or_never() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let folder = folder();
    let path = folder.path().join("pipe");
    mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).expect("a pipe");
    let mut live = Live::start(wpool_run(&wat("echo"), "-q --events").arg(&path));
    live.say("1\n");
    live.line();
    let reader = BufReader::new(File::open(&path).expect("a reader"));
    assert_eq!(live.end().code, OK);
    let log: Vec<_> = reader.lines().map(|line| event(&line.expect("text"))).collect();
    assert_eq!((&log[0]["event"], &log[log.len() - 1]["event"]), (&"run-started".into(), &"run-finished".into()));
    let ran = run(wpool_run(&wat("echo"), "-q --events").arg(&path), "1\n");
    assert_eq!((ran.code, ran.records().len()), (OK, 1), "{}", ran.stderr);
    assert!(ran.stderr.contains("nobody reads the events"), "{}", ran.stderr);
}
