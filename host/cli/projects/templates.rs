//! New projects.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use wpool::place::{PUBLIC, Place};

use crate::cli::projects::error::Error;
use crate::cli::projects::language::Language;

/// Writes a language's template into a folder that does not exist or is empty. Returns the paths in it.
pub fn create(language: &Language, dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let is_free = match fs::read_dir(dir) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    };
    if !is_free {
        return Err(Error::NotEmpty(dir.to_owned()));
    }
    let mut written = Vec::new();
    for (name, content) in language.template {
        let path = dir.join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        }
        let made = Place::of(&path).and_then(|place| place.replace(content.as_ref(), PUBLIC, false));
        made.map_err(Error::io("write", &path))?;
        written.push(PathBuf::from(name));
    }
    Ok(written)
}
