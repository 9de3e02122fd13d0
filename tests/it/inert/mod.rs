//! Foreign text does nothing on a terminal. Every command is run on programs, rows, files and tools whose texts and
//! names are made to act there, or to forge lines of wpool's own. All printed and written text is checked, character by
//! character.

mod programs;
mod runs;

use std::cell::Cell;
use std::fs;
use std::io::BufRead;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

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
