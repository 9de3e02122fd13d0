//! The prints of tasks, for people.

use wpool::{Outcome, TaskResult};

use crate::cli::plan::Locator;
use crate::cli::terminal::show_printed;

/// Shows people what a task has printed.
pub fn show(locator: &Locator, result: &TaskResult) {
    let printed = match &result.outcome {
        Outcome::Ok(_) => result.receipt.measured.as_ref().and_then(|measured| measured.stderr.as_deref()),
        Outcome::NotOk(failure) => failure.error.stderr.as_deref(),
    };
    let place = locator.locate(&result.input).unwrap_or_else(|| format!("task {}", result.id.0));
    show_printed(&place, printed.unwrap_or_default());
}
