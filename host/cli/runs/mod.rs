//! Runs that were kept: what there is of them, and running them again.

mod again;
mod index;
mod show;

use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use super::args::{Rerun, Runs};
use super::exit::Exit;
use super::run::run_program;
use super::{print, printed};
use crate::journal::{Entries, Folder};
pub use again::{Again, is_ordered};
pub use index::note;
use index::{Kept, State};

/// Does what `wpool runs` is asked for.
pub fn runs(action: &Runs) -> Result<Exit> {
    match action {
        Runs::List { json } => show::list(&index::all()?, *json),
        Runs::Info { run, json } => show::info(&index::find(run)?, *json),
        Runs::Prune { finished, older_than, dry_run } => {
            let age = older_than.or(finished.then_some(Duration::ZERO));
            prune(age, *dry_run)
        }
        Runs::Export { run } => export(&index::find(run)?.folder),
    }
}

/// Runs what is not ok again.
pub fn rerun(args: &Rerun) -> Result<Exit> {
    let again = Again::find(&args.run)?;
    let (plan, program) = again.failed(args)?;
    run_program(plan, program)
}

/// Forgets runs that are gone, and removes the folders of those that have been finished for so long.
fn prune(age: Option<Duration>, dry: bool) -> Result<Exit> {
    let mut text = String::new();
    let verb = if dry { "would " } else { "" };
    for kept in index::all()? {
        let Kept { run, folder, state, .. } = &kept;
        let removes = *state == State::Finished && age.is_some_and(|age| kept.finished_for() >= Some(age));
        if !removes && *state != State::Gone {
            continue;
        }
        if removes {
            if !dry && let Err(error) = remove(folder) {
                text += &format!("{run}: {} stays: {error:#}\n", folder.display());
                continue;
            }
            text += &format!("{run}: {verb}remove {}\n", folder.display());
        } else {
            text += &format!("{run}: {verb}forget it: {} is gone, or of another run\n", folder.display());
        }
        if !dry {
            index::forget(run)?;
        }
    }
    Ok(print(text.as_bytes()))
}

/// Removes a journal with its folder. What else lies there stays, and the folder with it.
fn remove(folder: &Path) -> Result<()> {
    let lock = Folder::lock(folder.to_owned())?;
    lock.clear()?;
    for name in ["run.json", "program.wasm", "lock"] {
        std::fs::remove_file(folder.join(name))?;
    }
    Ok(std::fs::remove_dir(folder)?)
}

/// Prints facts and records. Of a run without order the positions are those of the lines.
fn export(folder: &Path) -> Result<Exit> {
    let facts = crate::journal::Facts::load(folder)?;
    let ordered = is_ordered(&facts);
    let mut entries = Entries::open(folder)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut written = serde_json::to_writer(&mut out, &facts).map_err(Into::into).and_then(|()| out.write_all(b"\n"));
    while written.is_ok() {
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
        written = writeln!(out, "{line}");
    }
    Ok(printed(written.and_then(|()| out.flush())))
}
