//! The programs that are judged: those of a folder, or of a list.
//!
//! They are read as they are. No folder is built and no link in a folder is followed, because whoever handed in a program is
//! not who judges it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};

use crate::cli::errors::{NoInputs, usage};
use crate::cli::plan::{natural, push_path, read_list};
use crate::cli::scripts::is_script;
use crate::cli::terminal::warn;

/// Extensions of the programs of a folder.
const PROGRAMS: [&str; 2] = ["wasm", "wat"];
/// What every module and component begins with.
const MAGIC: &[u8] = b"\0asm";

/// A program that is judged.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The name in records: that of the file in the folder, or the path in the list.
    pub name: Arc<str>,
    pub path: PathBuf,
}

/// The programs at a path, which is a folder or a list.
pub fn find(path: &Path) -> Result<Vec<Entry>> {
    let metadata = std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    if metadata.is_dir() {
        return of_folder(path);
    }
    if is_program(path) {
        let shown = path.display();
        return usage(format!(
            "{shown} is a program: name a folder of programs, or a file that lists them, a path a line; \
             `wpool run {shown} --expect …` judges one program"
        ));
    }
    of_list(path)
}

/// Whether a file is a program itself.
fn is_program(path: &Path) -> bool {
    use std::io::Read;
    let mut begin = Vec::new();
    if is_named_so(path) || is_script(path) {
        return true;
    }
    // A list that comes through a pipe would miss what is read here.
    let mut read = || std::fs::File::open(path).and_then(|file| file.take(4).read_to_end(&mut begin));
    path.is_file() && read().is_ok() && begin == MAGIC
}

fn is_named_so(path: &Path) -> bool {
    path.extension().is_some_and(|end| PROGRAMS.iter().any(|known| end == *known))
}

/// The programs that lie in a folder, in the order of their names.
fn of_folder(folder: &Path) -> Result<Vec<Entry>> {
    let cannot = || format!("cannot read the folder {}", folder.display());
    let (mut paths, mut others) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(folder).with_context(cannot)? {
        let entry = entry.with_context(cannot)?;
        let is_file = entry.file_type().with_context(cannot)?.is_file();
        let into = if is_file && is_named_so(Path::new(&entry.file_name())) { &mut paths } else { &mut others };
        into.push(PathBuf::from(entry.file_name()));
    }
    [&mut paths, &mut others].into_iter().for_each(|paths| paths.sort_by(|a, b| natural(a, b).then_with(|| a.cmp(b))));
    let folder_shown = folder.display();
    if let Some((first, more)) = others.split_first() {
        let more = if more.is_empty() { String::new() } else { format!(", and {} more", more.len()) };
        let first = first.display();
        warn(format_args!("{folder_shown}: not judged, not a .wasm or .wat file, or a link to one: {first}{more}"));
    }
    if paths.is_empty() {
        return Err(NoInputs(format!("there are no programs in {folder_shown}: no file ends in .wasm or .wat")).into());
    }
    entries(paths.into_iter().map(|name| (name.clone(), folder.join(name))), folder)
}

/// The programs of a list, in its order.
fn of_list(list: &Path) -> Result<Vec<Entry>> {
    let paths = read_list(list, false, "a list of programs")?;
    for path in &paths {
        let (shown, list) = (path.display(), list.display());
        let found = std::fs::metadata(path).with_context(|| format!("cannot read {shown}, which {list} lists"))?;
        if found.is_dir() {
            return usage(format!("{list} lists {shown}, which is a folder: build its program first, and list that"));
        }
        if is_script(path) {
            return usage(format!(
                "{list} lists {shown}, which is a script: scripts get the whole row, and are not judged"
            ));
        }
    }
    entries(paths.into_iter().map(|path| (path.clone(), path)), list)
}

/// The name of a path in records. One that is not UTF-8 is quoted as in lists, so that names of two paths always differ:
/// whoever hands in files must not be able to stop the judging of all by what they are called.
fn shown(path: &Path) -> String {
    match path.to_str() {
        Some(text) if !text.starts_with('"') => text.to_owned(),
        _ => {
            let mut quoted = Vec::new();
            push_path(path.as_os_str().as_encoded_bytes(), &mut quoted);
            String::from_utf8_lossy(&quoted).into_owned()
        }
    }
}

/// Programs with names that differ.
fn entries(all: impl Iterator<Item = (PathBuf, PathBuf)>, of: &Path) -> Result<Vec<Entry>> {
    let (mut entries, mut names) = (Vec::new(), HashSet::new());
    for (name, path) in all {
        let name: Arc<str> = shown(&name).into();
        if !names.insert(name.clone()) {
            return usage(format!("{} names {name} twice: records could not tell them apart", of.display()));
        }
        entries.push(Entry { name, path });
    }
    Ok(entries)
}
