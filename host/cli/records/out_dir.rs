//! Outputs as files of a folder. Their names are made from untrusted rows: whatever a name says, its file is inside of
//! the folder, and replaces no other file unless this was allowed.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wpool::place::{Dir, Kind, PUBLIC, Place};
use wpool::template::{Row, Template};
use wpool::{Input, Rejected};

use crate::cli::errors::CannotWrite;
use crate::cli::plan::OutDirPlan;

/// The limits of Linux file systems in bytes: of a name with its sub-folders, and of each part.
const MAX_NAME: usize = 4095;
const MAX_PART: usize = 255;

/// The folder of the outputs.
#[derive(Debug)]
pub struct OutDir {
    path: PathBuf,
    folder: Dir,
    name: Template,
    json: bool,
    overwrite: bool,
}

/// The reason for which a file cannot be written.
type Refusal = (&'static str, String);

impl OutDir {
    /// Opens the folder, and makes it if it does not exist.
    pub fn open(plan: &OutDirPlan) -> Result<Arc<OutDir>, CannotWrite> {
        let path = &plan.path;
        let folder =
            std::fs::create_dir_all(path).and_then(|()| Dir::open_itself(path)).map_err(CannotWrite::at(path))?;
        let (name, json, overwrite) = (plan.name.clone(), plan.json, plan.overwrite);
        Ok(Arc::new(OutDir { path: path.clone(), folder, name, json, overwrite }))
    }

    /// The name for a row, below the folder.
    pub fn name(&self, row: &Input, id: u64) -> Result<String, String> {
        let name = self.name.expand(Row { id: Some(id), ..Row::of(row, self.json) })?;
        // `{dir}` of a file in the current folder is `.`, which adds nothing.
        Ok(name.strip_prefix("./").map(str::to_owned).unwrap_or(name))
    }

    /// The path of a file for people and records.
    pub fn show(&self, name: &str) -> String {
        self.path.join(name).display().to_string()
    }

    /// Writes a file whose name was admitted, as a whole or not at all.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), CannotWrite> {
        self.try_write(name, bytes).map_err(|source| CannotWrite { path: self.show(name), source })
    }

    fn try_write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let place = self.place(name, |folder| folder.make_folder(0o777))?;
        place.replace(bytes, PUBLIC, self.overwrite)
    }

    /// The place of a name. No link is followed on the way to it.
    fn place(&self, name: &str, step: impl Fn(Place) -> io::Result<Dir>) -> io::Result<Place> {
        let (folders, last) = split(name);
        let mut folder = self.folder.clone();
        for part in folders.into_iter().flat_map(|folders| folders.split('/')) {
            folder = step(folder.at(part))?;
        }
        Ok(folder.at(last))
    }

    /// Rejects the name of an existing file that must not be replaced, and a name in the folder of the journal.
    fn check_place(&self, name: &str, own: &HashSet<(u64, u64)>, journal: Option<(u64, u64)>) -> Result<(), Refusal> {
        let shown = || self.show(name);
        let is_kept = Cell::new(false);
        let step = |folder: Place| {
            let found = folder.look()?.map(|found| found.identity);
            is_kept.set(is_kept.get() || found.is_some() && found == journal);
            folder.folder()
        };
        let found = self.place(name, step).and_then(|place| place.look());
        if is_kept.get() {
            return Err((
                "output-name",
                format!("cannot write {}: its folder is for the journal of this run", shown()),
            ));
        }
        let found = match found {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(_) => {
                let why = format!("cannot write {}: its folder is not a folder, or is a link to one", shown());
                return Err(("output-name", why));
            }
        };
        if found.kind == Kind::Folder {
            return Err(("output-name", format!("cannot write {}: there is a folder of that name", shown())));
        }
        if !found.own {
            return Err(("output-exists", format!("{} belongs to another user, and is left alone", shown())));
        }
        if own.contains(&found.identity) {
            return Err(("output-exists", format!("{} is a file of this run, which would be destroyed", shown())));
        }
        if !self.overwrite {
            let why = format!("{} exists; it was left as it is, replace it with --overwrite", shown());
            return Err(("output-exists", why));
        }
        Ok(())
    }
}

