//! The index of kept runs: for each, a small file in `$XDG_STATE_HOME/wpool/runs` that points to its folder.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use wpool::inert;
use wpool::place::{Dir, PRIVATE, Place};

use crate::cli::dirs::user_dir;
use crate::cli::errors::Usage;
use crate::cli::journal::{Entries, Error, FACTS, Facts, SUFFIX, Text, beside, is_running, output, text};
use crate::cli::terminal::warn;

/// Longest file of the index: a path takes 4 KiB at most, and its escapes some more.
const MAX_POINTER: u64 = 64 << 10;

/// The index entry of a run.
#[derive(Debug, Serialize, Deserialize)]
struct Pointer {
    run: String,
    /// `FILE.wpool`, absolute.
    folder: Text,
    started: String,
    program: String,
    exit_code: Option<i32>,
}

impl Pointer {
    fn to(folder: PathBuf, facts: &Facts) -> Pointer {
        Pointer {
            run: facts.run.clone(),
            folder: folder.as_path().into(),
            started: facts.started.clone(),
            program: facts.program.name.clone(),
            exit_code: facts.ended.as_ref().map(|ended| ended.exit_code),
        }
    }
}

/// The state of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    Finished,
    /// It can be resumed.
    Interrupted,
    Running,
    /// Its folder is missing, or belongs to a later run.
    Gone,
    /// Its data cannot be read, now or by this version.
    Unreadable,
}

impl RunState {
    pub fn as_str(self) -> &'static str {
        match self {
            RunState::Finished => "finished",
            RunState::Interrupted => "interrupted",
            RunState::Running => "running",
            RunState::Gone => "gone",
            RunState::Unreadable => "unreadable",
        }
    }
}

/// A kept run.
#[derive(Debug, Serialize)]
pub struct Kept {
    pub run: String,
    pub state: RunState,
    pub started: String,
    pub program: String,
    #[serde(serialize_with = "text::path")]
    pub output: PathBuf,
    /// `FILE.wpool`.
    #[serde(skip)]
    pub folder: PathBuf,
    /// The open folder, if it exists.
    #[serde(skip)]
    pub dir: Option<Dir>,
    pub exit_code: Option<i32>,
    /// Records by status, as far as the journal can be read.
    pub counts: BTreeMap<String, u64>,
    #[serde(skip)]
    pub facts: Option<Facts>,
}

impl Kept {
    fn of(dir: Option<Dir>, facts: Result<Facts, RunState>, pointer: Pointer) -> Kept {
        let state = match &facts {
            Err(state) => *state,
            Ok(_) if dir.as_ref().is_some_and(is_running) => RunState::Running,
            Ok(facts) if facts.ended.as_ref().is_some_and(|ended| ended.complete) => RunState::Finished,
            Ok(_) => RunState::Interrupted,
        };
        let facts = facts.ok();
        let told = facts.as_ref().and_then(|facts| facts.ended.as_ref()).map(|ended| ended.counts.clone());
        let counts = match (told, state) {
            (Some(counts), RunState::Finished) => counts,
            (_, RunState::Gone | RunState::Unreadable) => BTreeMap::new(),
            _ => dir.as_ref().map(count).unwrap_or_default(),
        };
        let Pointer { run, folder, started, program, exit_code } = pointer;
        let folder = PathBuf::from(folder.to_os_string());
        Kept { run, state, started, program, output: output(&folder), folder, dir, exit_code, counts, facts }
    }

    /// The time since it finished, by the clock of the file system.
    pub fn finished_for(&self) -> Option<Duration> {
        let noted = self.dir.as_ref()?.at(FACTS).read().and_then(|facts| facts.metadata()?.modified()).ok()?;
        Some(SystemTime::now().duration_since(noted).unwrap_or_default())
    }

    /// The open folder.
    pub fn dir(&self) -> Result<&Dir> {
        self.dir.as_ref().with_context(|| format!("cannot open {}", self.folder.display()))
    }

    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    pub fn ok(&self) -> u64 {
        self.counts.get("ok").copied().unwrap_or_default()
    }
}

/// Records by status, up to where the journal can be read.
pub fn count(folder: &Dir) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    let Ok(mut entries) = Entries::open(folder) else { return counts };
    while let Ok(Some(entry)) = entries.next() {
        *counts.entry(entry.record.status.to_string()).or_default() += 1;
    }
    counts
}

/// The path of the index; `None` without a home directory.
pub fn place() -> Option<PathBuf> {
    user_dir("XDG_STATE_HOME", ".local/state").map(|state| state.join("wpool/runs"))
}

/// The name of a run's file. Checked, because names of runs come from files that anybody may have written.
fn file_name(run: &str) -> Option<String> {
    let plain = !run.is_empty() && run.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    plain.then(|| format!("{run}.json"))
}

