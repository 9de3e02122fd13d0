//! The page about a run and its trace: what they say, and that nothing of a guest, a row or a name can act in them.

mod browser;
mod page;
mod shown;
mod trace;

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::support::{Ran, run, wpool};

/// What a guest would print to take a page over.
pub const HOSTILE: &str = "</pre></script><img src=x onerror=\"document.title='taken'\">\u{1b}[31m";

/// A command that prints its row to standard error, and exits with 1 where the row begins with `<`.
const ECHO: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\00\01\00\00\00\10\00\00")
  (func (export "_start")
    (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 16)))
    (i32.store (i32.const 4) (i32.load (i32.const 16)))
    (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 16)))
    (call $exit (i32.eq (i32.load8_u (i32.const 256)) (i32.const 0x3c)))))"#;

/// A folder with a run in it.
pub struct Made {
    folder: TempDir,
}

impl Made {
    /// A folder with a program and its rows: 40 of them, of which 2 are not ok. Its names are hostile, too.
    pub fn new() -> Made {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("<img src=x>.wat"), ECHO).expect("a file");
        let rows: String =
            (0..40).map(|row| if row % 20 == 7 { format!("{HOSTILE}{row}\n") } else { format!("{row}\n") }).collect();
        fs::write(folder.path().join("<b>rows.txt"), rows).expect("a file");
        Made { folder }
    }

    /// Runs the program over the rows, with these arguments.
    pub fn run(&self, args: &[&str]) -> Ran {
        let mut command = wpool();
        command.current_dir(self.folder.path());
        run(command.args(["run", "<img src=x>.wat", "--lines", "<b>rows.txt"]).args(args), "")
    }

    pub fn wpool(&self, args: &[&str]) -> Ran {
        run(wpool().current_dir(self.folder.path()).args(args), "")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}
