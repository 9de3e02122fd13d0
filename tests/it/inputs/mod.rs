//! Inputs as people have them: compressed files, tables, arrays, and records that can be joined with their rows.

mod arrays;
mod joins;
mod others;
mod outputs;
mod packed;
mod resumed;
mod tables;
mod typed_tables;

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use crate::cli::{NOT_OK, OK, USAGE, assert_refused, read};
use crate::support::{Ran, guest, run, wat, wpool};

/// The content of a file is at fault.
pub const BAD_INPUT: i32 = 102;

/// A folder with files of rows.
pub struct Desk(tempfile::TempDir);

impl Desk {
    pub fn new() -> Desk {
        Desk(tempfile::tempdir().expect("a folder"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).expect("it is written");
    }

    pub fn read(&self, name: &str) -> String {
        read(self.path(name))
    }

    /// `wpool` in the folder, with arguments as a shell would split them; `%NAME` is a guest of one behaviour.
    pub fn command(&self, args: &str) -> Command {
        let mut command = wpool();
        command.current_dir(self.0.path());
        for arg in args.split_whitespace() {
            match arg.strip_prefix('%') {
                Some("typed") => command.arg(guest("typed")),
                Some(name) => command.arg(wat(name)),
                None => command.arg(arg),
            };
        }
        command
    }

    pub fn run(&self, args: &str) -> Ran {
        run(&mut self.command(args), "")
    }

    pub fn fed(&self, args: &str, input: impl AsRef<[u8]>) -> Ran {
        run(&mut self.command(args), input)
    }

    /// A run that has to end so.
    pub fn ends(&self, args: &str, code: i32) -> Ran {
        let ran = self.run(args);
        assert_eq!(ran.code, code, "{args}: {}", ran.stderr);
        ran
    }
}

pub fn gzip(text: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_ref()).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

pub fn zstd(text: impl AsRef<[u8]>) -> Vec<u8> {
    compress_to_vec(text.as_ref(), CompressionLevel::Fastest)
}

pub fn numbers(to: u64) -> String {
    (0..to).map(|number| format!("{number}\n")).collect()
}
