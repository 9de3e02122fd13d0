//! The places that tasks may write to, and those that must be out of their reach: the run's own files, and the files that the
//! next run executes.
//!
//! Whoever can write to the folder of a file can replace the file, or put a link in its place. No order of checks in the
//! host makes that harmless for all that a later run, or another program, does with the file.

use std::path::Path;

use anyhow::Result;
use wpool::PoolConfig;

use crate::cli::args;
use crate::cli::descriptor::{is_stdin, is_stdout, number};
use crate::cli::journal::index;
use crate::cli::plan::{JournalPlan, Source, usage};
use crate::cli::scripts;

/// The descriptor of standard input.
const STDIN: i32 = 0;

/// Refuses a run whose own files would lie in a directory that its tasks may write to.
pub fn check_own_files(typed: &args::Run, config: &PoolConfig, journal: Option<&JournalPlan>) -> Result<()> {
    let (output, state) = (&typed.output, &typed.tasks.state);
    let records = output.output.as_ref().filter(|path| !is_stdout(path));
    let kept = journal.map(|journal| journal.folder.path());
    let index = index::place().filter(|_| journal.is_some());
    let files = [
        ("-o", records, ""),
        ("the journal", kept.as_ref(), ", or keep none (--no-journal)"),
        ("--state-out", state.state_out.as_ref(), ""),
        ("--out-dir", output.out_dir.as_ref(), ""),
        ("the cache of compiled programs", config.cache.as_ref(), ", or use none (--no-cache)"),
        ("the list of runs", index.as_ref(), ", or keep no journal (--no-journal)"),
    ];
    let beside = typed.beside().map(|beside| (beside.option, Some(beside.path), ""));
    for (what, path, remedy) in files.into_iter().chain(beside) {
        let Some(path) = path else { continue };
        if let Some(granted) = config.task.grants.writable_at(path) {
            let (path, granted) = (path.display(), granted.display());
            return usage(format!(
                "{what}: {path} lies in {granted}, which tasks may write to (--dir …:rw): a task could put something else \
                 in its place. Let it lie elsewhere, or grant another directory{remedy}"
            ));
        }
    }
    Ok(())
}

/// Refuses a program and rows that both come from standard input: reading the one leaves nothing of the other.
pub fn check_stdin(task: &Path, source: &Source) -> Result<()> {
    let is_stdin = |path: &Path| is_stdin(path) || number(path) == Some(STDIN);
    match source {
        Source::Lines(files) | Source::Files(files)
            if number(task) == Some(STDIN) && files.iter().any(|file| is_stdin(file)) =>
        {
            let shown = task.display();
            usage(format!(
                "the program comes from standard input ({shown}), and so do the rows: name a file of one of them"
            ))
        }
        _ => Ok(()),
    }
}

/// Refuses a script whose runtime tasks could replace.
pub fn check_runtimes(config: &PoolConfig) -> Result<()> {
    let Some(path) = scripts::folder() else { return Ok(()) };
    match config.task.grants.writable_at(&path) {
        Some(granted) => usage(format!(
            "the runtimes of scripts: {} lies in {}, which tasks may write to (--dir …:rw): a task could put something else in \
             its place. Grant another directory, or set XDG_CACHE_HOME",
            path.display(),
            granted.display()
        )),
        None => Ok(()),
    }
}

/// Refuses to build a program from what tasks may write to: the next run would build and so execute what they wrote.
pub fn check_program(task: &Path, config: &PoolConfig) -> Result<()> {
    if scripts::ScriptLanguage::of(task).is_some() {
        check_runtimes(config)?;
    }
    match config.task.grants.writable_at(task) {
        Some(granted) if task.is_dir() => {
            let (task, granted) = (task.display(), granted.display());
            usage(format!(
                "{task} is a folder to build, and tasks may write to {granted} (--dir …:rw): the next run would build, and so \
                 execute, the code that they write there. Name the program file, or grant another directory"
            ))
        }
        _ => Ok(()),
    }
}
