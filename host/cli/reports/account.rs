//! What is known of a run: the one source of all reports. It is the same during the run and afterwards, for it is read from
//! the files that the run has written, also where the run was killed.
//!
//! Times and notes are read as a stream, so a report of 10⁷ rows needs no memory for each of them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result};
use serde_json::Value;
use wpool::Status;
use wpool::place::{Dir, Place};

use crate::cli::descriptor::is_stdin;
use crate::cli::groups::Groups;
use crate::cli::journal::index::{Kept, RunState};
use crate::cli::journal::{Ended, Entries, Entry, Facts, MOST_OK, Note, Notes, Timed, Timings, read_summary, time_of};
use crate::cli::shell;

/// Where the times and notes of a run are.
#[derive(Debug)]
pub enum Traces {
    /// `FILE.wpool`.
    Folder(Dir),
    /// Files without names, of a run that keeps no journal.
    Files { history: File, notes: File },
    /// Nothing was run.
    None,
}

/// Why a run has come to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It has run what it had to run.
    Complete,
    /// It was stopped, and by what.
    Stopped(String),
    /// It was refused, or could not go on, and why.
    Error(String),
    /// It ended without a word: its host was killed.
    Killed,
    /// It has not ended.
    Running,
}

/// What is known of a run.
#[derive(Debug)]
pub struct Account {
    /// Program, settings, what was typed. `ended` is there unless the run was killed, or goes on.
    pub facts: Facts,
    pub end: End,
    /// The document of `--summary-json`, unless the run was killed.
    pub summary: Option<Value>,
    /// Records by status.
    counts: [u64; Status::ALL.len()],
    /// The output file, if the run is kept: tasks can be replayed by this name.
    pub kept: Option<PathBuf>,
    traces: Traces,
    /// Of rows that have the record that their note says.
    notes: Option<Notes>,
}

impl Account {
    /// The account of a run that is kept.
    pub fn of_kept(kept: Kept) -> Result<Account> {
        let dir = kept.dir()?.clone();
        dir.check_private().with_context(|| format!("cannot use {}", kept.folder.display()))?;
        let facts = kept.facts.context("it has no facts")?;
        let summary = facts.ended.as_ref().and_then(|ended| read_summary(&dir, ended));
        let said = |name: &str| Some(summary.as_ref()?.get(name)?.as_str()?.to_owned());
        let end = match (&facts.ended, kept.state) {
            (_, RunState::Running) => End::Running,
            (None, _) => End::Killed,
            (Some(_), _) if said("error").is_some() => End::Error(said("error").unwrap_or_default()),
            (Some(ended), _) => said("stopped").map_or_else(|| End::of(ended), End::Stopped),
        };
        Account::new(facts, end, summary, kept.counts, Some(kept.output), Traces::Folder(dir))
    }

    /// The account of a run that has ended just now. `facts` say how.
    pub fn of_run(
        facts: Facts,
        end: End,
        summary: Option<Value>,
        kept: Option<PathBuf>,
        traces: Traces,
    ) -> Result<Account> {
        let counts = facts.ended.as_ref().map(|ended| ended.counts.clone()).unwrap_or_default();
        Account::new(facts, end, summary, counts, kept, traces)
    }

    fn new(
        facts: Facts,
        end: End,
        summary: Option<Value>,
        counted: BTreeMap<String, u64>,
        kept: Option<PathBuf>,
        traces: Traces,
    ) -> Result<Account> {
        let counts = Status::ALL.map(|status| counted.get(status.as_str()).copied().unwrap_or_default());
        let notes = match &traces {
            Traces::Folder(dir) => Notes::open(dir)?,
            Traces::Files { notes, .. } => Some(Notes::of(notes.try_clone()?)?),
            Traces::None => None,
        };
        let mut account = Account { facts, end, summary, counts, kept, traces, notes: None };
        account.notes = notes.map(|notes| account.standing(notes)).transpose()?;
        Ok(account)
    }

