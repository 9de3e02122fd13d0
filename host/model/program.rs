//! The user's program, identified by its content.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsRawFd;
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
    /// What a policy looks at.
    parts: Vec<Part>,
}

/// A part of a program by which a policy knows it.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub hash: blake3::Hash,
    /// The files that it was read from, without links on their paths.
    pub places: Vec<PathBuf>,
}

impl Program {
    /// A program from memory. `name` appears in messages and is the `argv[0]` of a command.
    pub fn new(name: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let hash = hash::of_bytes(&bytes);
        Program { name: name.into(), hash, bytes, parts: vec![Part { hash, places: Vec::new() }] }
    }

    /// A program from a regular file of at most [`MAX_PROGRAM`] bytes.
    ///
    /// # Errors
    /// [`Error::ReadProgram`] when the file cannot be read, is not a regular file, or is too large.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let read = read_regular(path).map_err(|source| Error::ReadProgram { path: PathBuf::from(path), source })?;
        let (bytes, place) = read;
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let mut program = Program::new(name, bytes);
        program.parts[0].places.extend(place);
        Ok(program)
    }

    /// The same program as a runtime that runs another one: a policy judges that one, which was read from these places, and
    /// the runtime itself only if it was brought by somebody else, in this file.
    #[doc(hidden)]
    #[must_use]
    pub fn running(mut self, other: &Program, places: Vec<PathBuf>, brought: Option<PathBuf>) -> Self {
        let own = Part { hash: self.hash, places: brought.iter().cloned().collect() };
        self.parts = vec![Part { hash: other.hash, places }];
        self.parts.extend(brought.map(|_| own));
        self
    }

    /// The same program under another name.
    #[doc(hidden)]
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The same program, for a policy read from this file.
    #[doc(hidden)]
    #[must_use]
    pub fn read_from(mut self, place: Option<PathBuf>) -> Self {
        self.parts[0].places.extend(place);
        self
    }

    /// The same program, for a policy at the place of `other` if that is the same content.
    #[doc(hidden)]
    #[must_use]
    pub fn found_as(mut self, other: &Program) -> Self {
        if self.hash == other.hash {
            self.parts.clone_from(&other.parts);
        }
        self
    }

    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
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

/// The bytes of a file, and its path without links, which is that of the file that was read whatever stands there now.
fn read_regular(path: &Path) -> io::Result<(Vec<u8>, Option<PathBuf>)> {
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
    let file = File::open(path)?;
    let place = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).ok();
    file.take(MAX_PROGRAM + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_PROGRAM {
        return Err(too_large());
    }
    Ok((bytes, place))
}
