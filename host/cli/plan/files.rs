//! The files that patterns name.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result};
use globset::{GlobBuilder, GlobMatcher};
use walkdir::{DirEntry, WalkDir};

use crate::cli::args::FilesOrder;
use crate::cli::errors::Usage;
use crate::cli::journal::{SUFFIX, holds_a_run};

/// Characters that make a part of a pattern more than a name.
const META: [char; 5] = ['*', '?', '[', '{', '\\'];

/// The files that patterns name.
#[derive(Debug, Default)]
pub struct Matched {
    pub files: Vec<PathBuf>,
    /// The files that are left out although they match, or might, in sentences.
    pub left_out: BTreeSet<String>,
    /// Patterns that match nothing.
    pub unmatched: Vec<String>,
}

/// A pattern that is looked for.
struct Pattern {
    text: String,
    glob: GlobMatcher,
    hidden: usize,
    /// The folder and the name of FILE of `-o FILE`, which is not a row of its own run.
    own: Option<(PathBuf, OsString)>,
}

/// The files that any of the patterns match, each once. Links to folders are followed only where a pattern names them. All
/// paths are held, which their order needs; what is in the files is not. A match that cannot be looked at is among them:
/// its row says why. `own` is FILE of `-o FILE`.
pub fn matching(patterns: &[String], order: FilesOrder, own: Option<&Path>) -> Result<Matched> {
    let mut all = BTreeSet::new();
    let (mut left_out, mut unmatched) = (BTreeSet::new(), Vec::new());
    let own = own.and_then(|path| {
        let path = std::path::absolute(path).ok()?;
        Some((std::fs::canonicalize(path.parent()?).ok()?, path.file_name()?.to_owned()))
    });
    for typed in patterns {
        let literal = plain(Path::new(typed));
        let text = literal.to_string_lossy().into_owned();
        let mut found = BTreeSet::new();
        // A file that has the pattern's text as its name is meant as well.
        if typed.contains(META) && is_row(&literal) {
            found.insert(literal);
        }
        match GlobBuilder::new(&text).literal_separator(true).backslash_escape(true).build() {
            Ok(glob) => {
                let (hidden, glob) = (hidden_parts(Path::new(&text)), glob.compile_matcher());
                Pattern { text, glob, hidden, own: own.clone() }.find(&mut found, &mut left_out)?;
            }
            Err(error) if found.is_empty() => return Err(Usage(format!("--files: {error}")).into()),
            Err(_) => {}
        }
        if found.is_empty() {
            unmatched.push(typed.clone());
        }
        all.extend(found);
    }
    let mut files: Vec<_> = all.into_iter().collect();
    if order == FilesOrder::Natural {
        files.sort_by(|a, b| natural(a, b).then_with(|| a.cmp(b)));
    }
    Ok(Matched { files: files.into_iter().map(guarded).collect(), left_out, unmatched })
}

impl Pattern {
    fn find(&self, found: &mut BTreeSet<PathBuf>, left_out: &mut BTreeSet<String>) -> Result<()> {
        let mut others = Vec::new();
        let base = base(&self.text);
        if base.ancestors().any(|folder| self.is_kept(folder, left_out)) {
            return Ok(());
        }
        let enters = |entry: &DirEntry| {
            let path = plain(entry.path());
            !entry.file_type().is_dir() || !self.is_hidden(&path) && !self.is_kept(&path, left_out)
        };
        for entry in walk(&self.text, &base).into_iter().filter_entry(enters) {
            let entry = match entry {
                Ok(entry) => entry,
                // Where the pattern begins there is nothing.
                Err(error) if error.depth() == 0 && is_missing(&error) => continue,
                // A folder that cannot be read may hold any number of matches: leaving them out would be a wrong result.
                Err(error) => {
                    return Err(error).with_context(|| format!("--files {}: cannot look for files", self.text));
                }
            };
            let path = plain(entry.path());
            if self.is_hidden(&path) || !self.glob.is_match(&path) || self.is_own(&path) {
                continue;
            }
            if entry.file_type().is_file() || entry.path_is_symlink() && is_row(&path) {
                found.insert(path);
            } else if !entry.file_type().is_dir() && !path.is_dir() {
                others.push(path);
            }
        }
        if let Some((first, more)) = others.split_first() {
            let more = if more.is_empty() { String::new() } else { format!(", and {} more", more.len()) };
            let (first, pattern) = (first.display(), &self.text);
            left_out.insert(format!("--files {pattern}: left out, not a regular file: {first}{more}"));
        }
        Ok(())
    }

    /// As in a shell, a leading dot is matched by nothing but itself.
    fn is_hidden(&self, path: &Path) -> bool {
        hidden_parts(path) > self.hidden
    }

    fn is_own(&self, path: &Path) -> bool {
        let Some((folder, name)) = &self.own else { return false };
        path.file_name().is_some_and(|own| own == name)
            // A name alone is the file.
            && self.text.contains(META)
            && std::fs::canonicalize(parent(path)).is_ok_and(|parent| parent == *folder)
    }

