//! `--summary-json`.

use anyhow::Result;
use wpool::inert;

use crate::cli::errors::CannotWrite;
use crate::cli::exit::Exit;
use crate::cli::guard::Guard;
use crate::cli::plan::Plan;
use crate::cli::report::Summary;

/// Finds out whether `--summary-json` can be written, and removes that of an earlier run: this one may end without any.
pub fn clear_summary(plan: &Plan) -> Result<(), CannotWrite> {
    let Some(target) = &plan.messages.summary_json else { return Ok(()) };
    target.try_out()?;
    target.clear();
    Ok(())
}

/// Writes `--summary-json`, and gives the exit in which it stands.
pub fn write_summary(plan: &Plan, summary: &Summary, exit: Result<Exit>) -> Result<Exit> {
    let Some(target) = &plan.messages.summary_json else { return exit };
    let code = Exit::of_result(&exit);
    let mut text = Vec::new();
    inert::push_pretty_json(&summary.document(code.into()), &mut text)?;
    text.push(b'\n');
    target.write(&target.guard(Guard::Json).apply(&text))?;
    exit
}
