//! What an earlier run is good for: comparing with it, and knowing how long rows take.

mod diff;
mod order;
mod reduce;
mod verify;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Ran, run, wat, wpool};

/// A folder with rows and runs.
pub struct Place(TempDir);

impl Place {
    pub fn new() -> Place {
        Place(tempfile::tempdir().expect("a folder"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).expect("it is written");
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("it is there")
    }

    /// `wpool` in the folder, with arguments as a shell would split them.
    pub fn wpool(&self, args: &str) -> Command {
        let mut command = wpool();
        command.current_dir(self.0.path()).args(args.split_whitespace());
        command
    }

    /// Runs a guest of one behaviour.
    pub fn run(&self, guest: &str, args: &str) -> Ran {
        let mut command = self.wpool("run");
        let workers: &[&str] = if args.contains("-j ") { &[] } else { &["-j", "2"] };
        command.arg(wat(guest)).arg("-q").args(workers).args(args.split_whitespace());
        run(&mut command, "")
    }

    pub fn diff(&self, args: &str) -> Ran {
        run(&mut self.wpool(&format!("diff {args}")), "")
    }

    /// The counts of a difference by their classes, without those that are 0, and the exit code.
    pub fn counts(&self, args: &str) -> (Vec<(String, u64)>, i32) {
        let ran = self.diff(&format!("{args} --json"));
        let last = ran.records().pop().unwrap_or_else(|| panic!("{}: {}", ran.code, ran.stderr));
        let Value::Object(counts) = last["counts"].clone() else { panic!("{last}") };
        let counts = counts.into_iter().filter_map(|(name, count)| Some((name, count.as_u64().filter(|it| *it > 0)?)));
        (counts.collect(), ran.code)
    }
}

/// Lines of text.
pub fn lines<T: ToString>(lines: impl IntoIterator<Item = T>) -> String {
    lines.into_iter().map(|line| line.to_string() + "\n").collect()
}
