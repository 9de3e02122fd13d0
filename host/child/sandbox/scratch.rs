//! Scratch directories: each task has a new one, in a file system of this process.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, Dir, Mode, OFlags, fstatfs, mkdirat, openat, renameat, unlinkat};
use rustix::io::Errno;

/// How directories are opened for listing.
const READ: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// The root of the file system. Only numbers are names in it, and tasks see none of them.
#[derive(Debug)]
pub(crate) struct ScratchRoot {
    root: OwnedFd,
    /// The file system lives as long as this.
    _mount: OwnedFd,
    /// The last name that was used.
    last: AtomicU64,
}

impl ScratchRoot {
    /// Takes a file system. Its own descriptor is only a place: it cannot be read.
    pub fn new(mount: OwnedFd) -> io::Result<Self> {
        let root = openat(&mount, ".", READ, Mode::empty())?;
        Ok(ScratchRoot { root, _mount: mount, last: AtomicU64::new(0) })
    }

    pub fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// A new directory, by a path that only this process can use.
    pub fn directory(&self) -> io::Result<PathBuf> {
        let name = self.name();
        let made = || mkdirat(&self.root, &name, Mode::RWXU);
        made().or_else(|_| {
            // A file that was being made when its task was stopped may have come after the last removal.
            self.clear();
            made()
        })?;
        Ok(PathBuf::from(format!("/proc/self/fd/{}/{name}", self.root.as_raw_fd())))
    }

    /// Whether there is no room for another byte or another file.
    pub fn is_full(&self) -> bool {
        fstatfs(&self.root).is_ok_and(|room| room.f_bavail == 0 || room.f_ffree == 0)
    }

    /// Removes all directories. What cannot be removed now is removed after the next task: it takes room, but no task
    /// sees it.
    pub fn clear(&self) {
        while let Ok(names) = names(&self.root)
            && !names.is_empty()
        {
            if names.iter().map(|name| self.remove(name)).filter(Result::is_ok).count() == 0 {
                return;
            }
        }
    }

    /// Removes what has a name in the root. The directories in a directory are moved to the root first, where their turn
    /// comes: so trees of any depth take no recursion and no long paths.
    fn remove(&self, name: &[u8]) -> Result<(), Errno> {
        if unlinkat(&self.root, name, AtFlags::empty()).is_ok() {
            return Ok(());
        }
        let dir = openat(&self.root, name, READ, Mode::empty())?;
        for inner in names(&dir)? {
            if unlinkat(&dir, inner.as_slice(), AtFlags::empty()).is_err() {
                renameat(&dir, inner.as_slice(), &self.root, self.name())?;
            }
        }
        unlinkat(&self.root, name, AtFlags::REMOVEDIR)
    }

    fn name(&self) -> String {
        self.last.fetch_add(1, Ordering::Relaxed).to_string()
    }
}

/// The names in a directory: there are at most as many as the file system has files.
fn names(dir: &OwnedFd) -> Result<Vec<Vec<u8>>, Errno> {
    let entries = Dir::read_from(dir)?.filter_map(Result::ok).map(|entry| entry.file_name().to_bytes().to_vec());
    Ok(entries.filter(|name| name != b"." && name != b"..").collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_of_any_shape_is_removed() {
        let place = tempfile::tempdir().expect("a folder");
        let root = ScratchRoot::new(std::fs::File::open(place.path()).expect("it opens").into()).expect("it opens");
        let path = root.directory().expect("a directory");
        let outside = tempfile::tempdir().expect("a folder");
        std::fs::write(outside.path().join("stays"), "").expect("a file");
        std::os::unix::fs::symlink(outside.path(), path.join("link")).expect("a link");
        (0..50).for_each(|at| std::fs::write(path.join(at.to_string()), "x").expect("a file"));
        // Deeper than a path may be long.
        let mut dir: OwnedFd = std::fs::File::open(&path).expect("it opens").into();
        let name = "d".repeat(200);
        for _ in 0..25 {
            mkdirat(&dir, &name, Mode::RWXU).expect("a directory");
            dir = openat(&dir, &name, OFlags::DIRECTORY | OFlags::RDONLY, Mode::empty()).expect("it opens");
        }
        root.clear();
        assert_eq!(std::fs::read_dir(place.path()).expect("a folder").count(), 0);
        assert!(outside.path().join("stays").exists());
    }
}
