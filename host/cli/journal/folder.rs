//! The folder `FILE.wpool`, and the right to write in it.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use wpool::place::{Dir, Place};

use crate::cli::journal::disk::{JOURNAL, remove, replace};
use crate::cli::journal::error::{Error, at};
use crate::cli::journal::facts::{FACTS, Facts};
use crate::cli::journal::history::HISTORY;
use crate::cli::journal::notes::NOTES;
use crate::cli::journal::summary::SUMMARY;
use crate::cli::journal::tails;

/// The suffix to the name of FILE.
pub const SUFFIX: &str = ".wpool";
const LOCK: &str = "lock";
const PROGRAM: &str = "program.wasm";
/// Tries to get the lock. A killed host holds its lock until the kernel has taken it apart, and a child that it was
/// starting holds it until its exec. Both take some milliseconds.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(10);
/// The kernel follows no more links.
const MAX_LINKS: usize = 40;

/// The folder of a journal. It stays locked as long as this value lives.
#[derive(Debug)]
pub struct Folder {
    place: Place,
    dir: Dir,
    _lock: File,
}

/// The folder of an output file: beside the file itself, whatever links lead to it, so that each file has one journal.
pub fn beside(file: &Path) -> PathBuf {
    let mut file = file.to_owned();
    for _ in 0..MAX_LINKS {
        let Ok(target) = std::fs::read_link(&file) else { break };
        file = file.parent().unwrap_or(Path::new("")).join(target);
    }
    let mut name = OsString::from(file);
    name.push(SUFFIX);
    name.into()
}

/// The FILE of `FILE.wpool`.
pub fn output(folder: &Path) -> PathBuf {
    folder.with_extension("")
}

/// Whether this folder holds a run.
pub fn is_of_a_run(folder: &Dir) -> bool {
    [JOURNAL, FACTS].iter().any(|name| folder.at(name).look().is_ok_and(|found| found.is_some()))
}

/// As [`is_of_a_run`], of a folder that may be another user's.
pub fn holds_a_run(folder: &Path) -> io::Result<bool> {
    let folder = Dir::open(folder)?;
    Ok(folder.at(JOURNAL).look()?.is_some() || folder.at(FACTS).look()?.is_some())
}

/// The copy of a run's program.
pub fn program(folder: &Dir) -> Place {
    folder.at(PROGRAM)
}

/// Whether an active run writes in this folder.
pub fn is_running(folder: &Dir) -> bool {
    folder.at(LOCK).read().is_ok_and(|lock| flock(&lock, FlockOperation::NonBlockingLockShared).is_err())
}

impl Folder {
    /// Locks a folder, and makes it if it does not exist.
    ///
    /// # Errors
    /// [`Error::Busy`] when another run holds it, [`Error::Io`] also when another user could write in it.
    pub fn lock(place: Place) -> Result<Folder, Error> {
        let dir = place.make_folder(0o700).map_err(at(&place))?;
        dir.check_private().map_err(at(&place))?;
        let name = dir.at(LOCK);
        let mut lock = name.edit_private().map_err(at(&name))?;
        if !is_free(&lock).map_err(at(&name))? {
            return Err(Error::Busy { path: place.path(), pid: holder(&lock) });
        }
        // Only for the message to other runs.
        let _ = lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id()));
        Ok(Folder { place, dir, _lock: lock })
    }

    pub fn dir(&self) -> &Dir {
        &self.dir
    }

    pub fn journal(&self) -> Place {
        self.dir.at(JOURNAL)
    }

    /// Removes the files of an earlier run, the journal first: without it the others mean nothing.
    pub fn clear(&self) -> Result<(), Error> {
        remove(&self.journal())?;
        remove(&self.dir.at(HISTORY))?;
        for name in [NOTES, SUMMARY] {
            remove(&self.dir.at(name))?;
        }
        tails::remove(&self.dir)
    }

    /// Removes the journal with its folder. Foreign files stay, and the folder with them.
    pub fn remove(self) -> Result<(), Error> {
        self.clear()?;
        for name in [FACTS, PROGRAM, LOCK] {
            remove(&self.dir.at(name))?;
        }
        match self.place.remove_folder() {
            Err(error) if error.kind() != io::ErrorKind::DirectoryNotEmpty => Err(at(&self.place)(error)),
            _ => Ok(()),
        }
    }

    /// Removes the tails, once all of their records are in FILE and on the disk.
    pub fn remove_tails(&self, file: &File) -> Result<(), Error> {
        if tails::numbers(&self.dir)?.is_empty() {
            return Ok(());
        }
        let journal = self.journal();
        file.sync_data().and_then(|()| journal.read()?.sync_data()).map_err(at(&journal))?;
        tails::remove(&self.dir)
    }

    /// Writes the facts and the program before the first row.
    pub fn begin(&self, facts: &Facts, program: &[u8], durable: bool) -> Result<(), Error> {
        replace(&self.dir.at(PROGRAM), program, durable)?;
        facts.store(&self.dir, durable)
    }
}

