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
mod disk;
mod entries;
pub mod error;
mod facts;
mod folder;
mod format;
mod groups;
mod holes;
pub mod index;
mod key;
#[cfg(test)]
mod properties;
mod resume;
#[cfg(test)]
mod salvage;
mod stays;
mod tails;
#[cfg(test)]
mod tests;
mod verify;

pub use append::Appender;
pub use entries::{Entries, Entry};
pub use error::Error;
pub use facts::{Ended, FACTS, FORMAT, Facts, ProgramFacts, now, run_id};
pub use folder::{Folder, SUFFIX, beside, is_free, is_of_a_run, is_running, output, program};
pub use format::{MAX_ROWS, Record};
pub use key::Key;
pub use resume::{How, Known, Resume};
pub use stays::{Stays, is_final};
pub use verify::{Gaps, Torn};
