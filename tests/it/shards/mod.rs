//! Shards of an input, and merging their records.

mod auto;
mod engines;
mod equal;
mod hostile;
mod killed;
mod merging;
mod recipes;
mod rows;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::cli::read;
use crate::support::{Ran, run, wat, wpool};

/// Shards, or records of them, are missing.
pub const INCOMPLETE: i32 = 107;
/// A file is damaged.
pub const DAMAGED: i32 = 106;

/// A folder with rows, and the runs of their shards.
pub struct Place {
    folder: TempDir,
    guest: PathBuf,
    /// Options of every run.
    args: String,
}

impl Place {
    /// Over the rows of `rows`, with a guest of one behaviour.
    pub fn new(guest: &str, args: &str, rows: impl IntoIterator<Item = String>) -> Place {
        let folder = tempfile::tempdir().expect("a folder");
        let rows: String = rows.into_iter().map(|row| row + "\n").collect();
        fs::write(folder.path().join("rows"), rows).expect("rows");
        Place { folder, guest: wat(guest), args: args.to_owned() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn read(&self, name: &str) -> String {
        read(self.path(name))
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).expect("it is written");
    }

    /// `wpool` in the folder, with arguments as a shell would split them.
    pub fn wpool(&self, args: &str) -> Command {
        let mut command = wpool();
        command.current_dir(self.folder.path()).args(args.split_whitespace());
        command
    }

    /// `wpool run` over the rows.
    pub fn command(&self, args: &str) -> Command {
        let mut command = self.wpool("run");
        command.arg(&self.guest).args("rows -q -j 2".split_whitespace());
        command.args(self.args.split_whitespace()).args(args.split_whitespace());
        command
    }

    pub fn run(&self, args: &str) -> Ran {
        run(&mut self.command(args), "")
    }

    /// The single run, which writes `one`, `one.failed` and `one.summary`.
    pub fn single(&self) -> Ran {
        self.run("-o one --failed one.failed --summary-json one.summary --overwrite")
    }

    /// Runs a shard into `DIR/I`, `DIR/I.failed` and `DIR/I.summary`.
    pub fn shard(&self, dir: &str, shard: &str, args: &str) -> Ran {
        fs::create_dir_all(self.path(dir)).expect("a folder");
        let files = format!(
            "-o {dir}/{{shard}} --failed {dir}/{{shard}}.failed --summary-json {dir}/{{shard}}.summary --shard {shard}"
        );
        self.run(&format!("{files} {args}"))
    }

    /// Runs all shards, each of which ends with a code that the single run may have.
    pub fn shards(&self, dir: &str, of: u32, args: &str) {
        for number in 1..=of {
            let ran = self.shard(dir, &format!("{number}/{of}"), args);
            assert!([0, 4, 100].contains(&ran.code), "shard {number}/{of} {args}: {}: {}", ran.code, ran.stderr);
        }
    }

    pub fn merge(&self, args: &str) -> Ran {
        run(&mut self.wpool(&format!("merge {args}")), "")
    }

    /// Asserts that files are equal, without printing them.
    pub fn assert_same(&self, one: &str, other: &str, what: &str) {
        let [a, b] =
            [one, other].map(|name| fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}")));
        let first = a.split(|byte| *byte == b'\n').zip(b.split(|byte| *byte == b'\n')).find(|(a, b)| a != b);
        let first = first.map(|(a, b)| [a, b].map(String::from_utf8_lossy));
        assert!(a == b, "{what}: {one} ({}) and {other} ({}) differ: {first:?}", a.len(), b.len());
    }
}

/// Rows, of which some are equal, one fails and two are not JSON.
pub fn mixed(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|n| match n % 97 {
        13 => "\"!\"".to_owned(),
        57 => "no JSON".to_owned(),
        _ => (n % 70).to_string(),
    })
}

pub fn numbers(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|n| n.to_string())
}
