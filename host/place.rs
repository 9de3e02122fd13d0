//! Files by the descriptor of their folder.
//!
//! A guest with a writable directory, or another user in a shared folder, chooses what stands at a name, at any time. So the
//! host opens a folder once and reaches everything in it through that descriptor: it follows no link at the last name,
//! waits for no pipe, reads only regular files, and replaces a file by renaming a new one over it. `docs/design/fence.md`
//! lists every path of the host with who may have chosen what stands there.

use std::ffi::{OsStr, OsString};
use std::fs::{DirBuilder, File};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, CWD, Dir as Entries, FileType, Mode, OFlags, RenameFlags, Stat};
use rustix::io::Errno;
use rustix::process::{getegid, geteuid};

/// A file's mode unless its folder or its content asks for less; the umask applies.
pub const PUBLIC: u32 = 0o666;
/// The mode of what is for the user alone.
pub const PRIVATE: u32 = 0o600;
/// Write permission of the group, and of others.
const WRITABLE_BY_GROUP: u32 = 0o020;
const WRITABLE_BY_OTHERS: u32 = 0o002;
/// In a folder with this bit, users rename and remove only what is theirs.
const STICKY: u32 = 0o1000;

/// An open folder.
#[derive(Clone, Debug)]
pub struct Dir {
    folder: Arc<OwnedFd>,
    /// The path by which it was opened, for messages.
    path: PathBuf,
}

/// A name in an open folder, whatever stands there.
#[derive(Clone, Debug)]
pub struct Place {
    dir: Dir,
    name: OsString,
}

/// What stands at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    pub kind: Kind,
    /// The user owns it.
    pub own: bool,
    /// Names that lead to it.
    pub names: u64,
    /// Device and inode, which tell it from every other file.
    pub identity: (u64, u64),
    pub bytes: u64,
}

/// The kinds of what can stand at a place.
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

    /// What an open file is.
    ///
    /// # Errors
    /// Of the system.
    pub fn of_file(file: impl AsFd) -> io::Result<Found> {
        Ok(Found::of(&rustix::fs::fstat(file)?))
    }
}

impl Dir {
    /// Opens a folder. Links on the way to it are followed, and a link at its own name.
    ///
    /// # Errors
    /// Of the system.
    pub fn open(path: &Path) -> io::Result<Dir> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        Dir::open_with(CWD.as_fd(), path.as_os_str(), OFlags::empty(), path.to_owned())
    }

    /// Opens a folder. Links on the way to it are followed; a link at its own name is an error.
    ///
    /// # Errors
    /// Of the system.
    pub fn open_itself(path: &Path) -> io::Result<Dir> {
        // Without a slash at its end, which would have a link followed.
        let path: PathBuf = path.components().collect();
        // `/`, `.` and `..` are never links.
        if path.file_name().is_some() { Place::of(&path)?.folder() } else { Dir::open(&path) }
    }

    /// Opens a folder that nobody else can write to, read what is made in it, or put another in its place. A link at its
    /// own name is not followed.
    ///
    /// # Errors
    /// Of the system; and what is wrong with the folder or one above it, as a sentence.
    pub fn private(path: &Path) -> io::Result<Dir> {
        let dir = Dir::open_itself(path)?;
        dir.check_private()?;
        dir.check_parents()?;
        Ok(dir)
    }

    /// As [`Dir::private`]; the folder, and those above it, are made if they are not there.
    ///
    /// # Errors
    /// As [`Dir::private`].
    pub fn make_private(path: &Path) -> io::Result<Dir> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        Dir::private(path)
    }

    fn open_with(at: impl AsFd, name: &OsStr, more: OFlags, path: PathBuf) -> io::Result<Dir> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC | more;
        let folder = rustix::fs::openat(at, name, flags, Mode::empty()).map_err(|errno| match errno {
            // The kernel says either of a link where no link is followed.
            Errno::NOTDIR | Errno::LOOP => io::Error::other("it is not a directory"),
            errno => errno.into(),
        })?;
        Ok(Dir { folder: Arc::new(folder), path })
    }

    /// The path by which the folder was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The place of a name, which must be a single one.
    pub fn at(&self, name: impl AsRef<OsStr>) -> Place {
        let name = name.as_ref();
        debug_assert!(!name.as_bytes().contains(&b'/'), "{name:?} is one name");
        Place { dir: self.clone(), name: name.to_owned() }
    }

    /// Refuses a folder that belongs to somebody else, or that others may write to: what is written there could be read,
    /// replaced, or led elsewhere.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence.
    pub fn check_private(&self) -> io::Result<()> {
        let found = rustix::fs::fstat(&self.folder)?;
        if found.st_uid != geteuid().as_raw() {
            return Err(io::Error::other("it belongs to another user"));
        }
        if found.st_mode & (WRITABLE_BY_GROUP | WRITABLE_BY_OTHERS) != 0 {
            return Err(io::Error::other("others may write to it (chmod 700 would do)"));
        }
        Ok(())
    }

    /// Refuses a folder that somebody else could rename and replace: each folder above it belongs to the user or to root,
    /// and nobody else may write to it, unless it is sticky. A group that is the user's own counts as the user, as
    /// where new folders are writable by it.
    ///
    /// # Errors
    /// Which folder is not so, as a sentence.
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

    /// The names in the folder, in no order.
    ///
    /// # Errors
    /// Of the system.
    pub fn names(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in Entries::read_from(&self.folder)? {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name != "." && name != ".." {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    /// Makes the folder's entries reach the disk.
    ///
    /// # Errors
    /// Of the system.
    pub fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.folder)?)
    }
}

