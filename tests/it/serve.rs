//! `wpool serve`: a client that speaks frames gets its results, and one that lies gets a sentence.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, ChildStdout};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::support::*;

const SUBMIT: u8 = 2;
const CANCEL: u8 = 4;
const STATS: u8 = 5;
const SHUTDOWN: u8 = 6;
const READY: u8 = 0x81;
const RESULTS: u8 = 0x82;
const ERROR: u8 = 0x83;
const CANCELLED: u8 = 0x86;
const REGISTERED: u8 = 0x87;
const STATS_REPLY: u8 = 0x88;
const CLOSED: u8 = 0x89;

/// A result as a client reads it.
#[derive(Debug, PartialEq)]
struct Got {
    id: u64,
    status: u8,
    output: Vec<u8>,
    detail: Value,
}

struct Client {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    _watchdog: Watchdog,
}

fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32 + 1).to_le_bytes()[..], &[kind], body].concat()
}

fn hello(settings: &Value) -> Vec<u8> {
    let text = settings.to_string();
    frame(1, &[&1u32.to_le_bytes()[..], &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat())
}

fn task(id: u64, function: u32, row: &[u8]) -> Vec<u8> {
    let head = [&id.to_le_bytes()[..], &function.to_le_bytes(), &0u64.to_le_bytes()].concat();
    [&head[..], &(row.len() as u32).to_le_bytes(), row].concat()
}

fn cancel(id: u64, running: u8) -> Vec<u8> {
    frame(CANCEL, &[&id.to_le_bytes()[..], &[running]].concat())
}

/// Cuts a frame of results.
fn results(mut body: &[u8]) -> Vec<Got> {
    let mut found = Vec::new();
    let number = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("four bytes")) as usize;
    while !body.is_empty() {
        let (head, rest) = body.split_at(44);
        let (output, rest) = rest.split_at(number(&head[36..40]));
        let (detail, rest) = rest.split_at(number(&head[40..44]));
        let id = u64::from_le_bytes(head[..8].try_into().expect("eight bytes"));
        let detail = serde_json::from_slice(detail).unwrap_or_default();
        found.push(Got { id, status: head[8], output: output.to_vec(), detail });
        body = rest;
    }
    found
}

impl Client {
    fn start() -> Client {
        let mut child = spawn(wpool().arg("serve"));
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().expect("it is piped"));
        Client { _watchdog: Watchdog::over(&child), child, stdin, stdout }
    }

    /// A client of a program, which is ready.
    fn of(guest: &str, settings: Value) -> Client {
        let mut all = json!({"program": wat(guest), "max_workers": 1});
        all.as_object_mut().expect("an object").extend(settings.as_object().cloned().unwrap_or_default());
        let mut client = Client::start();
        client.say(&hello(&all));
        let (kind, body) = client.frame().expect("it answers");
        assert_eq!(kind, READY, "{}", String::from_utf8_lossy(&body));
        client
    }

    fn say(&mut self, bytes: &[u8]) {
        // A server that has said what is wrong does not read on.
        let _ = self.stdin.as_mut().expect("it is open").write_all(bytes);
    }

    fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut head = [0; 5];
        self.stdout.read_exact(&mut head).ok()?;
        let length = u32::from_le_bytes(head[..4].try_into().expect("four bytes"));
        let mut body = vec![0; length as usize - 1];
        self.stdout.read_exact(&mut body).expect("frames are whole");
        Some((head[4], body))
    }

    /// The next frame of this kind; results and others are left out.
    fn next(&mut self, kind: u8) -> Vec<u8> {
        loop {
            let (found, body) = self.frame().expect("it comes before the end");
            if found == kind {
                return body;
            }
        }
    }

    /// Waits until the only worker runs this task.
    fn until_runs(&mut self, id: u64) {
        loop {
            self.say(&frame(STATS, &[]));
            let stats: Value = serde_json::from_slice(&self.next(STATS_REPLY)).expect("JSON");
            if stats["running"][0]["id"] == id {
                return;
            }
        }
    }

    /// Reads to the end: all results, the last other frame, and the exit code.
    fn end(mut self) -> (Vec<Got>, (u8, Value), i32) {
        let (mut got, mut last) = (Vec::new(), (0, Value::Null));
        while let Some((kind, body)) = self.frame() {
            match kind {
                RESULTS => got.extend(results(&body)),
                _ => last = (kind, serde_json::from_slice(&body).unwrap_or_default()),
            }
        }
        let status = self.child.wait().expect("it can be waited for");
        got.sort_by_key(|got| got.id);
        (got, last, status.code().unwrap_or(-1))
    }
}

