//! Rows in a temporary file.

use std::io::Write;
use std::path::{Path, PathBuf};

/// A file of rows, which is removed with this value.
pub struct Rows {
    path: PathBuf,
    _dir: tempfile::TempDir,
}

impl Rows {
    /// A file with a line for each number below `count`.
    pub fn write<T: std::fmt::Display>(count: usize, row: impl Fn(usize) -> T) -> Rows {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("rows.jsonl");
        let mut file = std::io::BufWriter::new(std::fs::File::create(&path).expect("a file"));
        (0..count).for_each(|i| writeln!(file, "{}", row(i)).expect("rows can be written"));
        file.flush().expect("rows can be written");
        Rows { path, _dir: dir }
    }

    /// JSON strings. Each has `bytes` bytes with its line end.
    pub fn strings(count: usize, bytes: usize) -> Rows {
        Rows::write(count, |i| format!("\"{i:0width$}\"", width = bytes - 3))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}