    /// The notes that count. A row that ran again has another one, one that is gone has none, and one that was moved stands
    /// elsewhere.
    fn standing(&self, notes: Notes) -> Result<Notes> {
        let journal = match &self.traces {
            // There is none of merged records.
            Traces::Folder(dir) => Entries::open(dir).ok(),
            _ => None,
        };
        let Some(entries) = journal else { return Ok(notes.of_history(self.timings()?)) };
        if self.facts.is_ordered() {
            return Ok(notes.of_records(entries, |entry| Some(entry.position)));
        }
        let file = self.kept.as_deref().and_then(|path: &Path| Place::of(path).and_then(|place| place.read()).ok());
        Ok(notes.of_records(entries, |entry| id_in(file.as_ref()?, entry)))
    }

    /// Records of a status.
    pub fn count(&self, status: Status) -> u64 {
        self.counts[status as usize]
    }

    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    pub fn not_ok(&self) -> u64 {
        self.total() - self.count(Status::Ok)
    }

    /// Statuses that occurred, in the order of their list.
    pub fn present(&self) -> impl Iterator<Item = (Status, u64)> {
        Status::ALL.into_iter().map(|status| (status, self.count(status))).filter(|(_, count)| *count > 0)
    }

    /// How the command ended; `None` where it was killed, or goes on.
    pub fn exit_code(&self) -> Option<i32> {
        self.facts.ended.as_ref().map(|ended| ended.exit_code)
    }

    /// When and how long rows ran, in the order in which their records were made, of all sessions of the run: a row that
    /// ran again stands there again. The start of the first session is the zero of no clock; see [`Timed`].
    pub fn timings(&self) -> Result<impl Iterator<Item = Timed> + use<>> {
        let timings = match &self.traces {
            Traces::Folder(dir) => Timings::open(dir)?,
            Traces::Files { history, .. } => Some(Timings::of(reopened(history)?)?),
            Traces::None => None,
        };
        Ok(timings.into_iter().flatten())
    }

    /// The notes that count, in the order of the rows: of all rows that are not ok or were retried, up to a bound; and of all
    /// rows that are ok, if they are few.
    pub fn notes(&self) -> impl Iterator<Item = Note> {
        let are_few = self.count(Status::Ok) <= MOST_OK;
        let ids = self.notes.iter().flat_map(move |notes| notes.ids(are_few));
        ids.filter_map(|id| self.notes.as_ref()?.get(id))
    }

    /// The rows that are not ok and have notes, in groups.
    pub fn groups(&self) -> Groups<Note> {
        let mut groups = Groups::default();
        self.notes().filter(|note| note.status != Status::Ok).for_each(|note| groups.add(note.kind(), || note));
        groups
    }

    /// Where a row stands, if it has a note.
    pub fn place(&self, id: u64) -> Option<String> {
        Some(self.notes.as_ref()?.get(id)?.place?.text())
    }

    /// When the row of a note began to run, if that makes sense.
    pub fn began(&self, note: &Note) -> Option<SystemTime> {
        time_of(note.began_us)
    }

    /// Whether reports of equal runs are to be equal, as far as times go.
    pub fn is_deterministic(&self) -> bool {
        self.facts.settings.get("--deterministic").is_some_and(|value| value == "true")
    }

    /// The name of the program, or where it was to be, if it was never loaded.
    pub fn program(&self) -> String {
        let program = &self.facts.program;
        if program.name.is_empty() { program.path.to_string() } else { program.name.clone() }
    }

    /// `wpool replay FILE ID`, as a shell takes it, of a run that is kept.
    pub fn replay(&self, id: u64) -> Option<String> {
        let output = self.kept.as_ref()?;
        let of_stdin = self.facts.inputs.iter().any(|file| is_stdin(file.as_ref()));
        let rows = if of_stdin { " FILE-OF-ROWS" } else { "" };
        Some(format!("wpool replay {} {id}{rows}", shell::path(&output.to_string_lossy())))
    }
}

impl End {
    fn of(ended: &Ended) -> End {
        if ended.complete { End::Complete } else { End::Stopped("an early end".to_owned()) }
    }
}

