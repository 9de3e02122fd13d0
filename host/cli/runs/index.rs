//! Where kept runs are: a small file for each in `$XDG_STATE_HOME/wpool/runs`, which points to its folder.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use wpool::inert;

use super::super::exit::Usage;
use super::super::plan::user_dir;
use super::super::say;
use crate::journal::{Entries, Error, FACTS, Facts, beside, is_running, output};

/// What the index says of a run.
#[derive(Debug, Serialize, Deserialize)]
struct Pointer {
    run: String,
    /// `FILE.wpool`, absolute.
    folder: PathBuf,
    started: String,
    program: String,
    exit_code: Option<i32>,
}

impl Pointer {
    fn to(folder: PathBuf, facts: &Facts) -> Pointer {
        Pointer {
            run: facts.run.clone(),
            folder,
            started: facts.started.clone(),
            program: facts.program.name.clone(),
            exit_code: facts.ended.as_ref().map(|ended| ended.exit_code),
        }
    }
}

/// What became of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    Finished,
    /// It can be resumed.
    Interrupted,
    Running,
    /// Its folder is not there, or is of a later run.
    Gone,
    /// What is known of it cannot be read, now or by this version.
    Unreadable,
}

impl State {
    pub fn as_str(self) -> &'static str {
        match self {
            State::Finished => "finished",
            State::Interrupted => "interrupted",
            State::Running => "running",
            State::Gone => "gone",
            State::Unreadable => "unreadable",
        }
    }
}

/// A run that was kept.
#[derive(Debug, Serialize)]
pub struct Kept {
    pub run: String,
    pub state: State,
    pub started: String,
    pub program: String,
    pub output: PathBuf,
    #[serde(skip)]
    pub folder: PathBuf,
    pub exit_code: Option<i32>,
    /// Records by status, as far as there is a journal to read.
    pub counts: BTreeMap<String, u64>,
    #[serde(skip)]
    pub facts: Option<Facts>,
}

impl Kept {
    fn of(folder: &Path, facts: Result<Facts, State>, pointer: Pointer) -> Kept {
        let state = match &facts {
            Err(state) => *state,
            Ok(_) if is_running(folder) => State::Running,
            Ok(facts) if facts.ended.as_ref().is_some_and(|ended| ended.complete) => State::Finished,
            Ok(_) => State::Interrupted,
        };
        let facts = facts.ok();
        let told = facts.as_ref().and_then(|facts| facts.ended.as_ref()).map(|ended| ended.counts.clone());
        let counts = match (told, state) {
            (Some(counts), State::Finished) => counts,
            (_, State::Gone | State::Unreadable) => BTreeMap::new(),
            _ => count(folder),
        };
        let Pointer { run, started, program, exit_code, .. } = pointer;
        Kept {
            run,
            state,
            started,
            program,
            output: output(folder),
            folder: folder.to_owned(),
            exit_code,
            counts,
            facts,
        }
    }

    /// For how long it has been finished, by the clock of the file system.
    pub fn finished_for(&self) -> Option<Duration> {
        let noted = std::fs::metadata(self.folder.join(FACTS)).and_then(|found| found.modified()).ok()?;
        Some(SystemTime::now().duration_since(noted).unwrap_or_default())
    }

    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    pub fn ok(&self) -> u64 {
        self.counts.get("ok").copied().unwrap_or_default()
    }
}

/// Records by status, up to where the journal can be read.
fn count(folder: &Path) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    let Ok(mut entries) = Entries::open(folder) else { return counts };
    while let Ok(Some(entry)) = entries.next() {
        *counts.entry(entry.record.status.to_string()).or_default() += 1;
    }
    counts
}

/// The folder of the index; without a home there is none.
fn place() -> Option<PathBuf> {
    user_dir("XDG_STATE_HOME", ".local/state").map(|state| state.join("wpool/runs"))
}

/// The name of a run's file: names of runs come from files that anybody may have written.
fn file_name(run: &str) -> Option<String> {
    let plain = !run.is_empty() && run.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    plain.then(|| format!("{run}.json"))
}

