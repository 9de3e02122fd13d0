//! Files, reached by the descriptor of their folder.
//!
//! A guest with a writable directory, or another user in a shared folder, can put anything at a name, at any time. So
//! the host opens a folder once and reaches everything in it through that descriptor. It follows no link at the last
//! name, waits for no pipe, reads only regular files, and replaces a file by renaming a new one over it.
//! `docs/design/fence.md` lists every path of the host, and the strangers who may have chosen its content.

mod dir;
mod draft;

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use rustix::process::geteuid;

pub use self::dir::Dir;
pub use self::draft::Draft;

/// A file's mode unless its folder or its content needs a stricter one. The umask applies.
pub const PUBLIC: u32 = 0o666;
/// The mode of files for the user alone.
pub const PRIVATE: u32 = 0o600;

/// A name in an open folder, with or without something there.
#[derive(Clone, Debug)]
pub struct Place {
    dir: Dir,
    name: OsString,
}

/// The facts about the file at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    pub kind: Kind,
    /// The user owns it.
    pub own: bool,
    /// Number of names of the file.
    pub names: u64,
    /// Device and inode, which identify the file.
    pub identity: (u64, u64),
    pub bytes: u64,
}

/// The kind of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    File,
    Folder,
    Link,
    Pipe,
    /// A device or a socket.
    Device,
}

impl Found {
    fn of(stat: &Stat) -> Found {
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Folder,
            FileType::Symlink => Kind::Link,
            FileType::Fifo => Kind::Pipe,
            _ => Kind::Device,
        };
        Found {
            kind,
            own: stat.st_uid == geteuid().as_raw(),
            // The type differs between processors.
            #[allow(clippy::useless_conversion, reason = "it is narrower on aarch64")]
            names: stat.st_nlink.into(),
            identity: (stat.st_dev, stat.st_ino),
            bytes: stat.st_size.try_into().unwrap_or_default(),
        }
    }

    /// The facts about an open file.
    ///
    /// # Errors
    /// An error of the system.
    pub fn of_file(file: impl AsFd) -> io::Result<Found> {
        Ok(Found::of(&rustix::fs::fstat(file)?))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path().display().fmt(f)
    }
}

impl Place {
    /// The place that a path names. Opens the folder of the path.
    ///
    /// # Errors
    /// An error of the system, or a path without a last name, such as `/` or `..`.
    pub fn of(path: &Path) -> io::Result<Place> {
        let name = path.file_name().ok_or_else(|| io::Error::other("it does not end in a name"))?;
        // `file_name` ignores a slash at the end, which would mean a folder.
        if path.as_os_str().as_bytes().ends_with(b"/") {
            return Err(io::Error::from(Errno::ISDIR));
        }
        Ok(Dir::open(path.parent().unwrap_or(Path::new("")))?.at(name))
    }

    /// The path, for messages.
    pub fn path(&self) -> PathBuf {
        if self.dir.path == Path::new(".") { PathBuf::from(&self.name) } else { self.dir.path.join(&self.name) }
    }

    /// The folder of the place.
    pub fn dir(&self) -> &Dir {
        &self.dir
    }

    /// The place with this name and a suffix.
    pub fn and(&self, more: &str) -> Place {
        let mut name = self.name.clone();
        name.push(more);
        self.dir.at(name)
    }

    /// The facts about the file at the place, or `None` if it is empty. A link is not followed.
    ///
    /// # Errors
    /// An error of the system.
    pub fn look(&self) -> io::Result<Option<Found>> {
        match rustix::fs::statat(&self.dir.folder, &self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(Found::of(&stat))),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Opens the regular file at the place for reading.
    ///
    /// # Errors
    /// An error of the system, or a sentence about another kind of file there.
    pub fn read(&self) -> io::Result<File> {
        self.open(OFlags::RDONLY, 0)
    }

    /// Opens the user's own file at the place, which must have no other name, for reading and writing.
    ///
    /// # Errors
    /// As [`Place::read`].
    pub fn edit(&self) -> io::Result<File> {
        self.open(OFlags::RDWR, 0)
    }

    /// Like [`Place::edit`], but makes the file, for the user alone, if the place is empty.
    ///
    /// # Errors
    /// As [`Place::read`].
    pub fn edit_private(&self) -> io::Result<File> {
        self.open(OFlags::RDWR | OFlags::CREATE, PRIVATE)
    }

    fn open(&self, flags: OFlags, mode: u32) -> io::Result<File> {
        // Looks first, because opening a device may have an effect.
        if let Some(found) = self.look()? {
            regular(found)?;
        }
        // NONBLOCK: a pipe may have come in the meantime, and the host does not wait for pipes.
        let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.dir.folder, &self.name, flags, Mode::from_raw_mode(mode));
        let file = File::from(file.map_err(link_in_words)?);
        let found = Found::of_file(&file)?;
        regular(found)?;
        if flags.contains(OFlags::RDWR) && !found.own {
            return Err(of_another());
        }
        if flags.contains(OFlags::RDWR) && found.names != 1 {
            return Err(io::Error::other("it is a hard link: writing would change the file of its other names, too"));
        }
        Ok(file)
    }

