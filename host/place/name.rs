//! Names in an open folder.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use super::dir::Dir;
use super::found::{Found, link_in_words, of_another, regular, replaceable};

/// A file's mode unless its folder or its content needs a stricter one. The umask applies.
pub const PUBLIC: u32 = 0o666;

/// The mode of what is for the user alone.
pub const PRIVATE: u32 = 0o600;

/// A name in an open folder, with or without something there.
#[derive(Clone, Debug)]
pub struct Place {
    pub(super) dir: Dir,
    pub(super) name: OsString,
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
        self.dir.path_of(&self.name)
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

    /// Removes what stands there, if anything does; not a folder, and nothing of another user's.
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
        self.dir.within(&self.name)
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

impl Dir {
    /// The place of a name, which must be a single one.
    pub fn at(&self, name: impl AsRef<OsStr>) -> Place {
        let name = name.as_ref();
        debug_assert!(!name.as_bytes().contains(&b'/'), "{name:?} is one name");
        Place { dir: self.clone(), name: name.to_owned() }
    }
}
