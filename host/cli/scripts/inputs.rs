//! The files and tools that scripts are made of.

use std::fs;
use std::path::{Path, PathBuf};

use bytesize::ByteSize;
use tempfile::TempDir;

use crate::cli::projects::{self, Tool};
use crate::cli::scripts::error::Error;

/// All files of a script together. They are sent to the process that starts the script, whose argument has 64 MiB at most.
pub const MOST_BYTES: u64 = 32 << 20;

/// A tool that a language cannot do without.
pub fn need(language: &'static str, tool: &Tool, dir: &Path) -> Result<projects::Found, Error> {
    let missing = || {
        let (tool, remedy) = (tool.name.to_owned(), format!("install it with `{}`", tool.install));
        projects::Error::MissingTool { language, tool, remedy }
    };
    Ok(tool.find(dir).ok_or_else(missing)?)
}

/// The folder of a script, and its name there.
pub fn parts(path: &Path) -> (PathBuf, String) {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    (folder.to_owned(), path.file_name().unwrap_or_default().to_string_lossy().into_owned())
}

/// A new folder for the files of a tool, which goes with the result.
pub fn scratch(purpose: &str) -> Result<TempDir, Error> {
    let made = tempfile::Builder::new().prefix(&format!("wpool-{purpose}-")).tempdir();
    made.map_err(Error::io("create a folder in", &std::env::temp_dir()))
}

/// Reads a regular file of bounded size.
pub fn read_file(path: &Path) -> Result<Vec<u8>, Error> {
    let found = fs::metadata(path).map_err(Error::io("read", path))?;
    if found.len() > MOST_BYTES {
        let (limit, largest) = (ByteSize(MOST_BYTES).to_string(), path.display().to_string());
        return Err(Error::TooLarge { limit, largest });
    }
    // A pipe would be waited for.
    let not_a_file = || std::io::Error::other("it is not a regular file");
    let content = if found.is_file() { fs::read(path) } else { Err(not_a_file()) };
    content.map_err(Error::io("read", path))
}
