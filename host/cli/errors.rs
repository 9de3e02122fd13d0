//! Errors that have an exit code of their own, below everything that ends with them.

use std::io;
use std::path::Path;

use anyhow::Result;

/// A mistake in the command line that clap cannot see.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// Refuses what was typed.
pub fn usage<T>(what: String) -> Result<T> {
    Err(Usage(what).into())
}

/// A program that its language's own tools refuse, or a content that is no program.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

/// Rows that cannot be read to their end, because of what the files hold.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct InputRefused(pub String);

/// There is nothing to run over.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NoInputs(pub String);

/// Shards, or records of them, are missing.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Incomplete(pub String);

/// An output that cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {path}{}", no_folder(.path, .source))]
pub struct CannotWrite {
    pub path: String,
    pub source: io::Error,
}

impl CannotWrite {
    /// Makes the error for a path of what the system says.
    pub fn at(path: &Path) -> impl Fn(io::Error) -> CannotWrite + Copy {
        move |source| CannotWrite { path: path.display().to_string(), source }
    }
}

/// A signal ended what was done for the command.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct Interrupted {
    pub what: String,
    /// Whether it was SIGINT.
    pub by_keyboard: bool,
}

/// Names the folder that is missing for a file.
fn no_folder(path: &str, source: &io::Error) -> String {
    let folder = Path::new(path).parent().filter(|folder| !folder.as_os_str().is_empty());
    let missing = folder.filter(|folder| source.kind() == io::ErrorKind::NotFound && !folder.exists());
    missing.map(|folder| format!(", because there is no folder {}", folder.display())).unwrap_or_default()
}

/// The time for a whole run was over before its end.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct DeadlinePassed(pub &'static str);
