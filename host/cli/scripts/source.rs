//! A script as it was read. It is read once: whether it is one, what is bundled, kept and hashed, and what is said about it are
//! of the same bytes, also where an editor saves in between, or the path is a pipe that cannot be read twice.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bytesize::ByteSize;

use crate::cli::descriptor;
use crate::cli::scripts::error::Error;
use crate::cli::scripts::inputs::{MOST_BYTES, read_file};

/// A script as it was read.
#[derive(Debug)]
pub struct Source {
    /// The folder that imports start from.
    pub folder: PathBuf,
    /// Its name there.
    pub main: String,
    pub content: Vec<u8>,
    /// Where tools of the language can read it, too: a pipe is read by one only.
    pub file: Option<PathBuf>,
}

impl Source {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.content).into_owned()
    }

    /// The path for people.
    pub fn shown(&self) -> PathBuf {
        if self.folder == Path::new(".") { PathBuf::from(&self.main) } else { self.folder.join(&self.main) }
    }

    /// Fails if the file is not what was read any more: a tool has perhaps read another version then.
    pub fn check_unchanged(&self) -> Result<(), Error> {
        let Some(file) = &self.file else { return Ok(()) };
        let is_same = read_file(file).is_ok_and(|content| content == self.content);
        if is_same { Ok(()) } else { Err(Error::Changed { path: file.clone() }) }
    }
}

/// Reads what can be read only once: an open descriptor from where it stands, or a pipe that is opened.
pub fn read_once(path: &Path) -> Result<Vec<u8>, Error> {
    let cannot = || Error::io("read", path);
    let opened = match descriptor::number(path) {
        Some(number) => {
            let file = descriptor::copy(number).ok_or_else(|| io::Error::other("no file is open with this number"));
            descriptor::keep_from_children(number);
            file
        }
        None => File::open(path),
    };
    let mut content = Vec::new();
    opened.and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut content)).map_err(cannot())?;
    if content.len() as u64 > MOST_BYTES {
        let (limit, largest) = (ByteSize(MOST_BYTES).to_string(), path.display().to_string());
        return Err(Error::TooLarge { limit, largest });
    }
    Ok(content)
}
