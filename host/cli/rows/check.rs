//! Checking rows before anything runs.

use std::future::poll_fn;
use std::pin::Pin;

use anyhow::Result;
use futures_core::Stream;
use wpool::report::RowCheck;

use crate::cli::errors::Usage;
use crate::cli::plan::Locator;
use crate::cli::records::resume::Wanted;
use crate::cli::rows::Rows;
use crate::cli::say;
use crate::cli::shape::{Fate, FirstRows};
use crate::cli::units::plural;

/// Rows that a run tells of before it is refused; the others are counted.
const MAX_TOLD: u64 = 100;

/// The findings in rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    pub rows: u64,
    pub bad: u64,
}

/// Checks all rows, and tells of those that do not fit.
pub async fn rows(
    mut rows: Rows,
    locator: &Locator,
    check: &RowCheck,
    mut tell: impl FnMut(String),
) -> Result<Checked> {
    let (end, mut hint) = (rows.end(), None);
    let (mut checked, mut first) = (Checked::default(), FirstRows::default());
    while let Some(supply) = poll_fn(|cx| Pin::new(&mut rows).poll_next(cx)).await {
        for row in supply.into_inputs() {
            checked.rows += 1;
            let (flaw, place) = (check.flaw(&row), locator.locate(&row));
            let fate = flaw.as_ref().map_or(Fate::Fine, |error| Fate::of(&error.code));
            if locator.are_lines() {
                hint = hint.or(first.look(&row, place.clone(), fate));
            }
            let Some(error) = flaw else { continue };
            checked.bad += 1;
            tell(format!("{}: {}", place.unwrap_or_default(), error.message));
        }
    }
    if let Some(hint) = hint.or_else(|| first.end()) {
        say(format_args!("{hint}"));
    }
    match end.failure() {
        Some(failure) => Err(failure.into()),
        None => Ok(checked),
    }
}

/// Refuses rows that leave out some whose records have to stay.
pub async fn all_there(mut rows: Rows, mut wanted: Wanted) -> Result<()> {
    let end = rows.end();
    while let Some(supply) = poll_fn(|cx| Pin::new(&mut rows).poll_next(cx)).await {
        supply.into_inputs().for_each(|row| wanted.pass(&row));
    }
    if let Some(failure) = end.failure() {
        return Err(failure.into());
    }
    match wanted.missing() as u64 {
        0 => Ok(()),
        missing => Err(Usage(format!(
            "nothing was run: {} of the run {} ok, and their rows are not among these, so they would be lost; name all rows \
             of the run (`wpool run --resume` takes rows away)",
            plural(missing, "record"),
            if missing == 1 { "is" } else { "are" }
        ))
        .into()),
    }
}

/// Whether every row of a run fits. Tells of those that do not.
pub async fn all_fit(all: Rows, locator: &Locator, check: &RowCheck) -> Result<bool> {
    let mut told = 0;
    let tell = |line| {
        told += 1;
        if told <= MAX_TOLD {
            say(format_args!("{line}"));
        }
    };
    let checked = rows(all, locator, check, tell).await?;
    if checked.bad > 0 {
        say(format_args!("nothing was run: {} of {} rows are bad (--strict-input)", checked.bad, checked.rows));
    }
    Ok(checked.bad == 0)
}
