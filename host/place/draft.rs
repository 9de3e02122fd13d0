//! Files that are written beside their place, then renamed over it.

use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};

use rustix::fs::{AtFlags, RenameFlags};
use rustix::io::Errno;

use super::found::replaceable;
use super::name::Place;

/// A file that is not at its place yet. Dropping it removes the file.
#[derive(Debug)]
pub struct Draft {
    pub file: File,
    temporary: Place,
    place: Place,
    placed: bool,
}

impl Place {
    /// Makes a file beside the place, to be put there.
    ///
    /// # Errors
    /// The error of the system.
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
}

impl Draft {
    /// Puts the file at its place. With `overwrite` it replaces the user's own file or link there, and never anything
    /// of somebody else.
    ///
    /// # Errors
    /// An error of the system: [`io::ErrorKind::AlreadyExists`] if something at the place must stay.
    pub fn put(mut self, overwrite: bool) -> io::Result<File> {
        if overwrite {
            self.put_over()?
        } else {
            self.put_anew()?
        }
        self.file.try_clone()
    }

    /// Opens the file again, for reading only.
    ///
    /// # Errors
    /// An error of the system.
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
            // Some file systems lack this flag. With hard links the result is the same: the draft's own name goes when
            // it is dropped.
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
            // A rename without flags also works on kernels and file systems that support no flags.
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