impl Place {
    /// The place that a path names, by the folder that it is in, which is opened.
    ///
    /// # Errors
    /// Of the system; and a path without a last name, such as `/` or `..`.
    pub fn of(path: &Path) -> io::Result<Place> {
        let name = path.file_name().ok_or_else(|| io::Error::other("it does not end in a name"))?;
        // A slash at the end asks for a folder, which `file_name` does not show.
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

    /// The place whose name is this one's and more.
    pub fn and(&self, more: &str) -> Place {
        let mut name = self.name.clone();
        name.push(more);
        self.dir.at(name)
    }

    /// What stands there; a link as itself.
    ///
    /// # Errors
    /// Of the system, unless nothing stands there.
    pub fn look(&self) -> io::Result<Option<Found>> {
        match rustix::fs::statat(&self.dir.folder, &self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(Found::of(&stat))),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Opens the regular file there for reading.
    ///
    /// # Errors
    /// Of the system; and what stands there instead, as a sentence.
    pub fn read(&self) -> io::Result<File> {
        self.open(OFlags::RDONLY, 0)
    }

    /// Opens the user's own file there, which has no other name, for reading and writing.
    ///
    /// # Errors
    /// As [`Place::read`].
    pub fn edit(&self) -> io::Result<File> {
        self.open(OFlags::RDWR, 0)
    }

    /// As [`Place::edit`], and makes the file, for the user alone, if nothing stands there.
    ///
    /// # Errors
    /// As [`Place::read`].
    pub fn edit_private(&self) -> io::Result<File> {
        self.open(OFlags::RDWR | OFlags::CREATE, PRIVATE)
    }

    fn open(&self, flags: OFlags, mode: u32) -> io::Result<File> {
        // Opening a device may do something by itself, so what stands there comes first.
        if let Some(found) = self.look()? {
            regular(found)?;
        }
        // A pipe that has come meanwhile is not waited for.
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
    /// Of the system, as [`io::ErrorKind::AlreadyExists`] when anything stands there.
    pub fn create(&self, mode: u32) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.dir.folder, &self.name, flags, Mode::from_raw_mode(mode))?.into())
    }

    /// As [`Place::create`], once what stands there is removed.
    ///
    /// # Errors
    /// Of the system.
    pub fn create_anew(&self, mode: u32) -> io::Result<File> {
        self.remove()?;
        self.create(mode)
    }

