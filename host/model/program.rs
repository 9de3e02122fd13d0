//! The user's program, identified by its content.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::model::error::Error;
use crate::model::hash;

/// Largest program file. The largest real program known to us (a hardware toolchain) is 69 MB.
pub const MAX_PROGRAM: u64 = 512 << 20;

/// A program's bytes and name. The host only counts and hashes the bytes. The compiler process parses them.
#[derive(Clone, Debug)]
pub struct Program {
    name: String,
    bytes: Bytes,
    hash: blake3::Hash,
}

impl Program {
    /// A program from memory. `name` appears in messages and is the `argv[0]` of a command.
    pub fn new(name: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Program { name: name.into(), hash: hash::of_bytes(&bytes), bytes }
    }

    /// A program from a regular file of at most [`MAX_PROGRAM`] bytes.
    ///
    /// # Errors
    /// [`Error::ReadProgram`] when the file cannot be read, is not a regular file, or is too large.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let bytes = read_regular(path).map_err(|source| Error::ReadProgram { path: PathBuf::from(path), source })?;
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        Ok(Program::new(name, bytes))
    }

    /// The file's name without its folder, or the name that the program was made with.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file, as it was read.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The BLAKE3 hash of the content.
    pub fn hash(&self) -> &blake3::Hash {
        &self.hash
    }
}

fn read_regular(path: &Path) -> io::Result<Vec<u8>> {
    // Looks before it opens, because opening a FIFO would wait for a writer.
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let too_large = || io::Error::other(format!("larger than {} MiB", MAX_PROGRAM >> 20));
    if metadata.len() > MAX_PROGRAM {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(metadata.len() as usize);
    File::open(path)?.take(MAX_PROGRAM + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_PROGRAM {
        return Err(too_large());
    }
    Ok(bytes)
}
