//! Making the files of a run, where those of an earlier one may stand.

use std::fs::File;
use std::io;

use anyhow::Result;
use wpool::place::{Found, Kind, Place};

use crate::cli::errors::CannotWrite;
use crate::cli::journal::error::at;
use crate::cli::journal::{Error, Folder, SUFFIX, is_of_a_run};
use crate::cli::plan::JournalPlan;
use crate::cli::target::{self, Target};

/// Makes FILE, once what is known of an earlier one is removed. Without `--overwrite` it is not there, or it is empty, or there is a copy of it.
pub(super) fn create(plan: &JournalPlan, folder: &Folder, copied: bool) -> Result<File, Error> {
    let place = &plan.file;
    let found = place.look().map_err(at(place))?;
    let replace = plan.overwrite || copied || plan.resume.is_some() && found.is_some_and(|found| found.bytes == 0);
    if found.is_some_and(|found| found.kind == Kind::File && found.own) && replace {
        // Before the journal goes that is of it.
        free(place, place.read())?;
    }
    folder.clear()?;
    target::open_file(place, replace).map_err(at(place))
}

/// Locks FILE, which may be written by another name, too.
pub(super) fn free(place: &Place, opened: io::Result<File>) -> Result<File, Error> {
    let file = opened.map_err(at(place))?;
    match target::check_free(&file) {
        Ok(()) => Ok(file),
        Err(_) => Err(Error::Busy { path: place.path(), pid: None }),
    }
}

pub(super) fn look(place: &Place) -> Result<Option<Found>> {
    place.look().map_err(|source| cannot(at(place)(source)))
}

/// An error of the system at a journal that is written is output that cannot be written.
pub(super) fn cannot(error: Error) -> anyhow::Error {
    match error {
        Error::Io { path, source } => CannotWrite { path: path.display().to_string(), source }.into(),
        other => other.into(),
    }
}

/// Removes all that was kept of a file that is written by a run without a journal: it would tell of other lines.
pub fn forget(target: &Target) -> Result<()> {
    let Some(folder) = target.place().map(|place| place.and(SUFFIX)) else { return Ok(()) };
    let Ok(dir) = folder.folder() else { return Ok(()) };
    if is_of_a_run(&dir) {
        Folder::lock(folder)?.remove().map_err(cannot)?;
    }
    Ok(())
}
