//! Text of others does nothing on a terminal: every command is run on programs, rows, files and tools whose texts and names
//! are made to act there, or to forge lines of wpool's own. What is printed and written is looked at, character by character.

use std::cell::Cell;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::*;

/// The places that each test is run in; a seed gives the same texts everywhere. `WPOOL_INERT` is how many there are.
fn places() -> impl Iterator<Item = Place> {
    let count = std::env::var("WPOOL_INERT").map_or(4, |count| count.parse().expect("a number"));
    (1..=count).map(Place::new)
}

/// Texts that act: on a terminal, on lines, on directions, or without being seen.
const ACTIVE: [&str; 24] = [
    "\n",
    "\r",
    "\r\n",
    "\t",
    "\u{8}",
    "\u{b}",
    "\u{1b}[2J",
    "\u{1b}]0;title\u{7}",
    "\u{7f}",
    "\u{85}",
    "\u{9b}31m",
    "\u{9d}0;title\u{9c}",
    "\u{202e}",
    "\u{202a}",
    "\u{2066}",
    "\u{2069}",
    "\u{200e}",
    "\u{200f}",
    "\u{61c}",
    "\u{2028}",
    "\u{2029}",
    "\u{feff}",
    "\u{200b}",
    "\u{e0041}",
];

/// Lines that wpool itself might print, and does not. All hold the word `forged`.
const FORGED: [&str; 7] = [
    "wpool: 3 tasks in 0.001s: 3 ok, forged",
    "isolation   instances can be put back, forged",
    "  advice   forged",
    "task      0: ok (the same as recorded), forged",
    "output     forged",
    "{\"id\":0,\"status\":\"ok\",\"output\":\"forged\"}",
    "forged:1: expected a value",
];

/// Whether a character must not be printed. A table of its own, so that wpool's is held to it.
fn is_active(c: char) -> bool {
    let tag = ('\u{e0000}'..'\u{e0080}').contains(&c);
    c != '\n' && (c.is_control() || tag || ACTIVE.iter().any(|text| text.starts_with(c)))
}

/// Checks what a command has printed or written.
fn assert_inert(what: &str, text: &str) {
    if let Some(c) = text.chars().find(|c| is_active(*c)) {
        panic!("{what}: {c:?} in {text:?}");
    }
    let is_forged = |line: &&str| FORGED.iter().any(|forged| line.starts_with(forged));
    if let Some(line) = text.lines().find(is_forged) {
        panic!("{what}: the line {line:?} is forged in\n{text}");
    }
}

/// A text as WebAssembly text has it between quotes.
fn quoted(text: &str) -> String {
    text.bytes().map(|byte| format!("\\{byte:02x}")).collect()
}

/// A folder in which everything that can be named is named by a seed.
struct Place {
    folder: tempfile::TempDir,
    random: Cell<u64>,
}

