//! Errors of a journal, with their places.

use std::io;
use std::path::PathBuf;

use wpool::place::Place;

/// An error of a journal.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An error of the system.
    #[error("cannot use {}", path.display())]
    Io { path: PathBuf, source: io::Error },
    /// The facts of the run are malformed.
    #[error("{} cannot be read: {why}", path.display())]
    Facts { path: PathBuf, why: String },
    /// Another run writes this journal.
    #[error("{} is in use by another run{}", path.display(), pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default())]
    Busy { path: PathBuf, pid: Option<u32> },
    /// Another run has made this journal since this run looked for it.
    #[error("{} was made by another run that began at the same time", path.display())]
    Overtaken { path: PathBuf },
    /// The middle of a file is not as it was written.
    #[error("{} is damaged at byte {offset}: {what}", path.display())]
    Damaged { path: PathBuf, offset: u64, what: &'static str },
}

impl Error {
    /// Whether files are missing or changed. Otherwise the system or another run is in the way.
    pub fn is_damage(&self) -> bool {
        match self {
            Error::Io { source, .. } => source.kind() == io::ErrorKind::NotFound,
            Error::Facts { .. } | Error::Damaged { .. } => true,
            Error::Busy { .. } | Error::Overtaken { .. } => false,
        }
    }
}

/// Makes an error from an error of the system and a place.
pub fn at(place: &Place) -> impl Fn(io::Error) -> Error + Copy {
    move |source| Error::Io { path: place.path(), source }
}
