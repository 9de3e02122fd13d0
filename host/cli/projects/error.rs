//! Errors of building and of writing projects.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use thiserror::Error;

/// The reason for which nothing was built or written.
#[derive(Debug, Error)]
pub enum Error {
    #[error("cannot {what} {path}", path = path.display())]
    Io { what: &'static str, path: PathBuf, source: io::Error },
    #[error("{dir} exists and is not an empty folder", dir = .0.display())]
    NotEmpty(PathBuf),
    #[error("cannot write the program to {path}: it is a source, or not a regular file", path = .0.display())]
    Taken(PathBuf),
    #[error(
        "{path} is not a task that wpool can build: there is no Cargo.toml, go.mod, package.json, asconfig.json, or source \
         file of C, C++, Zig, Go, JavaScript, TypeScript, Python or WebAssembly text",
        path = path.display()
    )]
    NothingToBuild { path: PathBuf },
    #[error("{dir} holds more than one language: {found}; name the file to build", dir = dir.display())]
    Ambiguous { dir: PathBuf, found: String },
    #[error(
        "{dir} has no main {language} file: it should be called task, app, main or index; found {found}",
        dir = dir.display(),
        found = if found.is_empty() { "none" } else { found }
    )]
    NoMain { dir: PathBuf, language: &'static str, found: String },
    #[error("{language} needs {tool}, which was not found; {remedy}")]
    MissingTool { language: &'static str, tool: String, remedy: String },
    #[error("cannot start `{command}`")]
    Start { command: String, source: io::Error },
    #[error("`{command}` failed ({status})")]
    Failed { command: String, status: ExitStatus },
    #[error("`{command}` was interrupted by a signal")]
    Interrupted { command: String, signal: i32 },
    #[error("`{command}` failed ({status}) and printed:\n{printed}")]
    Printed { command: String, status: ExitStatus, printed: String },
    #[error(
        "the package in {dir} builds no WebAssembly program: it needs a binary, or a library with crate-type = \
         [\"cdylib\"]",
        dir = dir.display()
    )]
    NoProgram { dir: PathBuf },
    #[error("the package in {dir} builds more than one program: {found}; build in the folder of one package with one \
             program", dir = dir.display())]
    ManyPrograms { dir: PathBuf, found: String },
    #[error("{path} is not WebAssembly text: {why}", path = path.display())]
    Text { path: PathBuf, why: String },
    #[error("cannot read the WIT files in {path}: {why}", path = path.display())]
    Wit { path: PathBuf, why: String },
    #[error("{path} cannot be made a program: {why}", path = path.display())]
    BadModule { path: PathBuf, why: String },
    #[error("{path} carries no WIT metadata: there is nothing to build, and `wpool run` takes it as it is",
            path = path.display())]
    NoMetadata { path: PathBuf },
    #[error(
        "{path} comes from standard Go and stays a core module: Go's runtime and the adapter of components would grow \
         the same memory; export functions as the project of `wpool new --lang go` does, or make it a command",
        path = path.display()
    )]
    Go { path: PathBuf },
}

impl Error {
    /// Wraps an error of the system about a path.
    pub fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
        let path = path.to_owned();
        move |source| Error::Io { what, path, source }
    }

    /// Whether another command line would help.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Error::NotEmpty(_)
                | Error::Taken(_)
                | Error::Ambiguous { .. }
                | Error::NoMetadata { .. }
                | Error::Go { .. }
        )
    }
}
