//! The journal of a run: a record of its finished output, so that a crash of the host loses nothing.
//!
//! The folder `FILE.wpool/` is beside an output FILE:
//!
//! | file | content |
//! |---|---|
//! | `lock` | held by the run that writes; its process id |
//! | `run.json` | [`Facts`]: the program, the settings, and how the run ended |
//! | `program.wasm` | the program's bytes, unchanged |
//! | `journal` | the rows that are done, and where their lines end in FILE: see [`format`] |
//! | `history` | when and how long rows ran: see [`history`] |
//! | `notes` | what reports say of single rows: see [`notes`] |
//! | `summary.json` | the document of `--summary-json`, for later reports |
//! | `tail-N`, `tail-N.lines` | during a resumed run: records and lines taken from FILE's end, see [`tails`] |
//! | `gone-N.jsonl` | lines of records whose rows were not in the input of a resumed run any more |
//! | `damaged-N/` | copies of FILE, `journal`, `run.json` and tails from before a damaged run was resumed |
//!
//! # Invariants
//!
//! 1. FILE's bytes are written before their group of the journal. Bytes without a group are not done: FILE is cut off
//!    there before anything is added.
//! 2. A row's record is in FILE or in a tail until the run that took it from there is complete.
//! 3. Only the holder of the lock writes.
//! 4. Everything in the folder is reached through its descriptor, so nobody can put another folder in its place.
//!
//! # Torn or damaged
//!
//! A killed host leaves at most an incomplete group at the journal's end, and bytes of FILE without a group. A power
//! cut can leave zeros, and without fsync any part of the last writes. So a wrong end is torn, and so are whole blocks
//! of zeros anywhere. Their rows run again, which is reported, and right records behind them stay. Any other wrong part
//! with something right behind it is damage, and nothing is built on it: see [`verify`] for the border. A user who
//! knows of the damage can keep the right records (`--resume-damaged`). Then copies of all files are made first, and no
//! part of wpool removes them.
//!
//! The beginning of a journal holds the salt of its checks. Without it no group can be verified, so a lost beginning is
//! damage, too, although a power cut in a run's first half minute can cause it.

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
mod gone;
mod groups;
mod head;
mod history;
mod holes;
pub mod index;
mod joined;
mod key;
mod notes;
#[cfg(test)]
mod properties;
mod resume;
#[cfg(test)]
mod salvage;
mod standing;
mod stays;
mod summary;
mod tails;
#[cfg(test)]
mod tests;
mod text;
mod timing;
mod verify;

pub use append::Appender;
pub use entries::{Entries, Entry};
pub use error::Error;
pub use facts::{Ended, FACTS, FORMAT, Facts, MERGED, ProgramFacts, ShardFacts, now, run_id};
pub use folder::{Folder, SUFFIX, beside, holds_a_run, is_free, is_of_a_run, is_running, output, program};
pub use format::{MAX_ROWS, Record};
pub use gone::Wanted;
pub use head::Heads;
pub use history::{Historian, History, Timed, Timings};
pub use joined::Joined;
pub use key::Key;
pub use notes::{Fault, MOST_OK, Note, Notebook, Notes, RowPlace, join as join_notes};
pub use resume::{How, Known, Resume};
pub use stays::{Stays, is_final};
pub use summary::{keep_summary, read_summary};
pub use tails::Index;
pub use text::Text;
pub use timing::{Ran, Timing, micros_of, session, since_session, time_of};
pub use verify::{Gaps, Torn};
