//! The script at a path.

use std::path::{Path, PathBuf};

use crate::cli::scripts::bundle::Script;
use crate::cli::scripts::error::Error;
use crate::cli::scripts::inputs::read_file;
use crate::cli::scripts::language::ScriptLanguage;

/// Whether a path is that of a script: a file with the extension of a language, and not the source of a project.
pub fn is_script(path: &Path) -> bool {
    let Some(language) = ScriptLanguage::of(path) else { return false };
    source(path).is_ok_and(|source| !(language.is_project)(path, &source))
}

/// Reads the script at a path, with all that it can import.
pub fn read(path: &Path, paths: &[PathBuf]) -> Result<(Script, &'static ScriptLanguage), Error> {
    let unknown = || std::io::Error::other("its extension is that of no language of scripts");
    let language = ScriptLanguage::of(path).ok_or_else(|| Error::io("read", path)(unknown()))?;
    if !(language.is_script)(&source(path)?) {
        return Err(Error::NoRun { path: path.to_owned(), form: language.form });
    }
    Ok(((language.collect)(path, paths)?, language))
}

/// The text of a source.
fn source(path: &Path) -> Result<String, Error> {
    Ok(String::from_utf8_lossy(&read_file(path)?).into_owned())
}
