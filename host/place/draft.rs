//! Files that are written beside their place, then renamed over it.

use std::fs::File;
use std::io;

use rustix::fs::{AtFlags, RenameFlags};
use rustix::io::Errno;

use super::{Place, replaceable};

/// A file that is not at its place yet. Dropping it removes the file.
#[derive(Debug)]
pub struct Draft {
    pub file: File,
    pub(super) temporary: Place,
    pub(super) place: Place,
    pub(super) placed: bool,
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
