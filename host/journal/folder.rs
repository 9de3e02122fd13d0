//! The folder `FILE.wpool`, and who may write in it.

use std::ffi::OsString;
use std::fs::{DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::facts::{FACTS, Facts, replace};
use super::{Error, at, private};

pub const JOURNAL: &str = "journal";
const LOCK: &str = "lock";
const PROGRAM: &str = "program.wasm";
/// A host that was killed holds its lock until the kernel has taken it apart; a child that it was starting, until it is
/// another program. Both take some milliseconds.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(10);
/// The kernel follows no more.
const MAX_LINKS: usize = 40;

/// The folder of a journal, locked as long as this lives.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _lock: File,
}

/// The folder of an output file: beside the file itself, whatever links lead to it, so that a file has one journal.
pub fn beside(file: &Path) -> PathBuf {
    let mut file = file.to_owned();
    for _ in 0..MAX_LINKS {
        let Ok(target) = std::fs::read_link(&file) else { break };
        file = file.parent().unwrap_or(Path::new("")).join(target);
    }
    let mut name = OsString::from(file);
    name.push(".wpool");
    name.into()
}

/// FILE of `FILE.wpool`.
pub fn output(folder: &Path) -> PathBuf {
    folder.with_extension("")
}

/// Where the copy of a run's program is.
pub fn program(folder: &Path) -> PathBuf {
    folder.join(PROGRAM)
}

/// Whether a run goes on that writes in this folder.
pub fn is_running(folder: &Path) -> bool {
    File::open(folder.join(LOCK)).is_ok_and(|lock| flock(&lock, FlockOperation::NonBlockingLockShared).is_err())
}

impl Folder {
    /// Locks a folder, and makes it if it is not there.
    ///
    /// # Errors
    /// [`Error::Busy`] when another run holds it, [`Error::Io`] also when somebody else could write in it.
    pub fn lock(path: PathBuf) -> Result<Folder, Error> {
        match DirBuilder::new().mode(0o700).create(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(at(&path)(error)),
            _ => {}
        }
        check_own(&path).map_err(at(&path))?;
        let name = path.join(LOCK);
        let mut lock = private().open(&name).map_err(at(&name))?;
        for left in (0..TRIES).rev() {
            match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(Errno::INTR) => {}
                Err(Errno::WOULDBLOCK) if left > 0 => std::thread::sleep(PAUSE),
                Err(Errno::WOULDBLOCK) => return Err(Error::Busy { path, pid: holder(&lock) }),
                Err(errno) => return Err(at(&name)(errno.into())),
            }
        }
        // Only for people who are refused.
        let _ = lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id()));
        Ok(Folder { path, _lock: lock })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn journal(&self) -> PathBuf {
        self.path.join(JOURNAL)
    }

    /// Removes what is of an earlier run, the journal first: without it the rest is nothing.
    pub fn clear(&self) -> Result<(), Error> {
        remove_if_there(&self.journal())?;
        super::tails::remove(&self.path)
    }

    /// Removes the journal with its folder. What else lies there stays, and the folder with it.
    pub fn remove(self) -> Result<(), Error> {
        self.clear()?;
        for name in [FACTS, PROGRAM, LOCK] {
            remove_if_there(&self.path.join(name))?;
        }
        match std::fs::remove_dir(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::DirectoryNotEmpty => Err(at(&self.path)(error)),
            _ => Ok(()),
        }
    }

    /// Removes what was kept of records beside FILE, once all of them are in FILE and on the disk.
    pub fn remove_tails(&self, file: &Path) -> Result<(), Error> {
        if super::tails::numbers(&self.path)?.is_empty() {
            return Ok(());
        }
        for path in [file, &self.journal()] {
            File::open(path).and_then(|file| file.sync_data()).map_err(at(path))?;
        }
        super::tails::remove(&self.path)
    }

    /// Writes what is known before the first row.
    pub fn begin(&self, facts: &Facts, program: &[u8], durable: bool) -> Result<(), Error> {
        replace(&self.path, PROGRAM, program, durable)?;
        facts.store(&self.path, durable)
    }
}

/// Refuses a folder that was there already when somebody else made it, or could write in it: what is written there
/// could be led elsewhere, or be read.
fn check_own(path: &Path) -> io::Result<()> {
    let found = std::fs::symlink_metadata(path)?;
    if !found.is_dir() {
        return Err(io::Error::other("it is not a directory"));
    }
    if found.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::other("it belongs to another user"));
    }
    if found.mode() & 0o022 != 0 {
        return Err(io::Error::other("others may write to it (chmod 700 would do)"));
    }
    Ok(())
}

/// Removes a file, unless there is none.
pub(super) fn remove_if_there(path: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(path)(error)),
        _ => Ok(()),
    }
}

/// Who says in a lock's file that it holds it.
fn holder(lock: &File) -> Option<u32> {
    let mut text = String::new();
    lock.take(20).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// Has a folder's entries reach the disk.
pub fn sync(folder: &Path) -> Result<(), Error> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))
}
