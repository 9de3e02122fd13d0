//! The journal of a run: what of its output is done, so that a crash of the host loses nothing.
//!
//! Beside an output FILE stands the folder `FILE.wpool/`:
//!
//! | file | what |
//! |---|---|
//! | `lock` | held by the run that writes; holds its process id |
//! | `run.json` | [`Facts`]: what was run, with which settings, and how it ended |
//! | `program.wasm` | the program's bytes as they were given |
//! | `journal` | which rows are done, and where their lines end in FILE |

mod facts;

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

pub use facts::{Ended, FORMAT, Facts, ProgramFacts, now, run_id};

/// What can be wrong with a journal.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system refuses something.
    #[error("{}", path.display())]
    Io { path: PathBuf, source: io::Error },
    /// The facts of the run cannot be understood.
    #[error("{} cannot be read: {why}", path.display())]
    Facts { path: PathBuf, why: String },
}

/// Makes the error for a path of what the system says.
fn at(path: &Path) -> impl Fn(io::Error) -> Error + Copy {
    move |source| Error::Io { path: path.to_owned(), source }
}

/// Opens what only the user may read, for rows may be anything.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).mode(0o600);
    options
}