    /// Makes a file beside the place, to be put there.
    ///
    /// # Errors
    /// Of the system.
    pub fn draft(&self, mode: u32) -> io::Result<Draft> {
        loop {
            // Seeded by the system, so that nobody can have taken the name on purpose.
            let random = RandomState::new().hash_one(std::process::id());
            let temporary = self.dir.at(format!(".wpool-{random:016x}"));
            match temporary.create(mode) {
                Ok(file) => return Ok(Draft { file, temporary, place: self.clone(), placed: false }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Has a file of this content stand there, whole or not at all.
    ///
    /// # Errors
    /// As [`Place::draft`] and [`Draft::put`].
    pub fn replace(&self, bytes: &[u8], mode: u32, overwrite: bool) -> io::Result<()> {
        let mut draft = self.draft(mode)?;
        draft.file.write_all(bytes)?;
        draft.put(overwrite).map(drop)
    }

    /// Removes what stands there, if anything does; not a folder, and nothing of another user's.
    ///
    /// # Errors
    /// Of the system; and what stands there, as a sentence.
    pub fn remove(&self) -> io::Result<()> {
        self.look()?.map_or(Ok(()), replaceable)?;
        self.unlink(AtFlags::empty())
    }

    /// Removes the folder there, if it is empty.
    ///
    /// # Errors
    /// Of the system, also when the folder is not empty.
    pub fn remove_folder(&self) -> io::Result<()> {
        self.unlink(AtFlags::REMOVEDIR)
    }

    fn unlink(&self, flags: AtFlags) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.dir.folder, &self.name, flags) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Opens the folder there, through no link.
    ///
    /// # Errors
    /// Of the system.
    pub fn folder(&self) -> io::Result<Dir> {
        Dir::open_with(&self.dir.folder, &self.name, OFlags::NOFOLLOW, self.path())
    }

    /// Opens the folder there, through no link, and makes it if nothing stands there.
    ///
    /// # Errors
    /// Of the system.
    pub fn make_folder(&self, mode: u32) -> io::Result<Dir> {
        match rustix::fs::mkdirat(&self.dir.folder, &self.name, Mode::from_raw_mode(mode)) {
            Ok(()) | Err(Errno::EXIST) => self.folder(),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// A file that does not stand at its place yet. It is removed when it is dropped before.
#[derive(Debug)]
pub struct Draft {
    pub file: File,
    temporary: Place,
    place: Place,
    placed: bool,
}

impl Draft {
    /// Puts the file at its place: over the user's own file or link that stands there, if it may, and never over what
    /// belongs to somebody else.
    ///
    /// # Errors
    /// Of the system, as [`io::ErrorKind::AlreadyExists`] when something stands there that must stay.
    pub fn put(mut self, overwrite: bool) -> io::Result<File> {
        if overwrite {
            self.put_over()?
        } else {
            self.put_anew()?
        }
        self.file.try_clone()
    }

    /// Opens the file again, for reading alone.
    ///
    /// # Errors
    /// Of the system.
    pub fn reader(&self) -> io::Result<File> {
        self.temporary.read()
    }

    fn put_over(&mut self) -> io::Result<()> {
        if let Some(found) = self.place.look()? {
            replaceable(found)?;
        }
        self.rename(RenameFlags::empty())?;
        self.placed = true;
        Ok(())
    }

    fn put_anew(&mut self) -> io::Result<()> {
        match self.rename(RenameFlags::NOREPLACE) {
            Ok(()) => self.placed = true,
            // Some file systems cannot; all that have hard links can do this. The draft's own name goes when it is dropped.
            Err(Errno::INVAL | Errno::NOSYS) => {
                let folder = &self.place.dir.folder;
                rustix::fs::linkat(folder, &self.temporary.name, folder, &self.place.name, AtFlags::empty())?;
            }
            Err(errno) => return Err(errno.into()),
        }
        Ok(())
    }

    fn rename(&self, flags: RenameFlags) -> Result<(), Errno> {
        let folder = &self.place.dir.folder;
        match flags.is_empty() {
            // Kernels and file systems that know no flags know this.
            true => rustix::fs::renameat(folder, &self.temporary.name, folder, &self.place.name),
            false => rustix::fs::renameat_with(folder, &self.temporary.name, folder, &self.place.name, flags),
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.placed {
            let _ = self.temporary.remove();
        }
    }
}

/// Refuses what is not a regular file.
fn regular(found: Found) -> io::Result<()> {
    match found.kind {
        Kind::File => Ok(()),
        Kind::Link => Err(link()),
        Kind::Folder => Err(Errno::ISDIR.into()),
        Kind::Pipe | Kind::Device => Err(io::Error::other("it is not a regular file")),
    }
}

/// Refuses what nothing may be renamed over.
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
