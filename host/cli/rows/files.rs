//! Rows that are files.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result};
use glob::{MatchOptions, glob_with};
use wpool::limits::MAX_INPUT;
use wpool::{Input, Rejected};

use super::{BLOCK, Sink};
use crate::cli::exit::Usage;

/// Files in a batch, so that the first ones run while the others are read.
const BATCH_FILES: usize = 32;

/// The crate's own way with hidden files finds none at all, and panics at names that are not UTF-8.
const OPTIONS: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: false };

/// The regular files that match any of the patterns, sorted, each once. Names that are not UTF-8 match no wildcard. All
/// paths are held, which their order needs; what is in the files is not.
pub fn matching(patterns: &[String]) -> Result<Vec<PathBuf>> {
    let mut found = BTreeSet::new();
    for pattern in patterns {
        let paths = glob_with(pattern, OPTIONS)
            .map_err(|error| Usage(format!("--files {pattern}: {}, at character {}", error.msg, error.pos)))?;
        for path in paths {
            // A folder that cannot be read may hold any number of matches: leaving them out would be a wrong result.
            let path = path.map_err(|error| {
                let folder = error.path().display().to_string();
                anyhow::Error::from(io::Error::from(error)).context(format!("--files {pattern}: cannot read {folder}"))
            });
            let path = path.context("cannot look for files")?;
            // As in a shell, a leading dot is matched by nothing but itself.
            if hidden_parts(&path) <= hidden_parts(Path::new(pattern)) && path.is_file() {
                found.insert(plain(&path));
            }
        }
    }
    Ok(found.into_iter().collect())
}

fn hidden_parts(path: &Path) -> usize {
    let is_hidden =
        |part: &Component| matches!(part, Component::Normal(name) if name.as_encoded_bytes().starts_with(b"."));
    path.components().filter(is_hidden).count()
}

/// The path without parts that lead nowhere. One that would look like an option to a program keeps its `./`.
fn plain(path: &Path) -> PathBuf {
    let plain: PathBuf = path.components().filter(|part| *part != Component::CurDir).collect();
    if plain.as_os_str().as_encoded_bytes().starts_with(b"-") { Path::new(".").join(plain) } else { plain }
}

/// Reads files in their order, until nobody wants more.
pub(super) fn read(paths: &[PathBuf], sink: &mut Sink) {
    let mut batch = Vec::new();
    let mut bytes = 0;
    for path in paths {
        let row = row(path);
        bytes += row.bytes.len();
        batch.push(row);
        if bytes >= BLOCK || batch.len() == BATCH_FILES {
            if !sink.send(std::mem::take(&mut batch)) {
                return;
            }
            bytes = 0;
        }
    }
    sink.send(batch);
}

/// The row that a file is. One that cannot be read keeps its place, with the reason.
fn row(path: &Path) -> Input {
    let Some(name) = path.to_str() else {
        let reason = Rejected::because("file-name", "its name is not UTF-8");
        return Input::rejected(reason).named(path.to_string_lossy().into_owned());
    };
    let row = match content(path) {
        Ok(bytes) if bytes.len() > MAX_INPUT => Input::rejected(Rejected::TooLong),
        Ok(bytes) => Input::new(bytes),
        Err(error) => Input::rejected(Rejected::because("file-read", format!("cannot read it: {error}"))),
    };
    row.named(name)
}

/// At most one byte more than a row may have.
fn content(path: &Path) -> io::Result<Vec<u8>> {
    // Opening a pipe in its place could wait for ever.
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    let metadata = file.metadata()?;
    // It was one when it was found.
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a regular file any more"));
    }
    let mut bytes = Vec::with_capacity((metadata.len() as usize).min(MAX_INPUT) + 1);
    file.take(MAX_INPUT as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
