//! The files that patterns name.

use std::collections::BTreeSet;
use std::io;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result};
use globset::GlobBuilder;
use walkdir::WalkDir;

use crate::cli::errors::Usage;

/// Characters that make a part of a pattern more than a name.
const META: [char; 5] = ['*', '?', '[', '{', '\\'];

/// The regular files that match any of the patterns, sorted, each once. Links to folders are followed only where a pattern
/// names them. All paths are held, which their order needs; what is in the files is not.
pub fn matching(patterns: &[String]) -> Result<Vec<PathBuf>> {
    let mut found = BTreeSet::new();
    for pattern in patterns {
        let pattern = plain(Path::new(pattern)).to_string_lossy().into_owned();
        let glob = GlobBuilder::new(&pattern).literal_separator(true).backslash_escape(true).build();
        let glob = glob.map_err(|error| Usage(format!("--files: {error}")))?.compile_matcher();
        for entry in walk(&pattern) {
            let path = match entry {
                Ok(entry) => plain(entry.path()),
                // Where the pattern begins there is nothing.
                Err(error) if error.depth() == 0 && is_missing(&error) => continue,
                // A folder that cannot be read may hold any number of matches: leaving them out would be a wrong result.
                Err(error) => return Err(error).with_context(|| format!("--files {pattern}: cannot look for files")),
            };
            // As in a shell, a leading dot is matched by nothing but itself.
            let hidden = hidden_parts(&path) > hidden_parts(Path::new(&pattern));
            if !hidden && glob.is_match(&path) && path.is_file() {
                found.insert(path);
            }
        }
    }
    Ok(found.into_iter().collect())
}

/// Everything below the folder up to which a pattern is a plain path, as deep as it can reach.
fn walk(pattern: &str) -> WalkDir {
    let parts: Vec<_> = Path::new(pattern).components().collect();
    let is_plain = |part: &&Component| !part.as_os_str().to_string_lossy().contains(META);
    let base: PathBuf = parts.iter().take_while(is_plain).collect();
    let rest = parts.len() - base.components().count();
    let deepest = if pattern.contains("**") { usize::MAX } else { rest };
    WalkDir::new(if base.as_os_str().is_empty() { Path::new(".") } else { &base }).max_depth(deepest)
}

fn is_missing(error: &walkdir::Error) -> bool {
    let kind = error.io_error().map(io::Error::kind);
    matches!(kind, Some(io::ErrorKind::NotFound | io::ErrorKind::NotADirectory))
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