/// Checks every row before it runs, so that no task runs whose output could not be kept.
#[derive(Debug)]
pub struct OutNames {
    dir: Arc<OutDir>,
    next: u64,
    /// Names in use, as keyed hashes, with the position of the row. These 16 bytes a row, with the table's slack, are
    /// all that the host keeps for each finished row.
    used: HashMap<u64, Taken>,
    hasher: RandomState,
    /// Files that the run reads and writes itself, as device and inode, if they could be replaced.
    own: HashSet<(u64, u64)>,
    /// The folder of the journal.
    journal: Option<(u64, u64)>,
}

/// The use of a name: the position of the first row with it, times two, plus one if the name is a folder's.
#[derive(Clone, Copy, Debug)]
struct Taken(u64);

impl OutNames {
    /// The names of a run that reads and writes `own` itself, and keeps `journal`.
    pub fn new<'a>(dir: Arc<OutDir>, own: impl Iterator<Item = &'a Path>, journal: Option<&Place>) -> OutNames {
        let journal = journal.and_then(|place| place.look().ok()?).map(|found| found.identity);
        let identity = |path: &Path| std::fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
        let own = if dir.overwrite { own.filter_map(identity).collect() } else { HashSet::new() };
        OutNames { dir, next: 0, used: HashMap::new(), hasher: RandomState::new(), own, journal }
    }

    /// The next row of the run. It is rejected if its output could not be written.
    pub fn admit(&mut self, row: Input) -> Input {
        let id = self.next;
        self.next += 1;
        if row.is_rejected() {
            return row;
        }
        match self.try_admit(&row, id) {
            Ok(()) => row,
            Err((code, message)) => row.reject(Rejected::because(code, message)),
        }
    }

    fn try_admit(&mut self, row: &Input, id: u64) -> Result<(), Refusal> {
        let unfit = |why: String| ("output-name", why);
        let name = self.dir.name(row, id).map_err(|why| unfit(format!("makes no name for its output: {why}")))?;
        check_name(&name).map_err(unfit)?;
        self.check_free(&name).map_err(unfit)?;
        self.dir.check_place(&name, &self.own, self.journal)?;
        for folder in folders(&name) {
            self.used.entry(self.hasher.hash_one(folder)).or_insert(Taken(id << 1 | 1));
        }
        self.used.insert(self.hasher.hash_one(name.as_str()), Taken(id << 1));
        Ok(())
    }

    /// Checks that no earlier row uses the name, or a part of it, differently.
    fn check_free(&self, name: &str) -> Result<(), String> {
        let taken =
            |name: &str| self.used.get(&self.hasher.hash_one(name)).map(|taken| (taken.0 >> 1, taken.0 & 1 == 1));
        if let Some((row, folder)) = taken(name) {
            let what = if folder { "the folder" } else { "the output" };
            return Err(format!("its output would be {name:?}, as is {what} of row {row} of this run"));
        }
        match folders(name).find_map(|folder| taken(folder).filter(|(_, is_folder)| !is_folder)) {
            Some((row, _)) => {
                Err(format!("its output would be {name:?}, inside of the output of row {row} of this run"))
            }
            None => Ok(()),
        }
    }
}

/// Rejects a name that cannot be a file inside of a folder.
fn check_name(name: &str) -> Result<(), String> {
    let why = match name {
        "" => "is empty".to_owned(),
        _ if name.starts_with('/') => "is absolute".to_owned(),
        _ if name.contains('\0') => "holds a NUL".to_owned(),
        _ if name.len() > MAX_NAME => format!("is longer than {MAX_NAME} bytes"),
        _ if name.split('/').any(|part| matches!(part, "" | "." | "..")) => {
            "has a part that is empty, `.` or `..`".to_owned()
        }
        _ if name.split('/').any(|part| part.len() > MAX_PART) => format!("has a part longer than {MAX_PART} bytes"),
        _ => return Ok(()),
    };
    let start: String = name.chars().take(80).collect();
    Err(format!("the name of its output, {start:?}, {why}"))
}

/// The folders of a name, if any, and its last part.
fn split(name: &str) -> (Option<&str>, &str) {
    name.rsplit_once('/').map_or((None, name), |(folders, last)| (Some(folders), last))
}

/// Every folder on the way to a name: `a` and `a/b` for `a/b/c`.
fn folders(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices('/').map(|(at, _)| &name[..at])
}