/// Notes where a run is. Without the index it can still be found by its file, so a failure is told once and harms nothing.
pub fn note(facts: &Facts, folder: &Path) {
    static TOLD: Once = Once::new();
    let (Some(place), Some(name)) = (place(), file_name(&facts.run)) else { return };
    if let Err(error) = try_note(facts, folder, &place, &name) {
        TOLD.call_once(|| {
            say(format_args!(
                "warning: cannot note the run in {}: {error}; `wpool runs` will not list it",
                place.display()
            ));
        });
    }
}

fn try_note(facts: &Facts, folder: &Path, place: &Path, name: &str) -> io::Result<()> {
    let pointer = Pointer::to(std::fs::canonicalize(folder)?, facts);
    DirBuilder::new().recursive(true).mode(0o700).create(place)?;
    let temporary = place.join(format!(".{name}.{}", std::process::id()));
    let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    let mut text = Vec::new();
    inert::push_json(&pointer, &mut text)?;
    file.write_all(&text)?;
    std::fs::rename(&temporary, place.join(name))
}

/// Removes a run from the index.
pub fn forget(run: &str) -> Result<()> {
    let (Some(place), Some(name)) = (place(), file_name(run)) else { return Ok(()) };
    let path = place.join(name);
    match std::fs::remove_file(&path) {
        // Somebody else was faster.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.with_context(|| format!("cannot remove {}", path.display())),
    }
}

/// All runs of the index, the newest first. What is no pointer is passed over.
pub fn all() -> Result<Vec<Kept>> {
    let mut kept: Vec<Kept> = pointers("")?.into_iter().map(look).collect();
    kept.sort_by(|a, b| b.run.cmp(&a.run));
    Ok(kept)
}

/// Those whose name begins so.
fn pointers(prefix: &str) -> Result<Vec<Pointer>> {
    let Some(place) = place() else { return Ok(Vec::new()) };
    let entries = match std::fs::read_dir(&place) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", place.display())),
    };
    let named = entries.flatten().filter(|entry| {
        let name = entry.file_name();
        name.to_str().is_some_and(|name| name.starts_with(prefix) && !name.starts_with('.') && name.ends_with(".json"))
    });
    let read = |path: PathBuf| serde_json::from_slice(&std::fs::read(path).ok()?).ok();
    Ok(named.filter_map(|entry| read(entry.path())).collect())
}

/// What there is of a run that the index knows.
fn look(pointer: Pointer) -> Kept {
    let folder = pointer.folder.clone();
    let facts = match Facts::load(&folder) {
        Ok(facts) if facts.run == pointer.run => Ok(facts),
        Err(Error::Io { source, .. }) if source.kind() != io::ErrorKind::NotFound => Err(State::Unreadable),
        Err(Error::Facts { .. }) => Err(State::Unreadable),
        _ => Err(State::Gone),
    };
    Kept::of(&folder, facts, pointer)
}

/// A run by its output file, its folder, its name, or the beginning of its name.
pub fn find(run: &Path) -> Result<Kept> {
    let folder = if run.extension().is_some_and(|end| end == "wpool") { run.to_owned() } else { beside(run) };
    if folder.join(FACTS).is_file() {
        let folder = std::fs::canonicalize(&folder)?;
        let facts = Facts::load(&folder)?;
        let pointer = Pointer::to(folder.clone(), &facts);
        return Ok(Kept::of(&folder, Ok(facts), pointer));
    }
    let name = run.to_string_lossy();
    let mut found = pointers(&name)?;
    let refuse = |what: String| Err(Usage(what).into());
    match found.len() {
        0 => refuse(format!(
            "there is no run {name}, and no {}; `wpool runs list` says which there are",
            folder.display()
        )),
        1 => {
            let kept = look(found.swap_remove(0));
            if kept.state == State::Gone {
                let folder = kept.folder.display();
                return refuse(format!("of the run {} nothing is left: {folder} is gone, or of another run", kept.run));
            }
            if kept.state == State::Unreadable {
                Facts::load(&kept.folder)?;
            }
            Ok(kept)
        }
        count => refuse(format!("{count} runs begin with {name}; more of the name is needed")),
    }
}
