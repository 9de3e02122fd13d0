//! Refuses to write where something would be lost.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::cli::plan::{Source, is_stdin, usage};
use crate::cli::{args, stdout, target};

/// Refuses to write where something would be lost.
pub fn check_outputs(typed: &args::Run, source: &Source) -> Result<()> {
    let output = &typed.output;
    let state = &typed.state.state_out;
    let summary = &typed.messages.summary_json;
    for (path, option) in [(&output.failed, "--failed"), (summary, "--summary-json"), (state, "--state-out")] {
        let Some(path) = path else { continue };
        if is_stdin(path) {
            return usage(format!(
                "{option} - : standard output is for records; name a file (./- for a file of this name)"
            ));
        }
        // Both would be written from their own beginnings.
        if to_stdout(output) && is_stdout(path) {
            return usage(format!("{option} {}: that is standard output, which takes the records", path.display()));
        }
    }
    let records = output.output.as_ref().filter(|path| !is_stdin(path)).cloned();
    let (replace, overwrite) = (output.overwrite || typed.journal.resume, output.overwrite);
    for path in [&records, &output.failed, summary, state].into_iter().flatten() {
        check_destroys_no_input(path, source)?;
        if is_same_file(path, &typed.source.task) {
            return usage(format!("{} is the program; the output would destroy it", path.display()));
        }
    }
    let all =
        [(&records, "records"), (&output.failed, "failed rows"), (summary, "the summary"), (state, "the shared state")];
    let all: Vec<_> = all.iter().filter_map(|(path, what)| path.as_ref().zip(Some(*what))).collect();
    for (at, (path, what)) in all.iter().enumerate() {
        let other = all[..at].iter().find(|(other, _)| is_same_file(other, path) || is_same_place(other, path));
        if let Some((_, other)) = other {
            return usage(format!("{} cannot take {other} and {what}", path.display()));
        }
    }
    if to_stdout(output) && stdout::was_closed() {
        return Err(stdout::closed().into());
    }
    for (path, replace) in [(&records, replace), (&output.failed, true), (summary, true), (state, overwrite)] {
        let Some(path) = path else { continue };
        target::check(path, replace, overwrite)?;
    }
    output.out_dir.as_deref().map_or(Ok(()), check_out_dir)
}

/// Refuses a link as the folder of outputs: files would come to stand where whoever made it wants them.
fn check_out_dir(path: &Path) -> Result<()> {
    // Without a slash at its end, which would have the link followed.
    let itself: PathBuf = path.components().collect();
    match std::fs::read_link(&itself) {
        Ok(to) => usage(format!(
            "--out-dir {}: it is a link to {}, and no link is followed to write files: name that folder",
            path.display(),
            to.display()
        )),
        Err(_) => Ok(()),
    }
}

/// Whether records go to standard output.
fn to_stdout(output: &args::Output) -> bool {
    output.output.as_deref().is_none_or(is_stdin)
}

/// Whether a path leads to the regular file that standard output is.
fn is_stdout(path: &Path) -> bool {
    let Ok(stdout) = rustix::fs::fstat(rustix::stdio::stdout()) else { return false };
    std::fs::metadata(path)
        .is_ok_and(|found| found.is_file() && (found.dev(), found.ino()) == (stdout.st_dev, stdout.st_ino))
}

fn check_destroys_no_input(path: &Path, source: &Source) -> Result<()> {
    let (Source::Lines(inputs) | Source::Files(inputs)) = source else { return Ok(()) };
    match inputs.iter().filter(|input| !is_stdin(input)).find(|input| is_same_file(path, input)) {
        Some(input) => usage(format!("{} is an input; the output would destroy it", input.display())),
        None => Ok(()),
    }
}

/// Whether two paths lead to one regular file, by whatever links.
fn is_same_file(a: &Path, b: &Path) -> bool {
    let identity = |path| {
        let found = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
        Some((found.dev(), found.ino()))
    };
    identity(a).is_some_and(|a| identity(b) == Some(a))
}

/// Whether two paths name the same place in a folder, where there may be nothing yet.
fn is_same_place(a: &Path, b: &Path) -> bool {
    let place = |path: &Path| {
        let absolute = std::path::absolute(path).ok()?;
        Some((std::fs::canonicalize(absolute.parent()?).ok()?, absolute.file_name()?.to_owned()))
    };
    place(a).is_some_and(|a| place(b) == Some(a))
}