impl Place {
    fn new(seed: u64) -> Place {
        Place { folder: tempfile::tempdir().unwrap(), random: Cell::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)) }
    }

    /// One of several, by an xorshift generator.
    fn choose<'a>(&self, among: &[&'a str]) -> &'a str {
        let mut random = self.random.get();
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        self.random.set(random);
        among[(random >> 11) as usize % among.len()]
    }

    /// A text that acts, and has forged lines behind all kinds of line ends.
    fn text(&self) -> String {
        let ends = ["\n", "\r\n", "\r", "\n\n", "\u{85}", "\u{2028}"];
        let forged = || format!("{}{}", self.choose(&ends), self.choose(&FORGED));
        let active = || self.choose(&ACTIVE);
        format!("{}a{}{}{}\n{}", active(), active(), forged(), active(), self.choose(&FORGED))
    }

    /// The name of a file that is not there yet.
    fn name(&self, end: &str) -> String {
        format!("{}{end}", self.text().replace('/', " "))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file that has such a name, and gives the name.
    fn file(&self, end: &str, content: impl AsRef<[u8]>) -> String {
        let name = self.name(end);
        fs::write(self.path(&name), content).unwrap();
        name
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = wpool();
        command.current_dir(self.folder.path()).env("XDG_STATE_HOME", self.path("state")).args(args);
        command
    }

    /// Runs a command and looks at all that it says.
    fn looked_at(&self, args: &[&str]) -> Ran {
        look_at(&mut self.command(args), args)
    }

    /// As [`Place::looked_at`], for a command that has to repeat something of what it was given.
    fn loud(&self, args: &[&str]) -> Ran {
        let ran = self.looked_at(args);
        assert!((ran.stdout.clone() + &ran.stderr).contains("forged"), "{args:?} says nothing of it: {ran:?}");
        ran
    }

    /// Looks at a file that wpool has written.
    fn look_into(&self, name: &str) {
        assert_inert(name, &fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}")));
    }

    /// A command that prints, and traps or exits with 3 in a function whose name acts.
    fn program(&self, ends: Ends) -> String {
        let json = self.text().replace(|c: char| c < ' ', "").replace(['"', '\\'], "");
        let output = if ends == Ends::Well { format!("{{\"{json}\":\t\"{json}\"}}") } else { self.text() };
        let end = match ends {
            Ends::Well => "",
            Ends::InATrap => "unreachable",
            Ends::WithACode => "(call $proc_exit (i32.const 3))",
        };
        let [name, export, global, said] = std::array::from_fn(|_| quoted(&self.text()));
        self.file(
            ".wat",
            format!(
                r#"(module $main (@name "{name}")
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "{output}")
  (data (i32.const 4096) "{said}")
  (global (export "{global}") i32 (i32.const 0))
  (func $write (param $fd i32) (param $ptr i32) (param $len i32)
    (i32.store (i32.const 0) (local.get $ptr))
    (i32.store (i32.const 4) (local.get $len))
    (drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func $end (@name "{name}") (export "{export}") {end})
  (func (export "_start")
    (call $write (i32.const 1) (i32.const 16) (i32.const {output_len}))
    (call $write (i32.const 2) (i32.const 4096) (i32.const {said_len}))
    (call $end)))"#,
                output_len = output.len(),
                said_len = said.len() / 3,
                output = quoted(&output),
            ),
        )
    }

    /// A task whose error message acts.
    fn refusing(&self) -> String {
        let message = self.text();
        let length = u8::try_from(message.len()).expect("it is short");
        let source = fs::read_to_string(wat("component-refuse")).unwrap();
        let source = source.replace("\\09\\00\\00\\00", &format!("\\{length:02x}\\00\\00\\00"));
        self.file(".wat", source.replace("no thanks", &quoted(&message)))
    }

    /// A module whose `init` prints, and traps in a function whose name acts.
    fn initialized(&self, traps: bool) -> String {
        let (said, name) = (self.text(), quoted(&self.text()));
        let end = if traps { "unreachable" } else { "" };
        let source = format!(
            r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "{}")
  (func $end (@name "{name}") {end})
  (func (export "wpool_init")
    (i32.store (i32.const 0) (i32.const 64))
    (i32.store (i32.const 4) (i32.const {}))
    (drop (call $fd_write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)))
    (call $end))
  (func (export "_start")))"#,
            quoted(&said),
            said.len()
        );
        self.file(".wat", source)
    }

    /// Rows that are JSON, rows that are not, and their ends in the middle.
    fn rows(&self) -> String {
        let json = self.text().replace(|c: char| c < ' ', "").replace(['"', '\\'], "");
        self.file(".jsonl", format!("\"{json}\"\n{}\n{{\"{json}\":1}}\n", self.text()))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    Well,
    InATrap,
    WithACode,
}

const ENDS: [Ends; 3] = [Ends::Well, Ends::InATrap, Ends::WithACode];

fn look_at(command: &mut Command, what: &[&str]) -> Ran {
    let ran = run(command, "");
    let what = format!("{what:?} ended with {}", ran.code);
    assert_inert(&what, &ran.stdout);
    assert_inert(&what, &ran.stderr);
    assert!(![-1, 70].contains(&ran.code), "{what}: {}", ran.stderr);
    ran
}

#[test]
fn what_is_said_of_a_program_before_it_runs_is_inert() {
    for place in places() {
        let (program, rows) = (place.program(Ends::Well), place.rows());
        for args in [&["inspect", &program][..], &["inspect", "--json", &program]] {
            place.loud(args);
        }
        place.looked_at(&["schema", &program]);
        place.loud(&["check", &program, &rows]);
        let typed = guest("typed");
        let typed = typed.to_str().unwrap();
        place.loud(&["check", typed, "--call", "shapes.between", &rows]);
        place.loud(&["run", typed, "--call", "shapes.between", &rows, "--strict-input"]);
        for command in ["schema", "inspect"] {
            place.loud(&[command, typed, "--call", &place.text()]);
        }
    }
}

