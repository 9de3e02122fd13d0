//! Runtimes that other packages bring: files that `WPOOL_RUNTIMES` names, which are read and never written.

use std::io::Read;
use std::path::{Path, PathBuf};

use wpool::limits::MAX_PROGRAM;
use wpool::place::Place;

use crate::cli::scripts::error::Error;

/// Files of runtimes, separated as in `PATH`.
const VARIABLE: &str = "WPOOL_RUNTIMES";
/// The end of a runtime's file name.
pub const END: &str = ".wasm";
/// Most files that are looked at.
const MOST: usize = 64;

/// A runtime that somebody else has made.
#[derive(Clone, Debug)]
pub struct Given {
    /// Such as `python-0.25.1-0123456789ab`, the name of the file without its end.
    pub name: String,
    path: PathBuf,
}

impl Given {
    /// Those that are there. A relative path would mean another file in another folder, so it does not count.
    pub fn all() -> Vec<Given> {
        let paths = std::env::var_os(VARIABLE).unwrap_or_default();
        let files = std::env::split_paths(&paths).take(MOST).filter(|path| path.is_absolute() && path.is_file());
        files.filter_map(Given::of).collect()
    }

    fn of(path: PathBuf) -> Option<Given> {
        let name = path.file_name()?.to_str()?.strip_suffix(END)?.to_owned();
        Some(Given { name, path })
    }

    /// The size of the file.
    pub fn bytes(&self) -> u64 {
        std::fs::metadata(&self.path).map_or(0, |found| found.len())
    }

    /// The path without links.
    pub fn real_path(&self) -> Result<PathBuf, Error> {
        self.path.canonicalize().map_err(Error::io("read", &self.path))
    }

    /// The content, from a regular file that no link leads to.
    pub fn read(&self) -> Result<Vec<u8>, Error> {
        read(&self.path).map_err(Error::io("read", &self.path))
    }
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    Place::of(path)?.read()?.take(MAX_PROGRAM).read_to_end(&mut bytes)?;
    Ok(bytes)
}
