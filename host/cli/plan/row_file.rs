//! A file that rows are read from.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use wpool::place::Found;

use crate::cli::plan::layout::Layout;
use crate::cli::plan::listed::push_path;

/// A file that rows are read from. Where tasks may write to directories, it is the file that was there before the first
/// of them: a task could put a link in its place, and be given as a row what the link leads to.
#[derive(Clone, Debug)]
pub struct RowFile {
    path: PathBuf,
    /// Device and inode, once the file is pinned.
    pinned: Option<(u64, u64)>,
    /// How it is cut into rows.
    pub layout: Layout,
}

impl RowFile {
    /// From now on no other file is read instead.
    pub fn pin(&mut self) {
        // A file that is missing is reported when it is read.
        self.pinned = std::fs::metadata(&self.path).ok().map(|found| (found.dev(), found.ino()));
    }

    /// The same content at another path.
    pub fn moved_to(&self, path: PathBuf) -> RowFile {
        RowFile { path, pinned: None, layout: self.layout.clone() }
    }

    /// The name of the row that it is, and whether it is quoted, because the path is not UTF-8.
    pub fn name(&self) -> (String, bool) {
        if let Some(name) = self.path.to_str() {
            return (name.to_owned(), false);
        }
        let mut quoted = Vec::new();
        push_path(self.path.as_os_str().as_bytes(), &mut quoted);
        (String::from_utf8_lossy(&quoted).into_owned(), true)
    }

    /// Refuses an open file that is not the one that was pinned.
    pub fn check(&self, file: &File) -> io::Result<()> {
        match self.pinned {
            Some(pinned) if Found::of_file(file)?.identity != pinned => {
                Err(io::Error::other("another file was put in its place during the run"))
            }
            _ => Ok(()),
        }
    }
}

impl From<PathBuf> for RowFile {
    fn from(path: PathBuf) -> RowFile {
        RowFile { path, pinned: None, layout: Layout::default() }
    }
}

impl Deref for RowFile {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.path
    }
}
