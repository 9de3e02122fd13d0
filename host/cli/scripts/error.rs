//! Why a script cannot be run.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::cli::projects;

/// Why a script cannot be run.
#[derive(Debug, Error)]
pub enum Error {
    #[error("cannot {what} {path}", path = path.display())]
    Io { what: &'static str, path: PathBuf, source: io::Error },
    #[error("{path} defines no function `run` at its top level, so it is not a script: it needs `{form}`",
            path = path.display())]
    NoRun { path: PathBuf, form: &'static str },
    #[error("{path} leads out of {root}, the folder that it would be imported from; copy the file, or name its own folder \
             with --python-path", path = path.display(), root = root.display())]
    Outside { path: PathBuf, root: PathBuf },
    #[error("the script and everything that it imports are over {limit}; the largest part is {largest}")]
    TooLarge { limit: String, largest: String },
    #[error(
        "--python-path venv: no virtual environment is active (VIRTUAL_ENV is not set); activate one, or name its \
             folder of packages"
    )]
    NoVenv,
    #[error(
        "--python-path is for Python; this script is {language}, whose imports are found beside it and in node_modules"
    )]
    NotPython { language: &'static str },
    #[error("{path} is not code and lies outside of {root}, the folder of the script; copy it there",
            path = path.display(), root = root.display())]
    FileOutside { path: PathBuf, root: PathBuf },
    /// A tool of the language has found errors in the script.
    #[error("the script is refused:\n{text}")]
    Refused { text: String },
    #[error("{path} was changed each time that the tools of its language read it", path = path.display())]
    Changed { path: PathBuf },
    #[error("--python-path {path}: not a folder", path = path.display())]
    NoFolder { path: PathBuf },
    #[error("there is no folder for the runtimes of scripts: set HOME or XDG_CACHE_HOME")]
    NoHome,
    #[error("the runtime {name} of this run is gone; `wpool runtime build` makes that of the tools that are here now")]
    Gone { name: String },
    #[error("the runtime {path} is damaged: it is not what was written there", path = path.display())]
    Damaged { path: PathBuf },
    #[error("{tool} made no component for the runtime of {language}")]
    NotMade { tool: &'static str, language: &'static str },
    #[error(transparent)]
    Tools(#[from] projects::Error),
}

impl Error {
    /// Wraps an error of the system about a path.
    pub fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
        let path = path.to_owned();
        move |source| Error::Io { what, path, source }
    }

    /// Whether another command line would help.
    pub fn is_usage(&self) -> bool {
        match self {
            Error::NoRun { .. } | Error::NoVenv | Error::NotPython { .. } | Error::NoFolder { .. } => true,
            Error::Tools(error) => error.is_usage(),
            _ => false,
        }
    }
}
