//! WASI preview 1 for a command, down to numbers: wpool acts like a host of commands.

use std::fs;

use crate::cli::{OK, folder, write};
use crate::support::{Ran, run, wat, wpool_run};

/// No such descriptor.
const BADF: u64 = 8;
/// Something that is no folder.
const NOTDIR: u64 = 54;

/// Where texts stand in a script's memory.
const TEXTS: usize = 4096;
/// Where `path_open` puts the descriptor.
pub const OPENED: &str = "(i32.load (i32.const 256))";

/// Imports, and two functions that write: bytes, and a number with a space behind it.
const WORLD: &str = r#"
  (func $put (param $at i32) (param $len i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $len))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func $say (param $n i32)
    (local $at i32)
    (local.set $at (i32.const 127))
    (i32.store8 (i32.const 127) (i32.const 0x20))
    (loop $digit
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (i32.store8 (local.get $at) (i32.add (i32.const 0x30) (i32.rem_u (local.get $n) (i32.const 10))))
      (br_if $digit (local.tee $n (i32.div_u (local.get $n) (i32.const 10)))))
    (call $put (local.get $at) (i32.sub (i32.const 128) (local.get $at))))"#;

/// The functions that scripts call, with the types of their parameters.
const IMPORTS: [(&str, &str); 22] = [
    ("fd_close", "i32"),
    ("fd_fdstat_get", "i32 i32"),
    ("fd_filestat_set_size", "i32 i64"),
    ("fd_filestat_set_times", "i32 i64 i64 i32"),
    ("fd_prestat_dir_name", "i32 i32 i32"),
    ("fd_prestat_get", "i32 i32"),
    ("fd_read", "i32 i32 i32 i32"),
    ("fd_renumber", "i32 i32"),
    ("fd_seek", "i32 i64 i32 i32"),
    ("fd_write", "i32 i32 i32 i32"),
    ("path_create_directory", "i32 i32 i32"),
    ("path_filestat_set_times", "i32 i32 i32 i32 i64 i64 i32"),
    ("path_link", "i32 i32 i32 i32 i32 i32 i32"),
    ("path_open", "i32 i32 i32 i32 i32 i64 i64 i32 i32"),
    ("path_readlink", "i32 i32 i32 i32 i32 i32"),
    ("path_remove_directory", "i32 i32 i32"),
    ("path_rename", "i32 i32 i32 i32 i32 i32"),
    ("path_symlink", "i32 i32 i32 i32 i32"),
    ("path_unlink_file", "i32 i32 i32"),
    ("poll_oneoff", "i32 i32 i32 i32"),
    ("random_get", "i32 i32"),
    ("sched_yield", ""),
];

/// A command made of calls, which writes the number that each of them gives.
#[derive(Debug, Default)]
pub struct Script {
    texts: String,
    body: String,
}

impl Script {
    /// Puts a text into memory: where it stands and its length, as two arguments.
    pub fn text(&mut self, text: &str) -> String {
        let at = TEXTS + self.texts.len();
        self.texts += text;
        format!("(i32.const {at}) (i32.const {})", text.len())
    }

    /// A call whose result is written.
    pub fn call(&mut self, function: &str, args: &str) {
        self.code(&format!("(call $say (call ${function} {args}))"));
    }

    /// Opens a path below a descriptor, following links.
    pub fn open(&mut self, below: u32, path: &str, flags: u32, rights: u64) {
        let args = self.open_args(below, path, flags, rights);
        self.call("path_open", &args);
    }

    pub fn open_args(&mut self, below: u32, path: &str, flags: u32, rights: u64) -> String {
        let path = self.text(path);
        format!(
            "(i32.const {below}) (i32.const 1) {path} (i32.const {flags}) (i64.const {rights}) (i64.const 0) \
             (i32.const 0) (i32.const 256)"
        )
    }

    /// Waits for what `subscription` stores at 2048, and writes the error number.
    pub fn poll(&mut self, subscription: &str) {
        self.code(subscription);
        self.call("poll_oneoff", "(i32.const 2048) (i32.const 3072) (i32.const 1) (i32.const 264)");
    }

    pub fn code(&mut self, code: &str) {
        self.body += code;
        self.body.push('\n');
    }

    /// Runs it once, with a memory of so many pages.
    pub fn run_in(&self, pages: u32, args: &str) -> Ran {
        let imports = IMPORTS.map(|(name, params)| {
            format!("(import \"wasi_snapshot_preview1\" \"{name}\" (func ${name} (param {params}) (result i32)))\n")
        });
        let (imports, texts, body) = (imports.concat(), &self.texts, &self.body);
        let module = format!(
            "(module {imports} (memory (export \"memory\") {pages}) (data (i32.const {TEXTS}) \"{texts}\") {WORLD}\n\
             (func (export \"_start\") (local $i i32)\n{body}))"
        );
        let folder = folder();
        let task = write(&folder, "script.wat", module);
        run(&mut wpool_run(&task, &format!("--once --output-type text {args}")), "")
    }

    pub fn run(&self, args: &str) -> Ran {
        self.run_in(1, args)
    }

    /// What its calls gave in a run that went well.
    pub fn numbers(&self, args: &str) -> Vec<u64> {
        let ran = self.run(args);
        assert_eq!(ran.code, OK, "{}{}", ran.stdout, ran.stderr);
        let record = &ran.records()[0];
        let text = record["output"].as_str().unwrap_or_else(|| panic!("no text: {record}"));
        text.split_whitespace()
            .map(|number| number.parse().unwrap_or_else(|_| panic!("{number:?} in {record}")))
            .collect()
    }
}