/// Locks a file for this process alone, and returns whether this succeeded.
pub fn is_free(file: &File) -> io::Result<bool> {
    for left in (0..TRIES).rev() {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(true),
            Err(Errno::INTR) => {}
            Err(Errno::WOULDBLOCK) if left > 0 => std::thread::sleep(PAUSE),
            Err(Errno::WOULDBLOCK) => return Ok(false),
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(false)
}

/// The process id that the lock's file names.
fn holder(lock: &File) -> Option<u32> {
    let mut text = String::new();
    lock.take(20).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::tests::place;
    use super::*;

    #[test]
    fn a_folder_that_somebody_else_could_write_in_is_refused() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let dir = tempfile::tempdir().expect("a folder");
        let [path, victim] = ["out.wpool", "victim"].map(|name| dir.path().join(name));
        let refused = |needle: &str| match Folder::lock(place(&path)).expect_err("it is refused") {
            Error::Io { source, .. } => assert!(source.to_string().contains(needle), "{source}"),
            other => panic!("{other}"),
        };
        std::fs::create_dir(&victim).expect("a folder");
        symlink(&victim, &path).expect("a link");
        refused("not a directory");
        std::fs::remove_file(&path).expect("it is there");
        std::fs::rename(&victim, &path).expect("it is there");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o777)).expect("it is mine");
        refused("others may write");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("it is mine");
        // The target of a link is left alone, and so is any file in the place of a new one.
        std::fs::write(&victim, "precious").expect("it is written");
        symlink(&victim, path.join("lock")).expect("a link");
        refused("link");
        std::fs::remove_file(path.join("lock")).expect("it is there");
        let folder = Folder::lock(place(&path)).expect("it is mine");
        symlink(&victim, path.join("run.json")).expect("a link");
        replace(&folder.dir().at("run.json"), b"facts", false).expect("it is written");
        assert_eq!(std::fs::read(&victim).expect("it is there"), b"precious");
        assert_eq!(std::fs::read(path.join("run.json")).expect("it is there"), b"facts");
    }

    #[test]
    fn a_file_has_one_folder_whatever_links_lead_to_it() {
        use std::os::unix::fs::symlink;
        let dir = tempfile::tempdir().expect("a folder");
        let path = |name: &str| dir.path().join(name);
        symlink("b", path("a")).expect("a link");
        symlink(path("c"), path("b")).expect("a link");
        // Whether it exists or not.
        assert_eq!(beside(&path("a")), path("c.wpool"));
        std::fs::write(path("c"), "").expect("a file");
        assert_eq!(beside(&path("a")), path("c.wpool"));
        symlink("round", path("round")).expect("a link");
        assert_eq!(beside(&path("round")), path("round.wpool"));
        assert_eq!(beside(Path::new("out")), Path::new("out.wpool"));
    }
}
