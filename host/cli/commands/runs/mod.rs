//! Runs that were kept: what there is of them, and running them again.

mod again;
mod bounded;
mod merged;
mod show;

use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use wpool::place::{Dir, Place};

use crate::cli::args::{Rerun, Runs};
use crate::cli::exit::Exit;
use crate::cli::journal::index::{self, Kept, RunState};
use crate::cli::journal::{Entries, Facts, Folder};
use crate::cli::lines::Lines;
use crate::cli::print::{Printer, print};
use crate::cli::run::run;
use crate::cli::say;
pub use again::Again;

/// Does what `wpool runs` is asked for.
pub fn runs(action: &Runs) -> Result<Exit> {
    match action {
        Runs::List { json } => show::list(&index::all()?, *json),
        Runs::Info { run, json } => show::info(&index::find(run)?, *json),
        Runs::Prune { finished, older_than, dry_run } => {
            let age = older_than.or(finished.then_some(Duration::ZERO));
            prune(age, *dry_run)
        }
        Runs::Export { run } => export(index::find(run)?.dir()?),
    }
}

/// Runs what is not ok again.
pub fn rerun(args: &Rerun) -> Result<Exit> {
    let again = Again::find(&args.run, None)?;
    let (plan, program) = again.failed(args)?;
    run(plan, Some(program))
}

/// Forgets runs that are gone, and removes the folders of those that have been finished for so long.
fn prune(age: Option<Duration>, dry: bool) -> Result<Exit> {
    let mut text = Lines::default();
    let verb = if dry { "would " } else { "" };
    for kept in index::all()? {
        let Kept { run, folder, state, .. } = &kept;
        let removes = *state == RunState::Finished && age.is_some_and(|age| kept.finished_for() >= Some(age));
        if !removes && *state != RunState::Gone {
            continue;
        }
        if removes {
            if !dry && let Err(error) = remove_finished(&kept) {
                text.add(format_args!("{run}: {} stays: {error:#}", folder.display()));
                continue;
            }
            text.add(format_args!("{run}: {verb}remove {}", folder.display()));
        } else {
            text.add(format_args!("{run}: {verb}forget it: {} is gone, or belongs to another run", folder.display()));
        }
        if !dry {
            index::forget(run)?;
        }
    }
    Ok(print(&text))
}

/// Removes what was kept of a finished run, unless it has been resumed in the meantime.
fn remove_finished(kept: &Kept) -> Result<()> {
    index::open_kept(&kept.folder)?;
    let lock = Folder::lock(Place::of(&kept.folder)?)?;
    // Nobody changes them while the lock is held.
    let facts = Facts::load(lock.dir())?;
    anyhow::ensure!(Some(&facts) == kept.facts.as_ref(), "the run was resumed in the meantime");
    Ok(lock.remove()?)
}

/// Prints facts and records. Of a run without order the positions are those of the lines. What is wrong at the journal's
/// end is told behind them.
fn export(folder: &Dir) -> Result<Exit> {
    let facts = Facts::load(folder)?;
    let ordered = facts.is_ordered();
    let mut entries = Entries::open(folder)?;
    let mut out = Printer::start();
    out.json(&facts)?;
    while out.is_open() {
        let Some(entry) = entries.next()? else { break };
        let key: String = entry.record.key.0.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut line = json!({
            "line": entry.position,
            "key": key,
            "status": entry.record.status,
            "offset": entry.offset,
            "length": entry.record.length,
        });
        if ordered {
            line["id"] = entry.position.into();
        }
        out.json(&line)?;
    }
    if out.is_open() {
        match entries.left()? {
            0 => {}
            left => say(format_args!("the last {left} bytes of the journal are cut short, or are being written")),
        }
    }
    Ok(out.end())
}
