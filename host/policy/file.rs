//! The file of a policy, which only its owner may have written.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::model::policy::PolicyError;
use crate::place::Place;

/// Longest file of a policy.
const MAX_FILE: u64 = 1 << 20;

/// The text of a policy, and the folder that it stands in.
pub(super) fn read(path: &Path) -> Result<(String, PathBuf), PolicyError> {
    read_checked(path).map_err(|error| PolicyError::Unusable { path: path.to_owned(), why: error.to_string() })
}

/// The same, or `None` if there is no such file.
pub(super) fn read_if_there(path: &Path) -> Result<Option<(String, PathBuf)>, PolicyError> {
    match read_checked(path) {
        Ok(read) => Ok(Some(read)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(PolicyError::Unusable { path: path.to_owned(), why: error.to_string() }),
    }
}

fn read_checked(path: &Path) -> io::Result<(String, PathBuf)> {
    let place = Place::of(path)?;
    let file = place.read()?;
    // Of the open file: what stands at its name may change.
    crate::place::check_owner(&file)?;
    let mut text = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut text)?;
    if text.len() as u64 > MAX_FILE {
        return Err(io::Error::other(format!("it is longer than {} KiB", MAX_FILE >> 10)));
    }
    let text = String::from_utf8(text).map_err(|_| io::Error::other("it is not UTF-8"))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok((text, std::fs::canonicalize(folder)?))
}
