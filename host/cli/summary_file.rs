//! `--summary-json`.

use std::fs::File;

use anyhow::Result;
use wpool::inert;

use super::exit::{CannotWrite, Exit};
use super::plan::Plan;
use super::report::Summary;

/// Finds out whether `--summary-json` can be written, and removes that of an earlier run: this one may end without any.
pub fn clear_summary(plan: &Plan) -> Result<(), CannotWrite> {
    let Some(path) = &plan.messages.summary_json else { return Ok(()) };
    // A pipe or a device is written once, in the end.
    if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return Ok(());
    }
    let cannot = CannotWrite::at(path);
    File::create(path).map_err(cannot)?;
    // A link stays. In a folder that lets nothing be removed an empty file is left, which is no summary either.
    let _ = std::fs::canonicalize(path).and_then(std::fs::remove_file);
    Ok(())
}

/// Writes `--summary-json`, and gives the exit in which it stands.
pub fn write_summary(plan: &Plan, summary: &Summary, exit: Result<Exit>) -> Result<Exit> {
    let Some(path) = &plan.messages.summary_json else { return exit };
    let code = exit.as_ref().map_or_else(Exit::of_error, |exit| *exit);
    let mut text = Vec::new();
    inert::push_pretty_json(&summary.document(code.into()), &mut text)?;
    text.push(b'\n');
    std::fs::write(path, text).map_err(CannotWrite::at(path))?;
    exit
}
