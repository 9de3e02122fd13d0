//! The journal of a run: what of its output is done, so that a crash of the host loses nothing.
//!
//! Beside an output FILE stands the folder `FILE.wpool/`:
//!
//! | file | what |
//! |---|---|
//! | `lock` | held by the run that writes, whose process id it tells |
//! | `run.json` | [`Facts`]: what was run, with which settings, and how it ended |
//! | `program.wasm` | the program's bytes as they were given |
//! | `journal` | which rows are done, and where their lines end in FILE: see [`format`] |
//! | `tail-N`, `tail-N.lines` | while a resumed run goes on: records and lines taken from FILE's end, see [`tails`] |
//! | `gone-N.jsonl` | lines of records whose rows were not in the input of a resumed run any more |
//! | `damaged-N/` | copies of FILE, `journal`, `run.json` and tails as they were when a damaged run was resumed |
//!
//! # What holds at any moment
//!
//! 1. FILE's bytes are written before the group of the journal that stands for them. What the journal does not tell of is
//!    not done: FILE is cut off there before anything is added.
//! 2. A row's record is in FILE or in a tail until the run that took it from there is complete.
//! 3. Only who holds the lock writes.
//! 4. Everything in the folder is reached through a descriptor of it, so nobody can put another in its place.
//!
//! # Torn or damaged
//!
//! A host that is killed leaves at most an incomplete group at the journal's end, and bytes of FILE that no group stands
//! for. A power cut can leave zeros, and without fsync any part of what was written last. So what is wrong at the end is
//! torn, and so are whole blocks of zeros wherever they stand: their rows are done again, which is reported, and right
//! records behind them stay. Everything else that is wrong with something right behind it is damage, on which nothing is
//! built: see [`verify`] for where the line is. A user who knows of the damage can have the right records kept
//! (`--resume-damaged`); then copies of all files are made first, and no part of wpool removes them.
//!
//! The beginning of a journal holds the salt of its checks. Without it no group is known to be right, so a lost beginning
//! is damage, too, although a power cut in a run's first half minute can cause it.

mod append;
mod aside;
#[cfg(test)]
mod cuts;
mod entries;
mod facts;
mod folder;
mod format;
mod gone;
mod groups;
mod holes;
pub mod index;
mod key;
#[cfg(test)]
mod properties;
mod resume;
#[cfg(test)]
mod salvage;
mod tails;
#[cfg(test)]
mod tests;
mod text;
mod verify;

use std::io;
use std::path::PathBuf;

use wpool::place::Place;

pub use append::Appender;
pub use entries::{Entries, Entry};
pub use facts::{Ended, FACTS, FORMAT, Facts, ProgramFacts, now, run_id};
pub use folder::{Folder, SUFFIX, beside, holds_a_run, is_free, is_of_a_run, is_running, output, program};
pub use format::{MAX_ROWS, Record};
pub use gone::Wanted;
pub use key::Key;
pub use resume::{How, Known, Resume, is_final};
pub use tails::Index;
pub use text::Text;
pub use verify::{Gaps, Torn};

/// What can be wrong with a journal.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system refuses something.
    #[error("cannot use {}", path.display())]
    Io { path: PathBuf, source: io::Error },
    /// The facts of the run cannot be understood.
    #[error("{} cannot be read: {why}", path.display())]
    Facts { path: PathBuf, why: String },
    /// Another run writes this journal.
    #[error("{} is in use by another run{}", path.display(), pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default())]
    Busy { path: PathBuf, pid: Option<u32> },
    /// Another run has made this journal since it was looked for.
    #[error("{} was made by another run that began at the same time", path.display())]
    Overtaken { path: PathBuf },
    /// Something in the middle is not what was written.
    #[error("{} is damaged at byte {offset}: {what}", path.display())]
    Damaged { path: PathBuf, offset: u64, what: &'static str },
}

impl Error {
    /// Whether files are missing or not as they were written, rather than the system or another run being in the way.
    pub fn is_damage(&self) -> bool {
        match self {
            Error::Io { source, .. } => source.kind() == io::ErrorKind::NotFound,
            Error::Facts { .. } | Error::Damaged { .. } => true,
            Error::Busy { .. } | Error::Overtaken { .. } => false,
        }
    }
}

/// Makes the error for a place of what the system says.
pub fn at(place: &Place) -> impl Fn(io::Error) -> Error + Copy {
    move |source| Error::Io { path: place.path(), source }
}