#[test]
fn programs_that_are_refused_cannot_forge_a_line() {
    for place in places() {
        let rows = place.rows();
        let [module, name] = std::array::from_fn(|_| quoted(&place.text()));
        let raw = |what: &str| fs::read_to_string(wat(what)).unwrap();
        let refused = [
            raw("unknown-import").replace("\"env\" \"mystery\"", &format!("\"{module}\" \"{name}\"")),
            raw("no-convention").replace("\"add\"", &format!("\"{name}\"")),
            format!("(module\n{})", place.text()),
            place.text(),
        ];
        for source in refused {
            let program = place.file(".wat", source);
            for args in [&["run", &program, "-n"][..], &["inspect", &program], &["bench", &program, &rows]] {
                assert_eq!(place.loud(args).code, 101, "{args:?}");
            }
        }
        let program = place.initialized(true);
        for more in ["-v", "--no-cache"] {
            assert_eq!(place.loud(&["run", &program, "-n", more]).code, 101);
        }
        let ran = place.loud(&["run", &place.initialized(false), "-n", "-v", "--no-cache"]);
        assert!(ran.code == 0 && ran.stderr.contains("wpool: init: "), "{}", ran.stderr);
    }
}

#[test]
fn records_and_messages_of_a_run_are_inert() {
    for place in places() {
        let rows = place.rows();
        fs::create_dir(place.path("files")).unwrap();
        fs::rename(place.path(&rows), place.path("files").join(&rows)).unwrap();
        let rows = format!("files/{rows}");
        let programs = ENDS.map(|ends| place.program(ends)).into_iter().chain([place.refusing()]);
        for program in programs {
            let run = ["run", &program];
            let records = place.loud(&[&run[..], &[&rows, "--receipts", "-v"]].concat()).records();
            assert!(records.len() > 3, "{records:?}");
            place.loud(&[&run[..], &[&rows, "--values", "--lines"]].concat());
            place.loud(&[&run[..], &[&rows, "--output-type", "json"]].concat());
            place.loud(&[&run[..], &[&rows, "--strict-input"]].concat());
            place.loud(&[&run[..], &["--files", "files/*"]].concat());
        }
        let (echo, out) = (wat("echo"), place.name(""));
        let args =
            ["run", echo.to_str().unwrap(), "--files", "files/*", "--out-dir", &out, "--summary-json", "summary"];
        place.loud(&args);
        place.look_into("summary");
        assert_eq!(place.loud(&args).code, 100, "the files are there");
    }
}

/// The value of what was made inert is what it was.
#[test]
fn records_of_texts_that_act_say_the_same() {
    for place in places() {
        // A byte order mark would be no part of a first row.
        let text = format!("-{}", place.text().replace(|c: char| c < ' ', ""));
        let ran = run(&mut wpool_run(&wat("echo"), "--lines -q"), format!("{text}\n{}\n", Value::from(&*text)));
        assert_eq!(ran.each("output"), [text.clone(), text.clone()]);
        assert_inert("echo", &ran.stdout);
        let ran = run(&mut wpool_run(&wat("echo"), "--lines --values -q"), format!("{{\"a\":\t\"{text}\"}}"));
        assert_inert("values", &ran.stdout);
    }
}

#[test]
fn kept_runs_are_looked_at_and_run_again_without_harm() {
    for place in places() {
        let (out, rows) = (place.name(""), place.rows());
        for ends in ENDS {
            let program = place.program(ends);
            place.looked_at(&["run", &program, &rows, "-o", &out, "-q", "--overwrite"]);
            place.look_into(&out);
            place.look_into(&format!("{out}.wpool/run.json"));
            for args in [
                &["runs", "list"][..],
                &["runs", "list", "--json"],
                &["runs", "info", &out],
                &["runs", "info", "--json", &out],
                &["runs", "export", &out],
                &["replay", &out, "0"],
                &["replay", "--json", &out, "0"],
                &["runs", "prune", "--finished", "--dry-run"],
            ] {
                assert_ne!(place.loud(args).code, 96, "{args:?}");
            }
            place.looked_at(&["rerun", &out, "--failed"]);
            place.look_into(&out);
            let resumed = ["run", &place.program(Ends::Well), &rows, "-o", &out, "--resume"];
            assert_eq!(place.loud(&resumed).code, 2, "the program is another");
        }
        place.loud(&["runs", "info", &place.text()]);
        place.loud(&["runs", "prune", "--finished"]);
        fs::write(
            place.path("state.json"),
            serde_json::to_vec(&serde_json::json!({ place.text(): place.text() })).unwrap(),
        )
        .unwrap();
        fs::write(place.path("numbers"), "1\n").unwrap();
        let shared = guest("shared-state");
        let args = ["--call", "shared.square", "--state-in", "state.json", "--state-out", "state.out", "numbers"];
        place.looked_at(&[&["run", shared.to_str().unwrap()][..], &args].concat());
        place.look_into("state.out");
    }
}

