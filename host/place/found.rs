//! The file that stands at a place, and whether it may be read or replaced.

use std::io;
use std::os::fd::AsFd;

use rustix::fs::{FileType, Stat};
use rustix::io::Errno;
use rustix::process::geteuid;

/// The file that stands at a place.
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
    pub(super) fn of(stat: &Stat) -> Found {
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

/// Refuses an open file that somebody else than root and the user could have written.
///
/// # Errors
/// A sentence about the flaw, or an error of the system.
pub fn check_owner(file: impl AsFd) -> io::Result<()> {
    let found = rustix::fs::fstat(file)?;
    if ![0, geteuid().as_raw()].contains(&found.st_uid) {
        return Err(io::Error::other("it belongs to another user than root and the caller"));
    }
    if found.st_mode & 0o022 != 0 {
        return Err(io::Error::other("others than its owner may write to it; chmod go-w prevents that"));
    }
    Ok(())
}

/// Refuses what is not a regular file.
pub(super) fn regular(found: Found) -> io::Result<()> {
    match found.kind {
        Kind::File => Ok(()),
        Kind::Link => Err(link()),
        Kind::Folder => Err(Errno::ISDIR.into()),
        Kind::Pipe | Kind::Device => Err(io::Error::other("it is not a regular file")),
    }
}

/// Refuses what nothing may be renamed over.
pub(super) fn replaceable(found: Found) -> io::Result<()> {
    match found.kind {
        Kind::Folder => Err(Errno::ISDIR.into()),
        _ if !found.own => Err(of_another()),
        _ => Ok(()),
    }
}

pub(super) fn of_another() -> io::Error {
    io::Error::other("what stands there belongs to another user")
}

fn link() -> io::Error {
    io::Error::other("it is a link, which is not followed")
}

pub(super) fn link_in_words(errno: Errno) -> io::Error {
    if errno == Errno::LOOP { link() } else { errno.into() }
}
