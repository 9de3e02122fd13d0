//! Directories of single rows: below a granted directory, by a path that is made from the row.

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};

use crate::child::granted;
use crate::model::grants::{DirGrant, NO_DIRECTORY};
use crate::model::template::Row;
use crate::model::typed::RowError;

/// Opens the directories of a row, in the order of their grants. No path leads through a link, which a task of another
/// row may have planted.
pub(super) fn open(dirs: &[DirGrant], row: Row<'_>) -> Result<Vec<Arc<OwnedFd>>, RowError> {
    let opened = dirs.iter().filter_map(|dir| match dir.below(row) {
        Ok(None) => None,
        Ok(Some(path)) => Some(directory(dir, path).map(Arc::new)),
        Err(error) => Some(Err(error)),
    });
    opened.collect()
}

fn directory(dir: &DirGrant, path: PathBuf) -> Result<OwnedFd, RowError> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let opened = granted::open(&dir.host).and_then(|host| openat2(host, &path, flags, Mode::empty(), resolve));
    opened.map_err(|error| {
        let message = format!("cannot open the directory {} below {}: {error}", path.display(), dir.host.display());
        RowError::new(NO_DIRECTORY, message)
    })
}

/// A path of an opened directory, which only this process can use.
pub(super) fn own_path(opened: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", opened.as_raw_fd()))
}