    /// Makes the file, for reading and writing.
    ///
    /// # Errors
    /// An error of the system: [`io::ErrorKind::AlreadyExists`] if the place is not empty.
    pub fn create(&self, mode: u32) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.dir.folder, &self.name, flags, Mode::from_raw_mode(mode))?.into())
    }

    /// Like [`Place::create`], after removing the file at the place.
    ///
    /// # Errors
    /// An error of the system.
    pub fn create_anew(&self, mode: u32) -> io::Result<File> {
        self.remove()?;
        self.create(mode)
    }

    /// Makes a file beside the place, to be put there later.
    ///
    /// # Errors
    /// An error of the system.
    pub fn draft(&self, mode: u32) -> io::Result<Draft> {
        loop {
            // The system seeds this number, so nobody can have taken the name on purpose.
            let random = RandomState::new().hash_one(std::process::id());
            let temporary = self.dir.at(format!(".wpool-{random:016x}"));
            match temporary.create(mode) {
                Ok(file) => return Ok(Draft { file, temporary, place: self.clone(), placed: false }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Puts a file with this content at the place, whole or not at all.
    ///
    /// # Errors
    /// As [`Place::draft`] and [`Draft::put`].
    pub fn replace(&self, bytes: &[u8], mode: u32, overwrite: bool) -> io::Result<()> {
        let mut draft = self.draft(mode)?;
        draft.file.write_all(bytes)?;
        draft.put(overwrite).map(drop)
    }

    /// Removes the file at the place, if there is one; not a folder, and nothing of another user.
    ///
    /// # Errors
    /// An error of the system, or a sentence about the file that stays.
    pub fn remove(&self) -> io::Result<()> {
        self.look()?.map_or(Ok(()), replaceable)?;
        self.unlink(AtFlags::empty())
    }

    /// Removes the folder at the place, if it is empty.
    ///
    /// # Errors
    /// An error of the system, also for a folder that is not empty.
    pub fn remove_folder(&self) -> io::Result<()> {
        self.unlink(AtFlags::REMOVEDIR)
    }

    fn unlink(&self, flags: AtFlags) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.dir.folder, &self.name, flags) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Opens the folder at the place, and follows no link.
    ///
    /// # Errors
    /// An error of the system.
    pub fn folder(&self) -> io::Result<Dir> {
        Dir::open_with(&self.dir.folder, &self.name, OFlags::NOFOLLOW, self.path())
    }

    /// Makes a folder at the place and opens it.
    ///
    /// # Errors
    /// An error of the system: [`io::ErrorKind::AlreadyExists`] if the place is not empty.
    pub fn new_folder(&self, mode: u32) -> io::Result<Dir> {
        rustix::fs::mkdirat(&self.dir.folder, &self.name, Mode::from_raw_mode(mode))?;
        self.folder()
    }

    /// Opens the folder at the place, following no link, and makes it if the place is empty.
    ///
    /// # Errors
    /// An error of the system.
    pub fn make_folder(&self, mode: u32) -> io::Result<Dir> {
        match self.new_folder(mode) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.folder(),
            made => made,
        }
    }
}

/// Rejects everything but a regular file.
fn regular(found: Found) -> io::Result<()> {
    match found.kind {
        Kind::File => Ok(()),
        Kind::Link => Err(link()),
        Kind::Folder => Err(Errno::ISDIR.into()),
        Kind::Pipe | Kind::Device => Err(io::Error::other("it is not a regular file")),
    }
}

/// Rejects a file that nothing may be renamed over.
fn replaceable(found: Found) -> io::Result<()> {
    match found.kind {
        Kind::Folder => Err(Errno::ISDIR.into()),
        _ if !found.own => Err(of_another()),
        _ => Ok(()),
    }
}

fn of_another() -> io::Error {
    io::Error::other("what stands there belongs to another user")
}

fn link() -> io::Error {
    io::Error::other("it is a link, which is not followed")
}

fn link_in_words(errno: Errno) -> io::Error {
    if errno == Errno::LOOP { link() } else { errno.into() }
}