/// The position of a row, as its record tells it, if there is a line of that.
fn id_in(file: &File, entry: &Entry) -> Option<u64> {
    let mut head = [0; 32];
    let length = head.len().min(usize::try_from(entry.record.length).unwrap_or(usize::MAX));
    file.read_exact_at(&mut head[..length], entry.offset).ok()?;
    let digits = head[..length].strip_prefix(b"{\"id\":")?.split(|byte| !byte.is_ascii_digit()).next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The same file with a position of its own: others go on writing it.
fn reopened(file: &File) -> io::Result<File> {
    File::open(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::cli::journal::{Fault, Historian, Key, Notebook, Ran, Timing};

    fn facts() -> Facts {
        let program = json!({"name": "task.wasm", "path": "task.wasm", "hash": "00"});
        let facts = json!({"format": 1, "run": "r", "version": "0", "started": "", "cwd": "/", "arguments": [], "env": [],
            "program": program, "settings": {}, "inputs": ["rows"], "ended": null});
        serde_json::from_value(facts).expect("facts")
    }

    fn ran(id: u64, status: Status) -> Ran {
        let (began, wall) = (Duration::from_secs(1), Duration::from_millis(5));
        let timing = Timing { id: Some(id), began, wall, worker: Some(0), status, attempts: 1 };
        Ran::new(&timing).of(Key::of_plain(b"row"))
    }

    fn note(id: u64, status: Status) -> Note {
        let fault = Fault { code: "err".into(), message: format!("row {id}"), ..Fault::default() };
        let (retried, worker) = (Vec::new(), Some(0));
        let key = Key::of_plain(b"row").short();
        Note { id, key, place: None, status, retried, began_us: 0, wall_us: 5, worker, fault: Some(fault) }
    }

    #[test]
    fn notes_count_only_while_the_last_record_of_their_row_says_the_same() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = Dir::open(folder.path()).expect("it opens");
        let session = |notes: &[Note], rows: &[Ran]| {
            let mut book = Notebook::open(&dir).expect("it opens");
            notes.iter().for_each(|note| book.add(note.clone()));
            book.flush();
            Historian::open(&dir).and_then(|mut it| it.add(rows.iter().copied())).expect("it is written");
        };
        let failed = Status::Failed;
        // The host was killed before the record of the last row.
        session(&[note(2, failed), note(5, failed), note(7, failed)], &[ran(2, failed), ran(5, failed)]);
        // Later one of them runs again and is ok.
        session(&[], &[ran(5, Status::Ok), ran(9, Status::Ok)]);
        let counts = BTreeMap::from([("ok".to_owned(), 2), ("failed".to_owned(), 1)]);
        let output = Some(PathBuf::from("my out"));
        let account =
            Account::new(facts(), End::Killed, None, counts, output, Traces::Folder(dir)).expect("an account");
        assert_eq!(account.notes().map(|note| note.id).collect::<Vec<_>>(), [2]);
        assert_eq!((account.total(), account.not_ok(), account.exit_code()), (3, 1, None));
        let sessions: Vec<_> = account.timings().expect("they are there").map(|timed| timed.session).collect();
        assert_eq!(sessions, [1, 1, 2, 2], "a row that ran twice is there twice");
        assert_eq!(account.replay(2).as_deref(), Some("wpool replay 'my out' 2"));
    }

    #[test]
    fn a_run_without_a_journal_is_read_while_its_files_stand_anywhere() {
        let (history, notes) = (tempfile::tempfile().expect("a file"), tempfile::tempfile().expect("a file"));
        let mut historian = Historian::nameless(history.try_clone().expect("another")).expect("it begins");
        historian.add([ran(0, Status::Ok), ran(1, Status::Trap)]).expect("it is written");
        let mut book = Notebook::of(notes.try_clone().expect("another"));
        book.add(note(1, Status::Trap));
        book.flush();
        let traces = Traces::Files { history, notes };
        let account = Account::new(facts(), End::Complete, None, BTreeMap::new(), None, traces).expect("an account");
        assert_eq!(account.notes().count(), 1);
        let timings = account.timings().expect("they are there");
        assert_eq!((timings.count(), account.timings().expect("again").count()), (2, 2));
        assert_eq!(account.replay(1), None);
    }
}
