//! Progress for people during a run.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, IsTerminal, Read};
use std::process::{Child, Command, Stdio};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::cli::OK;
use crate::signals::{rows, terminal};
use crate::support::{Ran, Watchdog, block_on, children_of, run, spawn, until, wat, wpool, wpool_run};

/// A run with a terminal: what stood on it, as it was sent there, and what was not written to it.
struct Seen {
    code: Option<i32>,
    screen: String,
    stdout: String,
}

/// Runs a command with its standard error on a terminal, and its standard output, too, if `all` is set.
fn on_terminal(command: &mut Command, all: bool) -> Seen {
    let (mut keyboard, screen) = terminal();
    assert!(screen.is_terminal());
    let stdout = if all { Stdio::from(screen.try_clone().expect("a copy")) } else { Stdio::piped() };
    // The tests may have been started from anywhere.
    command.env("TERM", "xterm").stdin(Stdio::null()).stdout(stdout).stderr(screen);
    let mut child = command.spawn().expect("a start");
    // The command holds the other end, which has to be closed for the terminal to end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let _watchdog = Watchdog::over(&child);
    let reader = thread::spawn(move || read_all(&mut keyboard));
    let mut stdout = String::new();
    if let Some(mut pipe) = child.stdout.take() {
        pipe.read_to_string(&mut stdout).expect("text");
    }
    let code = child.wait().expect("it can be waited for").code();
    Seen { code, screen: reader.join().expect("a reader"), stdout }
}

/// Everything that comes to a terminal until nobody has it any more, which reads as an error.
fn read_all(terminal: &mut File) -> String {
    let (mut all, mut part) = (Vec::new(), [0; 4096]);
    while let Ok(count @ 1..) = terminal.read(&mut part) {
        all.extend_from_slice(&part[..count]);
    }
    String::from_utf8(all).expect("text")
}

/// A run of tasks that sleep for half a second.
fn sleeps(args: &str) -> (tempfile::NamedTempFile, Command) {
    let input = rows(["500"; 4]);
    let mut command = wpool_run(&wat("sleep"), args);
    command.arg(input.path());
    (input, command)
}

fn assert_slept(records: &str) {
    let records: Vec<Value> = records.lines().map(|line| serde_json::from_str(line).expect("a record")).collect();
    let expected: Vec<Value> =
        (0..4).map(|id| serde_json::json!({ "id": id, "status": "ok", "output": "slept" })).collect();
    assert_eq!(records, expected);
}

/// The name of a compiler in a list of processes.
const COMPILER: &str = "wpool compiler\n";
const CLEARS: &str = "\u{1b}[";

#[test]
fn a_terminal_that_takes_no_records_shows_a_bar_and_what_each_worker_does() {
    let (_input, mut command) = sleeps("-j 2");
    let seen = on_terminal(&mut command, false);
    assert_eq!(seen.code, Some(OK), "{}", seen.screen);
    for needle in ["/4 done (", "/s", " left", "0 not ok", "worker 0: task ", "worker 1: task ", CLEARS, "4 tasks in "]
    {
        assert!(seen.screen.contains(needle), "no {needle:?} in {}", seen.screen);
    }
    assert_slept(&seen.stdout);
}

#[test]
fn of_many_workers_the_number_and_the_oldest_task_are_shown() {
    let (_input, mut command) = sleeps("-j 9");
    let seen = on_terminal(&mut command, false);
    assert!(seen.screen.contains(" of 9 workers run a task; longest: task "), "{}", seen.screen);
    assert!(!seen.screen.contains("worker 0:"), "{}", seen.screen);
}

#[test]
fn a_total_that_nobody_knows_is_not_shown() {
    let (input, _) = sleeps("");
    let mut command = Command::new("sh");
    let real = wpool_run(&wat("sleep"), "-j 2");
    command.args(["-c", "cat \"$0\" | \"$@\""]).arg(input.path()).arg(real.get_program()).args(real.get_args());
    command.envs(real.get_envs().filter_map(|(name, value)| Some((name, value?)))).env_remove("CI");
    let seen = on_terminal(&mut command, false);
    assert_eq!(seen.code, Some(OK), "{}", seen.screen);
    assert!(seen.screen.contains("2 done, ") && !seen.screen.contains("/4"), "{}", seen.screen);
    assert_slept(&seen.stdout);
}

#[test]
fn records_and_a_bar_on_one_terminal_do_not_garble_each_other() {
    let (_input, mut command) = sleeps("-j 2 --progress bar");
    let seen = on_terminal(&mut command, true);
    assert_eq!(seen.code, Some(OK), "{}", seen.screen);
    assert!(seen.screen.contains("/4 done ("), "{}", seen.screen);
    let left = left_on_screen(&seen.screen);
    assert_slept(&left[..4].join("\n"));
    assert!(left.len() == 5 && left[4].starts_with("wpool: 4 tasks in "), "{left:?}");
}

