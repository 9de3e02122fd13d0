//! Shared state at the end of a run.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::exit::{CannotWrite, Exit};
use super::plan::{OutputFile, Plan};
use super::say;

/// Writes the state where that was asked for, and says how that went.
pub fn write(plan: &Plan) -> Exit {
    let (Some(state), Some(file)) = (&plan.config.state, &plan.state_out) else { return Exit::Ok };
    match replace(file, &state.to_json()) {
        Ok(()) => Exit::Ok,
        Err(source) => {
            let error = CannotWrite { path: file.path.display().to_string(), source };
            say(format_args!("{:#}", anyhow::Error::from(error)));
            Exit::Output
        }
    }
}

/// Writes a file that is there whole or not at all. A pipe or a device is written as it is.
fn replace(file: &OutputFile, text: &[u8]) -> io::Result<()> {
    // A link stays, and what it leads to is replaced.
    let path = std::fs::canonicalize(&file.path).unwrap_or_else(|_| file.path.clone());
    if std::fs::metadata(&path).is_ok_and(|found| !found.is_file()) {
        return File::options().write(true).open(&path)?.write_all(text);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let readable = Permissions::from_mode(0o666);
    let mut anew = tempfile::Builder::new().prefix(".wpool-state").permissions(readable).tempfile_in(folder)?;
    anew.write_all(text)?;
    let kept = if file.overwrite { anew.persist(&path) } else { anew.persist_noclobber(&path) };
    kept.map(drop).map_err(|failed| failed.error)
}
