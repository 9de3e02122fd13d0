//! Refuses to write where something would be lost.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::cli::args::EVENTS;
use crate::cli::descriptor::{is_stdin, is_stdout};
use crate::cli::errors::usage;
use crate::cli::journal::beside;
use crate::cli::plan::overlap::{self, MESSAGES, STATE_OUT, Written};
use crate::cli::plan::source::Source;
use crate::cli::{args, stdout, target};

/// Refuses to write where something would be lost.
pub fn check_outputs(typed: &args::Run, source: &Source) -> Result<()> {
    let output = &typed.output;
    let state = &typed.tasks.state.state_out;
    let beside: Vec<_> = typed.beside().collect();
    let options = beside.iter().map(|beside| (beside.path, beside.option));
    for (path, option) in options.chain(state.iter().map(|path| (path, "--state-out"))) {
        if is_stdin(path) {
            return usage(format!(
                "{option} - : standard output is for records; name a file (./- for a file of this name)"
            ));
        }
        // Both would be written from their own beginnings.
        if to_stdout(output) && Written::at(path, "").leads_to(&Written::stdout()) {
            return usage(format!("{option} {}: that is standard output, which takes the records", path.display()));
        }
    }
    let records = output.output.as_ref().filter(|path| !is_stdout(path)).cloned();
    let named = records.iter().map(|path| (path, "records"));
    let named = named.chain(beside.iter().map(|beside| (beside.path, beside.what)));
    let named = named.chain(state.iter().map(|path| (path, STATE_OUT))).map(|(path, what)| Written::at(path, what));
    let stdout = to_stdout(output).then(Written::stdout);
    let written: Vec<_> = named.chain(stdout).chain([Written::stderr()]).collect();
    overlap::check_reads(&written, typed, source)?;
    check_twice(&written)?;
    if let Some(events) = &typed.messages.events {
        check_mixed(events, &written, to_stdout(output))?;
    }
    if let Some(records) = &records {
        let outputs = beside.iter().map(|beside| beside.path).chain(state);
        check_journal(records, outputs, output.out_dir.as_deref())?;
    }
    let (replace, overwrite) = (output.overwrite || typed.journal.resume, output.overwrite);
    if to_stdout(output) && stdout::was_closed() {
        return Err(stdout::closed().into());
    }
    let always = beside.iter().map(|beside| (beside.path, true));
    for (path, replace) in
        records.iter().map(|path| (path, replace)).chain(always).chain(state.iter().map(|path| (path, overwrite)))
    {
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

/// Refuses two outputs in one file.
fn check_twice(written: &[Written<'_>]) -> Result<()> {
    for (at, second) in written.iter().enumerate() {
        if let Some(first) = written[..at].iter().find(|first| first.collides(second)) {
            let path = first.path().or(second.path()).unwrap_or(Path::new("-")).display();
            return usage(format!("{path} cannot take {} and {}", first.what, second.what));
        }
    }
    Ok(())
}

/// Refuses events that would stand between the lines of another output, whoever reads both. Messages for people have no
/// reader that it would confuse.
fn check_mixed(path: &Path, written: &[Written<'_>], with_records: bool) -> Result<()> {
    let shown = path.display();
    if with_records && is_stdout(path) {
        return usage(format!("--events {shown}: that is standard output, which takes the records"));
    }
    let events = Written::at(path, EVENTS);
    let others = written.iter().filter(|other| ![EVENTS, MESSAGES].contains(&other.what));
    match others.into_iter().find(|other| events.mixes_with(other)) {
        Some(other) => usage(format!("{shown} cannot take {} and {EVENTS}", other.what)),
        None => Ok(()),
    }
}

/// Refuses outputs in the folder that is for the journal of the records.
fn check_journal<'a>(
    records: &Path,
    outputs: impl Iterator<Item = &'a PathBuf>,
    out_dir: Option<&'a Path>,
) -> Result<()> {
    let folder = beside(records);
    let Ok(kept) = std::fs::canonicalize(&folder) else { return Ok(()) };
    let folders = outputs.filter_map(|path| Some((path.as_path(), path.parent()?)));
    for (path, within) in folders.chain(out_dir.map(|path| (path, path))) {
        let within = if within.as_os_str().is_empty() { Path::new(".") } else { within };
        if std::fs::canonicalize(within).is_ok_and(|within| within.starts_with(&kept)) {
            let (path, folder) = (path.display(), folder.display());
            return usage(format!("{path} lies in {folder}, which is for the journal; name another place"));
        }
    }
    Ok(())
}

/// Whether records go to standard output.
fn to_stdout(output: &args::Output) -> bool {
    output.output.as_deref().is_none_or(is_stdout)
}