#[test]
fn messages_stand_on_lines_of_their_own_and_nothing_is_left_of_a_bar() {
    let (_input, mut command) = sleeps("-j 2 -v");
    let seen = on_terminal(&mut command, false);
    let left = left_on_screen(&seen.screen);
    let started = left.iter().filter(|line| line.starts_with("wpool: worker ") && line.contains(" started (pid "));
    assert_eq!(started.count(), 2, "{left:?}");
    assert!(left.iter().all(|line| line.starts_with("wpool: ") || line.starts_with("  ")), "{left:?}");
    assert!(!left.iter().any(|line| line.contains(" done")), "{left:?}");
}

/// Columns of a terminal that has not been told how wide it is.
const COLUMNS: usize = 80;

/// The lines that stand on a terminal in the end, without those that are empty. A line that was too
/// long for one row of the terminal is one line.
fn left_on_screen(sent: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut wrapped = HashSet::new();
    let (mut row, mut column) = (0, 0);
    let mut rest = sent;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '\n' => row += 1,
            '\r' => column = 0,
            '\u{1b}' => {
                let end = rest.find(|c: char| c.is_ascii_alphabetic()).expect("a command");
                let count = rest[1..end].parse().unwrap_or(1);
                match &rest[end..=end] {
                    "A" => row -= count,
                    "B" => row += count,
                    "K" => {
                        lines[row].clear();
                        wrapped.remove(&row);
                    }
                    command => panic!("what is {command}?"),
                }
                rest = &rest[end + 1..];
            }
            c => {
                if column == COLUMNS {
                    (row, column) = (row + 1, 0);
                    wrapped.insert(row);
                    lines.resize(lines.len().max(row + 1), String::new());
                }
                let mut line: Vec<char> = lines[row].chars().collect();
                line.resize(line.len().max(column + 1), ' ');
                line[column] = c;
                lines[row] = line.into_iter().collect();
                column += 1;
            }
        }
        lines.resize(lines.len().max(row + 1), String::new());
    }
    let mut whole: Vec<String> = Vec::new();
    for (row, line) in lines.into_iter().enumerate() {
        match whole.last_mut() {
            Some(begun) if wrapped.contains(&row) => begun.push_str(&line),
            _ => whole.push(line),
        }
    }
    let whole = whole.into_iter().map(|line| line.trim_end().to_owned());
    whole.filter(|line| !line.is_empty()).collect()
}

#[test]
fn a_line_that_is_too_long_for_a_row_of_the_terminal_is_one_line() {
    let long = "x".repeat(COLUMNS + 1);
    assert_eq!(left_on_screen(&format!("{long}\r\ny\r\n")), [long.as_str(), "y"]);
    assert_eq!(left_on_screen(&format!("{long}\r\u{1b}[K\u{1b}[1A\u{1b}[Ky\r\n")), ["y"]);
}

#[test]
fn nothing_is_drawn_where_it_would_disturb() {
    for (args, all, term) in [
        ("-q", false, "xterm"),
        ("-q --progress bar", false, "xterm"),
        ("--progress none", false, "xterm"),
        // Records on the same terminal are progress enough.
        ("", true, "xterm"),
        ("", false, "dumb"),
    ] {
        let (_input, mut command) = sleeps(&format!("-j 2 {args}"));
        // The helper's own is overwritten by a shell that sets another.
        let seen = if term == "dumb" {
            let mut shell = Command::new("sh");
            shell.args(["-c", "TERM=dumb exec \"$0\" \"$@\""]).arg(command.get_program()).args(command.get_args());
            shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?)))).env_remove("CI");
            on_terminal(&mut shell, all)
        } else {
            on_terminal(&mut command, all)
        };
        assert_eq!(seen.code, Some(OK), "{args}: {}", seen.screen);
        assert!(!seen.screen.contains(CLEARS) && !seen.screen.contains(" done"), "{args}: {:?}", seen.screen);
    }
}

