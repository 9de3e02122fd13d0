//! What can be wrong with a journal, and where.

use std::io;
use std::path::PathBuf;

use wpool::place::Place;

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