/// Waits until the kernel has ended the children of a process that is gone. A test that hangs fails.
fn until_nothing_is_left_of(pid: u32) {
    let started = Instant::now();
    while !children_of(pid).is_empty() {
        assert!(started.elapsed() < Duration::from_secs(60), "children of {pid} are left");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn every_task_of_a_client_has_one_result() {
    let mut client = Client::of("echo", json!({"max_workers": 2}));
    let tasks: Vec<u8> = (0..1000).flat_map(|id| task(id, 0, format!("row {id}").as_bytes())).collect();
    client.say(&frame(SUBMIT, &tasks));
    client.say(&frame(SHUTDOWN, &[0]));
    let (got, (last, _), code) = client.end();
    assert_eq!((last, code, got.len()), (CLOSED, 0, 1000));
    for (id, got) in got.iter().enumerate() {
        let expected = Got { id: id as u64, status: 0, output: format!("row {id}").into_bytes(), detail: Value::Null };
        assert_eq!(*got, expected);
    }
}

#[test]
fn a_failure_has_its_detail() {
    let mut client = Client::of("trap", json!({"receipts": true}));
    client.say(&frame(SUBMIT, &task(7, 0, b"1")));
    client.say(&frame(SHUTDOWN, &[0]));
    let (got, _, _) = client.end();
    assert_eq!((got[0].id, got[0].status), (7, 2));
    assert_eq!(got[0].detail["error"]["code"], "unreachable", "{}", got[0].detail);
    assert!(got[0].detail["peak_memory"].is_u64(), "{}", got[0].detail);
}

#[test]
fn a_waiting_task_is_cancelled_and_a_running_one_killed() {
    let mut client = Client::of("spin-on-bang", json!({}));
    client.say(&frame(SUBMIT, &[task(1, 0, b"!"), task(2, 0, b"a"), task(3, 0, b"b")].concat()));
    client.until_runs(1);
    for (id, running, stopped) in [(1, 0, 0), (2, 0, 1), (99, 1, 0), (1, 1, 1)] {
        client.say(&cancel(id, running));
        let answer = client.next(CANCELLED);
        assert_eq!((answer[0], answer[8]), (id as u8, stopped), "{id} {running}");
    }
    client.say(&frame(SHUTDOWN, &[0]));
    // The results of 1 and 2 may have come while the answers were waited for.
    let (got, (last, _), _) = client.end();
    assert_eq!(last, CLOSED);
    assert!(got.iter().any(|got| got.id == 3 && got.output == b"b"), "{got:?}");
}

#[test]
fn the_end_of_the_input_ends_as_it_was_told() {
    for (at_end, statuses) in [("drain", [0, 0, 0]), ("kill", [9, 10, 10])] {
        let guest = if at_end == "drain" { "echo" } else { "spin" };
        let mut client = Client::of(guest, json!({"at_end": at_end}));
        client.say(&frame(SUBMIT, &[task(1, 0, b"a"), task(2, 0, b"b"), task(3, 0, b"c")].concat()));
        if at_end == "kill" {
            client.until_runs(1);
        }
        drop(client.stdin.take());
        let (got, (last, _), code) = client.end();
        let found: Vec<_> = got.iter().map(|got| got.status).collect();
        assert_eq!((found, last, code), (statuses.to_vec(), CLOSED, 0), "{at_end}");
    }
}

#[test]
fn functions_are_registered_and_called() {
    let mut client = Client::start();
    client.say(&hello(&json!({"program": guest("typed"), "max_workers": 1, "call": "shapes.area"})));
    assert_eq!(client.frame().expect("it answers").0, READY);
    for (key, name) in [(1u32, "shapes.area"), (2, "none")] {
        client.say(&frame(3, &[&key.to_le_bytes()[..], name.as_bytes()].concat()));
        let answer: Value = serde_json::from_slice(&client.next(REGISTERED)).expect("JSON");
        assert_eq!((&answer["key"], answer["error"].is_object()), (&json!(key), name == "none"), "{answer}");
    }
    client.say(&frame(SUBMIT, &task(5, 1, br#""empty""#)));
    client.say(&frame(SHUTDOWN, &[0]));
    let (got, _, _) = client.end();
    assert_eq!((got[0].id, got[0].status, got[0].output[0]), (5, 0, b'0'));
}

#[test]
fn a_client_that_lies_gets_a_sentence_and_leaves_nothing() {
    let mut too_many = Vec::new();
    for id in 0..=4096 {
        too_many.extend(task(id, 0, b"!"));
    }
    let twice = [task(1, 0, b"!"), task(1, 0, b"!")].concat();
    let lies: [(&str, Vec<u8>, &str); 9] = [
        ("a length of 0", vec![0; 4], "a frame here has from 1"),
        ("an endless length", vec![255; 8], "a frame here has from 1"),
        ("an unknown kind", frame(99, b""), "no frame of kind 99"),
        ("a second hello", hello(&json!({})), "a hello comes once"),
        ("a task that is cut off", frame(SUBMIT, &[1; 20]), "ends within a part"),
        ("an id twice", frame(SUBMIT, &twice), "task 1 is still open"),
        ("more than the credit", frame(SUBMIT, &too_many), "more tasks or bytes than it has credit"),
        ("an unknown function", frame(SUBMIT, &task(1, 9, b"!")), "no function of key 9"),
        (
            "a task behind the end",
            [frame(SHUTDOWN, &[0]), frame(SUBMIT, &task(2, 0, b"!"))].concat(),
            "after the shutdown",
        ),
    ];
    for (name, lie, said) in lies {
        let mut client = Client::of("spin-on-bang", json!({}));
        client.say(&frame(SUBMIT, &task(5000, 0, b"!")));
        client.say(&lie);
        let pid = client.child.id();
        let (_, (last, error), code) = client.end();
        assert_eq!((last, &error["code"], code), (ERROR, &json!("protocol"), 2), "{name}: {error}");
        assert!(error["message"].as_str().expect("a sentence").contains(said), "{name}: {error}");
        until_nothing_is_left_of(pid);
    }
}

#[test]
fn wrong_settings_and_programs_are_named() {
    let text =
        |text: &str| frame(1, &[&1u32.to_le_bytes()[..], &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat());
    for (name, first, code, settings, exit) in [
        ("no JSON", text("["), "setting", json!(null), 2),
        ("no program", hello(&json!({})), "setting", json!(null), 2),
        ("an unknown setting", hello(&json!({"program": wat("echo"), "timout": 1})), "setting", json!(null), 2),
        (
            "a conflict",
            hello(&json!({"program": wat("echo"), "timeout": 1, "deterministic": 1})),
            "setting",
            json!(["deterministic", "timeout"]),
            2,
        ),
        ("a refused program", hello(&json!({"program": wat("unknown-import")})), "refused", json!(null), 101),
        ("a missing program", hello(&json!({"program": "none.wasm"})), "set-up", json!(null), 96),
        ("another version", frame(1, &[9, 0, 0, 0, 0, 0, 0, 0]), "protocol", json!(null), 2),
        ("another frame", frame(SHUTDOWN, &[0]), "protocol", json!(null), 2),
    ] {
        let mut client = Client::start();
        client.say(&first);
        let (_, (last, error), found) = client.end();
        assert_eq!(
            (last, &error["code"], &error["settings"], found),
            (ERROR, &json!(code), &settings, exit),
            "{name}: {error}"
        );
    }
}

#[test]
fn any_bytes_end_with_an_error_or_quietly() {
    // A sequence that is always the same, and looks like chance.
    let mut seed = 1u64;
    let mut next = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as u8
    };
    for round in 0..40 {
        let mut client = Client::of("echo", json!({}));
        let body: Vec<u8> = (0..next()).map(|_| next() % 4).collect();
        client.say(&frame(next() % 8, &body));
        client.say(&body);
        drop(client.stdin.take());
        let (_, (last, error), code) = client.end();
        let ended = [(CLOSED, 0), (ERROR, 2)].contains(&(last, code)) || (last, code) == (STATS_REPLY, 0);
        assert!(ended, "round {round}: {last} {code} {error}");
    }
}

#[test]
fn a_client_that_does_not_read_loses_nothing() {
    let mut client = Client::of("echo", json!({"max_workers": 2}));
    let row = vec![b'x'; 1 << 20];
    // As much as there is credit for, which no pipe holds.
    for id in 0..32 {
        client.say(&frame(SUBMIT, &task(id, 0, &row)));
    }
    client.say(&frame(SHUTDOWN, &[0]));
    let (got, (last, _), code) = client.end();
    assert_eq!((got.len(), last, code), (32, CLOSED, 0));
    assert!(got.iter().all(|got| got.status == 0 && got.output == row));
}

#[test]
fn nothing_is_left_when_the_client_or_its_pipe_goes_away() {
    // The process that is watched ends, while the pipe stays open.
    let mut watched = wpool();
    let mut watched = spawn(watched.args(["run", "-j", "1"]).arg(wat("spin")));
    let mut client = Client::of("spin", json!({"watch": watched.id()}));
    client.say(&frame(SUBMIT, &task(1, 0, b"1")));
    let pid = client.child.id();
    watched.kill().expect("it can be killed");
    watched.wait().expect("it ends");
    let (got, _, code) = client.end();
    // The task may not have arrived yet.
    assert!(got.len() <= 1 && code == 0, "{code}");
    until_nothing_is_left_of(pid);
    // Nobody reads any more.
    let Client { mut child, stdin, stdout, _watchdog } = Client::of("spin", json!({}));
    drop(stdout);
    let mut stdin = stdin.expect("it is open");
    let writer = thread::spawn(move || while stdin.write_all(&frame(STATS, &[])).is_ok() {});
    assert!(child.wait().expect("it ends").success());
    writer.join().expect("it ends");
}

#[test]
fn a_signal_kills_what_runs() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let mut client = Client::of("spin", json!({}));
        client.say(&frame(SUBMIT, &task(1, 0, b"1")));
        client.say(&frame(STATS, &[]));
        client.next(STATS_REPLY);
        kill_process(Pid::from_child(&client.child), signal).expect("it runs");
        let (got, (last, _), found) = client.end();
        assert_eq!((got.len(), last, found), (1, CLOSED, code), "{signal:?}");
    }
}
