//! Files of a journal's folder: their names, and their writing and removal.

use std::io::Write;

use wpool::place::{PRIVATE, Place};

use crate::cli::journal::error::{Error, at};

/// Name of the journal itself.
pub const JOURNAL: &str = "journal";

/// Writes a file of a folder by rename, so that either the old or the new one exists; if `durable`, also after a power
/// cut.
pub fn replace(place: &Place, bytes: &[u8], durable: bool) -> Result<(), Error> {
    let failed = at(place);
    let mut draft = place.draft(PRIVATE).map_err(failed)?;
    draft.file.write_all(bytes).map_err(failed)?;
    if durable {
        draft.file.sync_all().map_err(failed)?;
    }
    draft.put(true).map_err(failed)?;
    if durable { place.dir().sync().map_err(failed) } else { Ok(()) }
}

/// Removes a file, if it exists.
pub fn remove(place: &Place) -> Result<(), Error> {
    place.remove().map_err(at(place))
}

/// Makes a file's name reach the disk.
pub fn sync_folder(place: &Place) -> Result<(), Error> {
    place.dir().sync().map_err(at(place))
}
