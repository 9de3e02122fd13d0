//! The files of shards: finding them, and what is known of each.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use wpool::place::{Dir, Found, Place};

use crate::cli::errors::{Incomplete, usage};
use crate::cli::journal::{Facts, SUFFIX, ShardFacts, beside, holds_a_run, is_running};

/// The placeholder for the number of a shard in a name.
const PLACES: [&[u8]; 2] = [b"{shard}", b"{shards}"];

/// A file of records with its manifest.
#[derive(Debug)]
pub struct Part {
    /// FILE, as it was named or found.
    pub path: PathBuf,
    pub place: Place,
    pub file: File,
    pub bytes: u64,
    pub facts: Facts,
    pub shard: ShardFacts,
    pub running: bool,
}

impl Part {
    /// Whether every row of the shard has its record.
    pub fn is_complete(&self) -> bool {
        !self.running && self.shard.input.is_some() && self.facts.ended.as_ref().is_some_and(|ended| ended.complete)
    }

    /// Whether it was merged from others, and is in the order of ids.
    pub fn is_merged(&self) -> bool {
        self.facts.is_merged()
    }

    /// A file that stands beside FILE. The manifest that names it may be from anybody, and must not lead elsewhere.
    pub fn beside(&self, name: &OsStr) -> Result<Place> {
        if Path::new(name).file_name() != Some(name) {
            let (path, name) = (self.path.display(), name.display());
            return usage(format!("{path}: its run.json names {name}, which is not the name of a file beside it"));
        }
        Ok(self.place.dir().at(name))
    }
}

/// The files that were named, each once, in their order. `out` is where the merged records go, which a folder may hold.
pub fn parts(named: &[PathBuf], out: &Place) -> Result<Vec<Part>> {
    let out = out.look().ok().flatten().map(|found| found.identity);
    let (mut parts, mut seen) = (Vec::new(), HashSet::new());
    for (path, explicit) in files(named)? {
        let Some(part) = part(&path, explicit)? else { continue };
        let identity = Found::of_file(&part.file)?.identity;
        // A file that was merged into OUT before is not among its parts, unless that is asked for.
        let is_out = Some(identity) == out && part.is_merged() && !explicit;
        if !is_out && seen.insert(identity) {
            parts.push(part);
        }
    }
    if parts.is_empty() {
        let names: Vec<_> = named.iter().map(|path| path.display().to_string()).collect();
        return Err(Incomplete(format!("there is no file of a shard in {}", names.join(", "))).into());
    }
    Ok(parts)
}

/// The paths that were named, and whether each was named by itself.
fn files(named: &[PathBuf]) -> Result<Vec<(PathBuf, bool)>> {
    let mut files = Vec::new();
    for path in named {
        let name = path.file_name().unwrap_or_default().as_bytes();
        let pieces = pieces(name);
        let folder = if pieces.len() > 1 { parent(path) } else { path };
        if pieces.len() == 1 && !path.is_dir() {
            files.push((path.clone(), true));
            continue;
        }
        let cannot = || format!("cannot look for shards in {}", folder.display());
        let mut names = Dir::open(folder).and_then(|dir| dir.names()).with_context(cannot)?;
        names.sort();
        let is_meant = |name: &OsStr| {
            let name = name.as_bytes();
            if pieces.len() > 1 { fits(name, &pieces) } else { !name.ends_with(SUFFIX.as_bytes()) }
        };
        files.extend(names.into_iter().filter(|name| is_meant(name)).map(|name| (folder.join(name), false)));
    }
    Ok(files)
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The parts of a name between the places of numbers.
fn pieces(name: &[u8]) -> Vec<&[u8]> {
    let place = |rest: &[u8]| {
        let places = PLACES.iter().filter_map(|place| Some((memchr::memmem::find(rest, place)?, place.len())));
        places.min()
    };
    let (mut pieces, mut rest) = (Vec::new(), name);
    while let Some((at, length)) = place(rest) {
        pieces.push(&rest[..at]);
        rest = &rest[at + length..];
    }
    pieces.push(rest);
    pieces
}

/// Whether a name is made of the pieces with numbers between them.
fn fits(name: &[u8], pieces: &[&[u8]]) -> bool {
    let Some((first, others)) = pieces.split_first() else { return name.is_empty() };
    let Some(rest) = name.strip_prefix(*first) else { return false };
    if others.is_empty() {
        return rest.is_empty();
    }
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (1..=digits).any(|count| fits(&rest[count..], others))
}

/// A file with what is known of it. `None` for one that nobody named and that is not a shard's.
fn part(path: &Path, explicit: bool) -> Result<Option<Part>> {
    let place = Place::of(path).with_context(|| format!("cannot read {}", path.display()))?;
    let folder = beside(path);
    let is_kept = match holds_a_run(&folder) {
        Ok(held) => held,
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(_) if !explicit => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", folder.display())),
    };
    if !is_kept && !explicit {
        return Ok(None);
    }
    let shown = path.display();
    let file = match place.read() {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Incomplete(format!("{shown} is missing; run its shard, or leave it out")).into());
        }
        Err(error) => return Err(error).with_context(|| format!("cannot read {shown}")),
    };
    let folder = folder.display();
    if !is_kept {
        return usage(format!(
            "{shown}: {folder} is missing, so nothing says of which run and which shard its records are: copy the folder \
             together with the file"
        ));
    }
    let dir = place.and(SUFFIX).folder().with_context(|| format!("cannot read {folder}"))?;
    let running = is_running(&dir);
    let facts = Facts::load(&dir)?;
    match facts.shard.clone() {
        Some(shard) => {
            let bytes = file.metadata()?.len();
            Ok(Some(Part { path: path.to_owned(), place, file, bytes, facts, shard, running }))
        }
        None if !explicit => Ok(None),
        None => usage(format!("{shown} is the file of a run without --shard, which has all of its records already")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_fits_with_any_number_in_its_place() {
        for (pattern, name, does) in [
            ("a.{shard}.jsonl", "a.1.jsonl", true),
            ("a.{shard}.jsonl", "a.064.jsonl", true),
            ("a.{shard}.jsonl", "a..jsonl", false),
            ("a.{shard}.jsonl", "a.x.jsonl", false),
            ("a.{shard}.jsonl", "a.1.jsonl.wpool", false),
            ("{shard}-{shards}", "1-8", true),
            ("{shard}-{shards}", "1-", false),
            ("{shard}2", "12", true),
        ] {
            assert_eq!(fits(name.as_bytes(), &pieces(pattern.as_bytes())), does, "{pattern} {name}");
        }
    }
}
