//! Folders, held by descriptor.

use std::ffi::{OsStr, OsString};
use std::fs::DirBuilder;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{CWD, Dir as Entries, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{getegid, geteuid};

/// Write permission of the group, and of others.
const WRITABLE_BY_GROUP: u32 = 0o020;
const WRITABLE_BY_OTHERS: u32 = 0o002;
/// In a folder with this bit, users can rename and remove only their own entries.
const STICKY: u32 = 0o1000;

/// An open folder.
#[derive(Clone, Debug)]
pub struct Dir {
    pub(super) folder: Arc<OwnedFd>,
    /// The path at the time of opening, for messages.
    pub(super) path: PathBuf,
}

impl Dir {
    /// Opens a folder. Links on the way to it are followed, and so is a link at its own name.
    ///
    /// # Errors
    /// An error of the system.
    pub fn open(path: &Path) -> io::Result<Dir> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        Dir::open_with(CWD.as_fd(), path.as_os_str(), OFlags::empty(), path.to_owned())
    }

    /// Opens a folder. Links on the way to it are followed; a link at its own name is an error.
    ///
    /// # Errors
    /// An error of the system.
    pub fn open_itself(path: &Path) -> io::Result<Dir> {
        // Removes a slash at the end, because the system would follow a link before it.
        let path: PathBuf = path.components().collect();
        // `/`, `.` and `..` are never links.
        match path.file_name() {
            Some(name) => Dir::open(path.parent().unwrap_or(Path::new("")))?.within(name),
            None => Dir::open(&path),
        }
    }

    /// Opens a folder that is the user's alone: nobody else can write to it, read new files in it, or replace it. A
    /// link at its own name is not followed.
    ///
    /// # Errors
    /// An error of the system, or a sentence about a flaw of the folder or one above it.
    pub fn private(path: &Path) -> io::Result<Dir> {
        let dir = Dir::open_itself(path)?;
        dir.check_private()?;
        dir.check_parents()?;
        Ok(dir)
    }

    /// Like [`Dir::private`], but makes the folder and the folders above it if they are missing.
    ///
    /// # Errors
    /// As [`Dir::private`].
    pub fn make_private(path: &Path) -> io::Result<Dir> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        Dir::private(path)
    }

    /// Opens the folder of this name in it, through no link.
    pub(super) fn within(&self, name: &OsStr) -> io::Result<Dir> {
        Dir::open_with(&self.folder, name, OFlags::NOFOLLOW, self.path_of(name))
    }

    /// The path of a name in it, for messages.
    pub(super) fn path_of(&self, name: &OsStr) -> PathBuf {
        if self.path == Path::new(".") { PathBuf::from(name) } else { self.path.join(name) }
    }

    fn open_with(at: impl AsFd, name: &OsStr, more: OFlags, path: PathBuf) -> io::Result<Dir> {
        // Files can be made in a folder that cannot be read.
        let flags = OFlags::DIRECTORY | OFlags::PATH | OFlags::CLOEXEC | more;
        let folder = rustix::fs::openat(at, name, flags, Mode::empty()).map_err(|errno| match errno {
            // The kernel's two errors for a link that is not followed.
            Errno::NOTDIR | Errno::LOOP => io::Error::other("it is not a directory"),
            errno => errno.into(),
        })?;
        Ok(Dir { folder: Arc::new(folder), path })
    }

    /// The path at the time of opening.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Refuses a folder that belongs to somebody else, or that others may write to: what is written there could be read,
    /// replaced, or led elsewhere.
    ///
    /// # Errors
    /// A sentence about the flaw.
    pub fn check_private(&self) -> io::Result<()> {
        let found = rustix::fs::fstat(&self.folder)?;
        if found.st_uid != geteuid().as_raw() {
            return Err(io::Error::other("it belongs to another user"));
        }
        if found.st_mode & (WRITABLE_BY_GROUP | WRITABLE_BY_OTHERS) != 0 {
            return Err(io::Error::other("others may write to it; chmod 700 prevents that"));
        }
        Ok(())
    }

    /// Rejects a folder that somebody else could rename and replace. Each folder above it must belong to the user or to
    /// root, and nobody else may write to it, unless it is sticky. The user's own group counts as the user, because
    /// some systems make new folders writable by it.
    ///
    /// # Errors
    /// A sentence about the folder with the flaw.
    fn check_parents(&self) -> io::Result<()> {
        let path = std::fs::canonicalize(&self.path)?;
        let user = geteuid().as_raw();
        for folder in path.ancestors().skip(1) {
            let found = rustix::fs::stat(folder)?;
            let own_group = found.st_gid == user && getegid().as_raw() == user;
            let group = found.st_mode & WRITABLE_BY_GROUP != 0 && !own_group;
            let open = group || found.st_mode & WRITABLE_BY_OTHERS != 0;
            let (is_sticky, folder) = (found.st_mode & STICKY != 0, folder.display());
            if ![user, 0].contains(&found.st_uid) {
                return Err(io::Error::other(format!("{folder}, which it is in, belongs to another user")));
            }
            if open && !is_sticky {
                return Err(io::Error::other(format!("others may write to {folder}, which it is in")));
            }
        }
        Ok(())
    }

    /// The names in the folder, in no particular order.
    ///
    /// # Errors
    /// An error of the system.
    pub fn names(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in Entries::new(self.readable()?)? {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name != "." && name != ".." {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    /// Waits until the folder's entries are on the disk.
    ///
    /// # Errors
    /// An error of the system.
    pub fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(self.readable()?)?)
    }

    /// The folder, open for reading.
    fn readable(&self) -> io::Result<OwnedFd> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.folder, ".", flags, Mode::empty())?)
    }
}
