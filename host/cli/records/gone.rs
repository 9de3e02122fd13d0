//! Records of rows that the input does not have any more.

use crate::cli::journal::{Error, Folder};
use crate::cli::plan::Gone;
use crate::cli::records::kept::Kept;
use crate::cli::say;
use crate::cli::units::plural;

/// Copies records of rows that are gone, unless they are not wanted, and says so.
pub fn keep_gone(kept: Option<&(Kept, Gone)>, folder: &Folder) -> Result<(), Error> {
    let Some((gone, how)) = kept.and_then(|(kept, how)| Some((kept.gone()?, *how))) else { return Ok(()) };
    let (count, rows) = (plural(gone.left() as u64, "record"), "of rows that are not in the input any more");
    if gone.left() == 0 {
    } else if how == Gone::Drop {
        say(format_args!("dropped: {count} {rows}"));
    } else {
        let place = folder.keep_gone(&gone)?;
        say(format_args!("moved: {count} {rows}, to {place}"));
    }
    Ok(())
}