/// A folder with a program that it takes a compiler a moment to compile, and a row.
fn long_program() -> tempfile::TempDir {
    let place = crate::cli::folder();
    let bodies = "(func (result i32) (i32.const 1) (i32.const 2) (i32.add))\n".repeat(30_000);
    let text = format!(r#"(module (memory (export "memory") 1) (func (export "_start")) {bodies})"#);
    fs::create_dir(place.path().join("programs")).expect("a folder");
    crate::cli::write(&place, "programs/long.wat", text);
    crate::cli::write(&place, "rows", "1\n");
    place
}

/// Waits until the compiler of a command is at work. The one before it only looks at the program.
fn compiler_of(child: &Child) -> Pid {
    let is_one = |pid: &u32| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == COMPILER);
    let mut all = Vec::new();
    block_on(until("there is a second compiler", || {
        let found = children_of(child.id()).into_iter().filter(is_one).find(|pid| !all.contains(pid));
        all.extend(found);
        all.len() == 2
    }));
    Pid::from_raw(all[1] as i32).expect("a number")
}

#[test]
fn a_program_that_takes_long_to_compile_is_named_once_without_a_terminal() {
    let place = long_program();
    for args in ["run programs/long.wat rows --no-cache", "judge programs rows --no-cache --timeout 9s --expect x"] {
        let mut child = spawn(wpool().current_dir(place.path()).args(args.split_whitespace()));
        let _watchdog = Watchdog::over(&child);
        // It is stopped until the program is named.
        let compiler = compiler_of(&child);
        kill_process(compiler, Signal::STOP).expect("it is there");
        let mut said = BufReader::new(child.stderr.take().expect("it is piped")).lines().map_while(Result::ok);
        assert_eq!(said.next().as_deref(), Some("wpool: compiling long.wat"), "{args}");
        kill_process(compiler, Signal::CONT).expect("it is there");
        let rest: Vec<_> = said.filter(|line| line.contains("compiling")).collect();
        assert!(rest.is_empty(), "{args}: {rest:?}");
        child.wait().expect("it can be waited for");
    }
}

/// Runs three seconds of sleep with its output in pipes.
fn in_pipes(args: &str, ci: Option<&str>) -> Ran {
    let input = rows(["3000", "1"]);
    let mut command = wpool_run(&wat("chatty-sleep"), args);
    if let Some(ci) = ci {
        command.env("CI", ci);
    }
    let ran = run(command.arg(input.path()), "");
    assert_eq!((ran.code, ran.records().len()), (OK, 2), "{}", ran.stderr);
    ran
}

#[test]
fn ci_gets_a_line_every_few_seconds() {
    for (args, ci) in [("", Some("true")), ("--progress counter", None), ("--progress bar", None)] {
        let ran = in_pipes(&format!("-j 2 {args}"), ci);
        let lines: Vec<_> = ran.stderr.lines().filter(|line| line.contains(" done")).collect();
        assert_eq!(lines.len(), 1, "{args}: {}", ran.stderr);
        assert!(lines[0].starts_with("wpool: 1/2 done (50 %), "), "{args}: {}", ran.stderr);
        assert!(!ran.stderr.contains(CLEARS), "{args}: {:?}", ran.stderr);
    }
}

#[test]
fn nobody_else_gets_one() {
    for (args, ci) in [("", None), ("", Some("false")), ("-q", Some("true")), ("--progress none", Some("true"))] {
        let ran = in_pipes(&format!("-j 2 {args}"), ci);
        assert!(!ran.stderr.contains(" done"), "{args} {ci:?}: {}", ran.stderr);
    }
}

#[test]
fn a_slow_task_is_told_of_once() {
    let ran = in_pipes("-j 2 --slow 1s", None);
    let lines: Vec<_> = ran.stderr.lines().filter(|line| line.contains("slow: ")).collect();
    let [line] = lines[..] else { panic!("{}", ran.stderr) };
    assert!(line.starts_with("wpool: slow: task 0 has been running for "), "{line}");
    let ran = run(&mut wpool_run(&wat("sleep"), "-j 1 --slow 100ms"), "900\n");
    assert!(ran.stderr.contains("slow: task 0 has been running for "), "{}", ran.stderr);
    assert_eq!(in_pipes("-j 2 --slow 1s -q", None).stderr, "");
    assert!(!in_pipes("-j 2", None).stderr.contains("slow: "));
}

#[test]
fn the_number_of_failures_is_never_cut_off_beside_the_bar() {
    // So many rows that the whole line is longer than the rest of a terminal of 80 columns.
    let input = rows(vec!["1"; 400_000]);
    let mut command = wpool_run(&wat("echo"), "-j 2 --timeout 60s --isolation fresh");
    let seen = on_terminal(command.arg(input.path()), false);
    assert_eq!(seen.code, Some(OK), "{}", seen.screen);
    let frames: Vec<_> = seen.screen.split("/400000 done (").skip(1).collect();
    assert!(!frames.is_empty(), "the run takes longer than a frame");
    for frame in frames {
        let frame: String = frame.chars().take(30).collect();
        assert!(frame.contains(" 0 not ok"), "{frame:?}");
    }
}
