//! The rights that a fence leaves one child.

use std::os::fd::BorrowedFd;
use std::path::Path;

use crate::model::grants::DirGrant;
use crate::protocol::roles::Role;

/// The rights that a child keeps inside its fence.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Needs<'a> {
    pub role: Role,
    /// The host. The child dies with it.
    pub host: i32,
    pub dirs: &'a [DirGrant],
    /// The empty directory of tasks that are watched.
    pub empty_dir: Option<&'a Path>,
    /// The file system of scratch directories.
    pub scratch: Option<BorrowedFd<'a>>,
    /// Most bytes of memory beyond those it has now. `None` if a limit is set already.
    pub data: Option<u64>,
}

impl Needs<'_> {
    /// Whether it opens files.
    pub fn files(&self) -> bool {
        !self.dirs.is_empty() || self.empty_dir.is_some() || self.scratch.is_some()
    }
}
