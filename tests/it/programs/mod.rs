//! Existing WASI programs, unchanged: files as rows, standard input, files as outputs, exit codes, imports.

mod edges;
mod entries;
mod exit_codes;
mod files_as_rows;
mod imports;
mod outputs_as_files;
mod real;
mod standard_input;

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cli::{NOT_OK, OK, assert_refused, folder, read, write};
use crate::support::{Ran, run, wat, wpool_run};

/// A folder with files in it; names may lead through sub-folders.
fn folder_of<const N: usize>(files: [(&str, &str); N]) -> TempDir {
    let folder = folder();
    for (name, content) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("it is in the folder")).expect("a folder");
        fs::write(path, content).expect("a file");
    }
    folder
}

/// `wpool run` of a guest in a folder, with arguments as a shell would split them.
fn command(folder: &TempDir, task: &str, args: &str) -> Command {
    let mut command = wpool_run(&wat(task), args);
    command.current_dir(folder.path());
    command
}

fn run_in(folder: &TempDir, task: &str, args: &str, rows: &str) -> Ran {
    run(&mut command(folder, task, args), rows)
}

/// Codes and messages of the records that are not ok.
fn errors(ran: &Ran) -> Vec<(String, String)> {
    let errors = ran.each("error").into_iter().filter(|error| !error.is_null());
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    errors.map(|error| (text(&error["code"]), text(&error["message"]))).collect()
}

/// Names of everything in a folder, sorted.
fn names_in(folder: impl AsRef<Path>) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<_> = entries.map(|name| name.into_string().expect("a name")).collect();
    names.sort();
    names
}

/// A real program from the folder that `WPOOL_PROGRAMS` names, into which `tests/fetch-programs.sh` puts them. Where it
/// names none, tests of them say so and check nothing, unless `WPOOL_REQUIRE_PROGRAMS` is 1.
pub fn program(name: &str) -> Option<PathBuf> {
    let found = std::env::var_os("WPOOL_PROGRAMS").map(|folder| PathBuf::from(folder).join(name));
    let found = found.filter(|path| path.is_file());
    let required = std::env::var_os("WPOOL_REQUIRE_PROGRAMS").is_some_and(|value| value == "1");
    assert!(found.is_some() || !required, "WPOOL_PROGRAMS names no folder with {name}");
    if found.is_none() {
        say_skipped(name);
    }
    found
}

#[allow(clippy::print_stderr, reason = "whoever runs the tests is to know what was not tested")]
fn say_skipped(name: &str) {
    eprintln!("skipped: WPOOL_PROGRAMS names no folder with {name}; see tests/fetch-programs.sh");
}