#[test]
fn what_is_typed_and_is_not_there_is_quoted_without_harm() {
    for place in places() {
        let (nothing, program, rows) = (place.name(".wasm"), place.program(Ends::Well), place.rows());
        let (text, folder) = (place.text(), place.name("") + "/out");
        for args in [
            &["run", &nothing, "-n"][..],
            &["run", &program, &nothing],
            &["run", &program, "-n", "-o", &folder],
            &["run", &program, "-n", "--init-arg", &format!("@{nothing}")],
            &["run", &program, "-n", "--init-arg", &text],
            &["run", &program, "-n", "--dir", &nothing],
            &["run", &program, "-n", "--state-in", &rows],
            &["run", &program, "-n", "--timeout", &text],
            &["run", &program, "-n", &format!("--no-such{text}")],
            &["run", &program, "-n", "--halt", &text],
            &["run", &program, "--files", &format!("[{text}")],
            &["build", &nothing],
            &["replay", &nothing, "0"],
            &["rerun", &nothing, "--failed"],
            &["runs", "export", &nothing],
            &[&text],
        ] {
            assert_ne!(place.loud(args).code, 0, "{args:?}");
        }
    }
}

#[test]
fn projects_and_tools_whose_names_act_are_told_of_without_harm() {
    for place in places() {
        let dir = place.name("");
        place.loud(&["new", "--lang", "wat", &dir]);
        place.loud(&["new", "--lang", "wat", &dir]);
        place.loud(&["build", &dir]);
        fs::remove_file(place.path(&dir).join("task.wasm")).unwrap();
        place.loud(&["run", &dir, "-n"]);
        place.loud(&["build", &place.file(".wat", place.text())]);
        fs::create_dir(place.path("empty")).unwrap();
        let empty = place.name("");
        fs::rename(place.path("empty"), place.path(&empty)).unwrap();
        place.loud(&["build", &empty]);
        doctor_hears_of_tools(&place);
    }
}

/// A path cannot hold a colon, which every forged line has; so this one has other texts.
fn doctor_hears_of_tools(place: &Place) {
    let bin = place.path(&format!("{}bin", place.choose(&ACTIVE)));
    fs::create_dir(&bin).unwrap();
    let says: String = "1.0".chars().chain(place.text().chars()).filter(|c| !c.is_whitespace()).collect();
    fs::write(bin.join("says"), says).unwrap();
    for tool in ["go", "zig", "node"] {
        let tool = bin.join(tool);
        fs::write(&tool, "#!/bin/sh\nexec /bin/cat \"${0%/*}/says\"\n").unwrap();
        fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
    }
    for args in [&["doctor"][..], &["doctor", "--json"]] {
        let ran = look_at(place.command(args).env("PATH", &bin).env("WASI_SDK_PATH", &bin), args);
        assert!(ran.stdout.contains("forged"), "{}", ran.stdout);
    }
}

#[test]
fn a_bench_names_its_program_without_harm() {
    let place = Place::new(1);
    for ends in [Ends::Well, Ends::InATrap] {
        let (program, rows) = (place.program(ends), place.rows());
        for more in [&[][..], &["--json"]] {
            let args = ["bench", &program, &rows, "--rounds", "1", "--rows", "2", "-j", "1"];
            place.loud(&[&args[..], more].concat());
        }
    }
}

#[test]
fn what_a_running_task_says_is_shown_without_harm() {
    for place in places() {
        let said = place.text().replace('\n', "\r") + "forged\n";
        let source = fs::read_to_string(wat("chatty-sleep")).unwrap();
        let source = source.replace("(memory ", &format!("(data (i32.const 4096) \"{}\") (memory ", quoted(&said)));
        let source = source.replace("23) (i32.const 28)", &format!("4096) (i32.const {})", said.len()));
        let program = place.file(".wat", source);
        fs::write(place.path("rows"), "60000\n").unwrap();
        let mut child = spawn(&mut place.command(&["run", &program, "rows", "-j", "1"]));
        let _guard = Watchdog::over(&child);
        // A run with workers hears the signal; one that has just begun would die of it.
        block_on(until("a worker is there", || !children_of(child.id()).is_empty()));
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut told = String::new();
        while !told.contains("says: ") {
            kill_process(Pid::from_child(&child), Signal::USR1).unwrap();
            told += &(lines.next().expect("it answers").unwrap() + "\n");
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert_inert("SIGUSR1", &told);
        assert!(told.contains("forged"), "{told}");
    }
}

/// The looks above would miss nothing: each text of the table is found, and every forged line.
#[test]
fn texts_that_act_are_seen_by_these_tests() {
    for text in ACTIVE.iter().filter(|text| **text != "\n") {
        assert!(text.chars().any(is_active), "{text:?}");
    }
    let caught = |line: &str| std::panic::catch_unwind(|| assert_inert("", line)).is_err();
    assert!(FORGED.iter().all(|line| caught(&format!("wpool: a\n{line}, and more"))));
    assert!(!caught("wpool: a\n  | wpool: 3 tasks in 0.001s: 3 ok, forged\n"));
}