/// Adds a run to the index. A failure is reported once and does no harm: the run can still be found by its file.
pub fn note(facts: &Facts, folder: &Path) {
    static TOLD: Once = Once::new();
    let (Some(place), Some(name)) = (place(), file_name(&facts.run)) else { return };
    if let Err(error) = try_note(facts, folder, &place, &name) {
        TOLD.call_once(|| {
            warn(format_args!("cannot note the run in {}: {error}; `wpool runs` will not list it", place.display()));
        });
    }
}

fn try_note(facts: &Facts, folder: &Path, place: &Path, name: &str) -> io::Result<()> {
    let pointer = Pointer::to(std::fs::canonicalize(folder)?, facts);
    let entry = Dir::make_private(place)?.at(name);
    if let Some(other) = read(&entry).filter(|other| other.folder != pointer.folder)
        && open_kept(other.folder.as_ref()).is_ok_and(|dir| Facts::load(&dir).is_ok_and(|facts| facts.run == other.run))
    {
        let other = &other.folder;
        return Err(io::Error::other(format!("{other} holds the run of this name; is this a copy of it?")));
    }
    let mut text = Vec::new();
    inert::push_json(&pointer, &mut text)?;
    entry.replace(&text, PRIVATE, true)
}

/// Removes a run from the index.
pub fn forget(run: &str) -> Result<()> {
    let (Some(place), Some(name)) = (place(), file_name(run)) else { return Ok(()) };
    let removed = Dir::private(&place).and_then(|index| index.at(name).remove());
    removed.with_context(|| format!("cannot remove the run from {}", place.display()))
}

/// Opens the folder of a kept run, which must have its name and not be a link.
pub fn open_kept(folder: &Path) -> io::Result<Dir> {
    if folder.extension().is_none_or(|end| end != &SUFFIX[1..]) {
        return Err(io::Error::other("it is not called FILE.wpool"));
    }
    Dir::open_itself(folder)
}

/// All runs of the index, the newest first. Skips invalid files.
pub fn all() -> Result<Vec<Kept>> {
    let mut kept: Vec<Kept> = pointers("")?.into_iter().map(look).collect();
    kept.sort_by(|a, b| b.run.cmp(&a.run));
    Ok(kept)
}

/// The entries of runs whose name begins with `prefix`.
fn pointers(prefix: &str) -> Result<Vec<Pointer>> {
    let Some(place) = place() else { return Ok(Vec::new()) };
    if !place.exists() {
        return Ok(Vec::new());
    }
    let cannot = || format!("cannot read {}", place.display());
    let index = Dir::private(&place).with_context(cannot)?;
    let names = index.names().with_context(cannot)?;
    let named = names.iter().filter(|name| name.to_str().is_some_and(|name| name.starts_with(prefix)));
    // A run's file has the run's name.
    let own = |name: &OsStr| read(&index.at(name)).filter(|it| file_name(&it.run).is_some_and(|own| name == &*own));
    Ok(named.filter_map(|name| own(name)).collect())
}

/// Reads a file of the index, if it is valid.
fn read(entry: &Place) -> Option<Pointer> {
    let mut text = Vec::new();
    entry.read().ok()?.take(MAX_POINTER).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Looks at the folder of a run in the index.
fn look(pointer: Pointer) -> Kept {
    let dir = open_kept(pointer.folder.as_ref()).ok();
    let facts = match dir.as_ref().map(Facts::load) {
        Some(Ok(facts)) if facts.run == pointer.run => Ok(facts),
        Some(Err(Error::Io { source, .. })) if source.kind() != io::ErrorKind::NotFound => Err(RunState::Unreadable),
        Some(Err(Error::Facts { .. })) => Err(RunState::Unreadable),
        None if Path::new(&*pointer.folder).is_dir() => Err(RunState::Unreadable),
        _ => Err(RunState::Gone),
    };
    Kept::of(dir, facts, pointer)
}

/// Finds a run by its output file, its folder, its name, or the beginning of its name.
pub fn find(run: &Path) -> Result<Kept> {
    let folder = if run.extension().is_some_and(|end| end == "wpool") { run.to_owned() } else { beside(run) };
    if folder.is_dir() {
        let dir = open_kept(&folder).with_context(|| format!("cannot use {}", folder.display()))?;
        let facts = Facts::load(&dir)?;
        let pointer = Pointer::to(std::fs::canonicalize(&folder)?, &facts);
        return Ok(Kept::of(Some(dir), Ok(facts), pointer));
    }
    let name = run.to_string_lossy();
    let mut found = pointers(&name)?;
    let refuse = |what: String| Err(Usage(what).into());
    match found.len() {
        0 => refuse(format!("there is no run {name}, and no {}; `wpool runs list` lists the runs", folder.display())),
        1 => {
            let kept = look(found.swap_remove(0));
            if kept.state == RunState::Gone {
                let folder = kept.folder.display();
                return refuse(format!(
                    "nothing is left of the run {}: {folder} is gone, or belongs to another run",
                    kept.run
                ));
            }
            if kept.state == RunState::Unreadable {
                Facts::load(&open_kept(&kept.folder)?)?;
            }
            Ok(kept)
        }
        count => refuse(format!("{count} runs begin with {name}; more of the name is needed")),
    }
}
