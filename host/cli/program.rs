//! The program of a command: a file, or a folder that is built first.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::cli::errors::Usage;
use crate::cli::projects::{self, PROGRAM, Project};
use crate::cli::say;

/// Extensions of program files.
const PROGRAM_FILES: [&str; 2] = ["wasm", "wat"];

/// The file of the program at a path, which a folder may not have yet.
pub fn file(path: &Path) -> PathBuf {
    if path.is_dir() { path.join(PROGRAM) } else { path.to_owned() }
}

/// The program at a path: the file itself, or a folder's program, which is built first when its sources are newer.
pub fn program(path: PathBuf, quiet: bool) -> Result<PathBuf> {
    check(&path)?;
    if !path.is_dir() {
        return Ok(path);
    }
    let program = path.join(PROGRAM);
    if projects::is_stale(&path).map_err(explain)? {
        let project = Project::find(&path).map_err(explain)?;
        if !quiet {
            say(format_args!("building {} ({})", program.display(), project.language.name));
        }
        projects::build(&project, &program).map_err(explain)?;
    }
    Ok(program)
}

/// The program at a path, if nothing has to be built for it.
pub fn as_it_is(path: &Path) -> Result<Option<PathBuf>> {
    check(path)?;
    if !path.is_dir() {
        return Ok(Some(path.to_owned()));
    }
    let is_stale = projects::is_stale(path).map_err(explain)?;
    Ok((!is_stale).then(|| path.join(PROGRAM)))
}

/// Refuses what is neither a program nor a folder to build.
fn check(path: &Path) -> Result<(), Usage> {
    let shown = path.display();
    if !path.is_dir() && projects::must_be_built(path) {
        return Err(Usage(format!("{shown} is a source: build it with `wpool build {shown}`, or name its folder")));
    }
    // A program file that became a folder is not the user's work, and building executes what is in it.
    if path.is_dir() && path.extension().is_some_and(|end| PROGRAM_FILES.iter().any(|known| end == *known)) {
        return Err(Usage(format!("{shown} is a folder with the name of a program file; rename it to build it")));
    }
    Ok(())
}

/// Sorts an error into the categories of exit codes.
pub fn explain(error: projects::Error) -> anyhow::Error {
    if error.is_usage() { Usage(error.to_string()).into() } else { error.into() }
}
