//! Shared state at the end of a run.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::exit::{CannotWrite, Exit};
use super::plan::{OutputFile, Plan};
use super::say;

/// Finds out before the first task whether the state could be written.
pub fn check(plan: &Plan) -> Result<(), CannotWrite> {
    let Some(file) = &plan.state_out else { return Ok(()) };
    let cannot = CannotWrite::at(&file.path);
    match target(&file.path) {
        Target::Open(_) => Ok(()),
        Target::Replaced { folder, .. } => anew(&folder).map(drop).map_err(cannot),
    }
}

/// Writes the state where that was asked for, and says how that went.
pub fn write(plan: &Plan) -> Exit {
    let (Some(state), Some(file)) = (&plan.config.state, &plan.state_out) else { return Exit::Ok };
    match replace(file, &state.to_json()) {
        Ok(()) => Exit::Ok,
        Err(source) => {
            let error = CannotWrite::at(&file.path)(source);
            say(format_args!("{:#}", anyhow::Error::from(error)));
            Exit::Output
        }
    }
}

/// How a file is written.
enum Target {
    /// A pipe or a device, as it is.
    Open(PathBuf),
    /// A file that is there whole or not at all.
    Replaced { path: PathBuf, folder: PathBuf },
}

fn target(path: &Path) -> Target {
    // A link stays, and what it leads to is replaced.
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if std::fs::metadata(&path).is_ok_and(|found| !found.is_file()) {
        return Target::Open(path);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned();
    Target::Replaced { path, folder }
}

fn anew(folder: &Path) -> io::Result<NamedTempFile> {
    let readable = Permissions::from_mode(0o666);
    let made = tempfile::Builder::new().prefix(".wpool-state").permissions(readable).tempfile_in(folder);
    // The error would name a file that nobody asked for.
    made.map_err(|error| std::fs::metadata(folder).err().unwrap_or_else(|| error.kind().into()))
}

fn replace(file: &OutputFile, text: &[u8]) -> io::Result<()> {
    let (path, folder) = match target(&file.path) {
        Target::Open(path) => return File::options().write(true).open(path)?.write_all(text),
        Target::Replaced { path, folder } => (path, folder),
    };
    let mut anew = anew(&folder)?;
    anew.write_all(text)?;
    let kept = if file.overwrite { anew.persist(&path) } else { anew.persist_noclobber(&path) };
    kept.map(drop).map_err(|failed| failed.error)
}