#[test]
fn directories_are_opened_from_3_on_in_the_order_of_their_grants_and_under_their_names() {
    let folder = folder();
    for name in ["one", "two"] {
        fs::create_dir(folder.path().join(name)).expect("a folder");
    }
    let mut script = Script::default();
    for descriptor in 3..6 {
        script.call("fd_prestat_get", &format!("(i32.const {descriptor}) (i32.const 300)"));
        let name = "(i32.const 400) (i32.load (i32.const 304))";
        script.call("fd_prestat_dir_name", &format!("(i32.const {descriptor}) {name}"));
        script.code(&format!("(call $put {name})"));
    }
    let path = folder.path().display();
    let ran = script.run(&format!("--dir {path}/two::/ --dir {path}/one::some/where:rw"));
    assert_eq!(ran.each("output"), ["0 0 /0 0 some/where8 8 some/where"], "{}", ran.stderr);
}

#[test]
fn a_guest_path_with_a_colon_at_its_end_is_given_with_its_mode() {
    let folder = folder();
    let mut script = Script::default();
    script.call("fd_prestat_get", "(i32.const 3) (i32.const 300)");
    let name = "(i32.const 400) (i32.load (i32.const 304))";
    script.call("fd_prestat_dir_name", &format!("(i32.const 3) {name}"));
    script.code(&format!("(call $put {name})"));
    for (guest, named) in [("/a:b:ro", "0 0 /a:b"), ("/a:rwx:rw", "0 0 /a:rwx"), ("/a:b/c", "0 0 /a:b/c")] {
        let ran = script.run(&format!("--dir {}::{guest}", folder.path().display()));
        assert_eq!(ran.each("output"), [named], "{}", ran.stderr);
    }
}

#[test]
fn standard_streams_are_no_terminals_and_the_input_of_one_run_is_at_its_end() {
    let mut script = Script::default();
    for descriptor in 0..3 {
        script.call("fd_fdstat_get", &format!("(i32.const {descriptor}) (i32.const 304)"));
        script.code("(call $say (i32.eq (i32.load8_u (i32.const 304)) (i32.const 2)))");
    }
    script.code("(i32.store (i32.const 16) (i32.const 512)) (i32.store (i32.const 20) (i32.const 64))");
    script.call("fd_read", "(i32.const 0) (i32.const 16) (i32.const 1) (i32.const 264)");
    script.code("(call $say (i32.load (i32.const 264)))");
    script.call("fd_seek", "(i32.const 0) (i64.const 0) (i32.const 0) (i32.const 264)");
    let numbers = script.numbers("");
    let (streams, rest) = numbers.split_at(6);
    assert_eq!(streams, [0; 6], "a character device would be a terminal");
    assert_eq!(rest[..2], [0, 0], "no bytes");
    assert_ne!(rest[2], 0, "a pipe has no places");
}

#[test]
fn streams_are_ready_to_be_read_and_written() {
    for (kind, descriptor) in [(1, 0), (2, 1), (2, 2)] {
        let mut script = Script::default();
        script.poll(&format!(
            "(i32.store8 (i32.const 2056) (i32.const {kind})) (i32.store (i32.const 2064) (i32.const {descriptor}))"
        ));
        script.code("(call $say (i32.load (i32.const 264))) (call $say (i32.load16_u (i32.const 3080)))");
        script.code("(call $say (i32.load8_u (i32.const 3082)))");
        assert_eq!(script.numbers("--timeout 60s"), [0, 1, 0, kind], "{descriptor}");
    }
}

#[test]
fn a_descriptor_that_was_closed_is_gone() {
    let mut script = Script::default();
    script.call("fd_close", "(i32.const 0)");
    script.call("fd_close", "(i32.const 0)");
    script.call("fd_read", "(i32.const 0) (i32.const 0) (i32.const 0) (i32.const 264)");
    script.call("sched_yield", "");
    assert_eq!(script.numbers(""), [0, BADF, BADF, 0]);
}

#[test]
fn a_slash_at_the_end_means_a_folder() {
    let folder = folder();
    write(&folder, "file", "x");
    let mut script = Script::default();
    let mut call = |function: &str, path: &str| {
        let args = script.text(path);
        script.call(function, &format!("(i32.const 3) {args}"));
    };
    call("path_create_directory", "dir/");
    call("path_unlink_file", "file/");
    call("path_remove_directory", "file/");
    call("path_remove_directory", "dir");
    script.open(3, "file/", 0, 2);
    assert_eq!(script.numbers(&format!("--dir {}::/:rw", folder.path().display())), [0, NOTDIR, NOTDIR, 0, NOTDIR]);
    assert!(folder.path().join("file").exists() && !folder.path().join("dir").exists());
}

#[test]
fn arguments_and_variables_arrive_whatever_is_in_them() {
    let args = ["first", "the \"second\" arg", "", "new\nline", "\u{e9}\u{1f600}"];
    let ran = run(wpool_run(&wat("args"), "--once --output-type text --").args(args), "");
    assert_eq!(ran.each("output"), [format!("args.wat\n{}", args.join("\n"))], "{}", ran.stderr);
    let variables = ["a=text", "b=escap \" ing", "c=new\nline", "d=", "e=x=y"];
    let mut command = wpool_run(&wat("env"), "--once --output-type text");
    let ran = run(command.args(variables.iter().flat_map(|variable| ["--env", variable])), "");
    assert_eq!(ran.each("output"), [variables.join("\n")], "{}", ran.stderr);
}
