//! Builds programs from sources, for `wpool new`, `wpool build` and `wpool doctor`. Every language is built by its own
//! tools, which [`language`] describes; wpool installs nothing. This module belongs to the executable, not to the
//! library.

mod cargo;
mod componentize;
mod detect;
mod doctor;
mod error;
mod interrupt;
mod language;
mod machine;
mod recipe;
mod templates;
mod tool;

use std::fs;
use std::path::{Path, PathBuf};

use wpool::place::{PUBLIC, Place};

pub use detect::{PROGRAM, Project, is_stale, must_be_built};
pub use doctor::{LanguageReport, languages};
pub use error::Error;
pub use interrupt::Interrupts;
pub use language::{COMPONENTIZE_PY, ESBUILD, LANGUAGES, Language, TSC};
pub use machine::{Machine, machine};
pub use templates::create;
pub use tool::{Found, Tool, read_given, read_quietly, run_held};

/// Builds a project into a file. Replaces the file only with a whole program.
pub fn build(project: &Project, out: &Path) -> Result<(), Error> {
    check_place(project, out)?;
    let scratch = tempfile::Builder::new().prefix("wpool-build-").tempdir();
    let scratch = scratch.map_err(Error::io("create a folder in", &std::env::temp_dir()))?;
    let made = recipe::carry_out(project, scratch.path())?;
    if project.language.is_module() {
        componentize::check(&made, &project.dir.join(project.main_source()?))?;
    }
    replace(out, &componentize::finish(made, out)?)
}

/// Rejects a place that is a source, or is not a regular file, such as a device.
fn check_place(project: &Project, out: &Path) -> Result<(), Error> {
    let Ok(found) = fs::canonicalize(out) else { return Ok(()) };
    let is_source = |source: &PathBuf| fs::canonicalize(project.dir.join(source)).is_ok_and(|source| source == found);
    if !found.is_file() || project.sources()?.iter().any(is_source) {
        return Err(Error::Taken(out.to_owned()));
    }
    Ok(())
}

/// Writes a file beside its place and moves it there.
fn replace(path: &Path, content: &[u8]) -> Result<(), Error> {
    let written = Place::of(path).and_then(|place| place.replace(content, PUBLIC, true));
    written.map_err(Error::io("write", path))
}