    /// Whether a folder is what is kept of a run, or might be: a journal is not for guests, and tells values of `--env`.
    fn is_kept(&self, path: &Path, left_out: &mut BTreeSet<String>) -> bool {
        if !path.as_os_str().as_encoded_bytes().ends_with(SUFFIX.as_bytes()) || !path.is_dir() {
            return false;
        }
        // Looking into it is one thing, and listing it another.
        let held =
            holds_a_run(path).and_then(|held| if held { Ok(true) } else { std::fs::read_dir(path).map(|_| false) });
        held.unwrap_or_else(|error| {
            left_out.insert(format!("--files {}: cannot look into {}: {error}", self.text, path.display()));
            true
        })
    }
}

/// Everything below the folder up to which a pattern is a plain path, as deep as it can reach.
fn walk(pattern: &str, base: &Path) -> WalkDir {
    let rest = Path::new(pattern).components().count() - base.components().count();
    let deepest = if pattern.contains("**") { usize::MAX } else { rest };
    WalkDir::new(if base.as_os_str().is_empty() { Path::new(".") } else { base }).max_depth(deepest)
}

/// The part of a pattern that is a plain path.
fn base(pattern: &str) -> PathBuf {
    let is_plain = |part: &Component| !part.as_os_str().to_string_lossy().contains(META);
    Path::new(pattern).components().take_while(is_plain).collect()
}

fn is_missing(error: &walkdir::Error) -> bool {
    let kind = error.io_error().map(io::Error::kind);
    matches!(kind, Some(io::ErrorKind::NotFound | io::ErrorKind::NotADirectory))
}

/// Whether a name is a row: that of a regular file, and that of a link which leads to one or nowhere.
fn is_row(path: &Path) -> bool {
    match std::fs::metadata(path) {
        Ok(found) => found.is_file(),
        Err(_) => std::fs::symlink_metadata(path).is_ok(),
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn hidden_parts(path: &Path) -> usize {
    let is_hidden =
        |part: &Component| matches!(part, Component::Normal(name) if name.as_encoded_bytes().starts_with(b"."));
    path.components().filter(is_hidden).count()
}

/// The path without parts that lead nowhere.
fn plain(path: &Path) -> PathBuf {
    path.components().filter(|part| *part != Component::CurDir).collect()
}

/// A path that would look like an option to a program begins with `./`.
pub fn guarded(path: PathBuf) -> PathBuf {
    if path.as_os_str().as_encoded_bytes().starts_with(b"-") { Path::new(".").join(path) } else { path }
}

/// The order of paths in which numbers in names are compared as numbers.
pub fn natural(a: &Path, b: &Path) -> Ordering {
    let (mut a, mut b) = (a.components(), b.components());
    loop {
        let order = match (a.next(), b.next()) {
            (Some(a), Some(b)) => natural_part(a.as_os_str().as_encoded_bytes(), b.as_os_str().as_encoded_bytes()),
            (a, b) => return a.is_some().cmp(&b.is_some()),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

fn natural_part(mut a: &[u8], mut b: &[u8]) -> Ordering {
    loop {
        let order = match (number(&mut a), number(&mut b)) {
            // The longer of two numbers without zeros in front is the larger.
            (Some(a), Some(b)) => a.len().cmp(&b.len()).then_with(|| a.cmp(b)),
            (Some(_), None) => return digit_before(b),
            (None, Some(_)) => return digit_before(a).reverse(),
            (None, None) => match (a.split_first(), b.split_first()) {
                (Some((first, rest)), Some((second, others))) => {
                    (a, b) = (rest, others);
                    first.cmp(second)
                }
                (a, b) => return a.is_some().cmp(&b.is_some()),
            },
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// The order of a number and of text that does not begin with a digit, which is that of their bytes.
fn digit_before(other: &[u8]) -> Ordering {
    other.first().map_or(Ordering::Greater, |first| b'0'.cmp(first))
}

/// Takes the digits at the beginning, if there are any, and gives them without zeros in front.
fn number<'a>(text: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    let zeros = digits.iter().position(|digit| *digit != b'0').unwrap_or(digits.len());
    *text = rest;
    (end > 0).then(|| &digits[zeros..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_are_compared_as_numbers() {
        let sorted = ["", "+", "1", "2", "10", "a", "a-1", "a1", "a1b2", "a1b10", "a2", "a10", "a10/b", "b"];
        let sorted: Vec<_> = sorted.iter().map(Path::new).collect();
        for (at, a) in sorted.iter().enumerate() {
            for (other, b) in sorted.iter().enumerate() {
                assert_eq!(natural(a, b), at.cmp(&other), "{a:?} {b:?}");
            }
        }
        assert_eq!(natural(Path::new("a01"), Path::new("a1")), Ordering::Equal);
    }
}
