//! The command line as users meet it: rows in, records and files out, exit codes, and messages to people.

mod cache;
mod messages;
mod outputs;
mod programs;
mod rows;
mod streaming;
mod usage;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::{Ran, Watchdog, feed_endlessly, guest, run, run_rows, spawn, wat, wpool, wpool_run};

/// Exit codes of the public table.
pub const OK: i32 = 0;
pub const USAGE: i32 = 2;
pub const NO_INPUTS: i32 = 4;
pub const SET_UP: i32 = 96;
pub const NOT_OK: i32 = 100;
pub const REFUSED: i32 = 101;
pub const STOPPED: i32 = 103;
pub const CANNOT_WRITE: i32 = 110;

pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

pub fn write(folder: &tempfile::TempDir, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, content).expect("a file");
    path
}

pub fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path).expect("a file of text")
}

/// `wpool run` of a guest in a folder, so that arguments and messages hold short names.
fn run_in(folder: &tempfile::TempDir, task: &str, args: &str) -> Ran {
    run(wpool_run(&wat(task), args).current_dir(folder.path()), "")
}

/// A run that ended with a message, before it gave a record.
pub fn assert_refused(ran: &Ran, code: i32, needles: &[&str], what: &str) {
    assert_eq!(ran.code, code, "{what}: {}", ran.stderr);
    assert_eq!(ran.stdout, "", "{what}");
    for needle in needles {
        assert!(ran.stderr.contains(needle), "{what}: no {needle:?} in {}", ran.stderr);
    }
}

/// The long options of `wpool run`.
pub fn options() -> Vec<String> {
    let help = run(wpool().args(["run", "--help"]), "").stdout;
    let words = help.split([' ', ',', ']', '\n']).filter(|word| word.starts_with("--") && word.len() > 2);
    let options: BTreeSet<_> = words.map(str::to_owned).collect();
    options.into_iter().collect()
}
