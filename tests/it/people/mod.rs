//! What people are told when something is not as they meant it, and what they can ask for before and after a run.

mod dry_run;
mod functions;
mod hints;
mod next_steps;
mod redo;
mod tips;
mod told;
mod workers;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cli::{CANNOT_WRITE, NO_INPUTS, NOT_OK, OK, REFUSED, SET_UP, USAGE};
use crate::support::{Ran, guest, run, wat, wpool};

/// A folder in which commands are typed.
struct Desk(TempDir);

impl Desk {
    fn new() -> Desk {
        let desk = Desk(tempfile::tempdir().expect("a folder"));
        for name in ["echo", "cat", "read-file", "stderr-fail", "exit-code", "trap-on-bang", "component-two"] {
            fs::copy(wat(name), desk.path(&format!("{name}.wat"))).expect("a program");
        }
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).expect("a file");
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("a text")
    }

    /// Everything that stands in the folder.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).expect("a folder").map(|entry| entry.expect("an entry").file_name());
        let mut names: Vec<_> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    fn command(&self, args: &str) -> Command {
        let mut command = wpool();
        command.current_dir(self.0.path()).env("XDG_STATE_HOME", self.path("state")).env_remove("WPOOL_WORKERS");
        command.args(args.split_whitespace());
        command
    }

    fn wpool(&self, args: &str) -> Ran {
        self.fed(args, "")
    }

    /// With rows on its standard input.
    fn fed(&self, args: &str, rows: impl AsRef<[u8]>) -> Ran {
        run(&mut self.command(args), rows)
    }
}
