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
    if !path.is_dir() {
        if projects::must_be_built(&path) {
            let path = path.display();
            return Err(
                Usage(format!("{path} is a source: build it with `wpool build {path}`, or name its folder")).into()
            );
        }
        return Ok(path);
    }
    // A folder in place of a program file may not be the user's work, and building would execute its content.
    if path.extension().is_some_and(|end| PROGRAM_FILES.iter().any(|known| end == *known)) {
        let path = path.display();
        return Err(Usage(format!("{path} is a folder with the name of a program file; rename it to build it")).into());
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

/// Sorts an error into the categories of exit codes.
pub fn explain(error: projects::Error) -> anyhow::Error {
    if error.is_usage() { Usage(error.to_string()).into() } else { error.into() }
}
