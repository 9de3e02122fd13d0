//! Checking rows before anything runs: `wpool check`, and `wpool run --strict-input`.

use std::fs::File;
use std::future::poll_fn;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::pin::Pin;

use anyhow::{Context, Result};
use futures_core::Stream;
use wpool::{Report, RowCheck};

use super::exit::Exit;
use super::plan::{Source, is_stdin};
use super::rows::{Locator, Rows};
use super::{args, inspect, plan, run, say};

/// Rows that are told of; the others are counted.
const MAX_TOLD: u64 = 100;

/// What was found in rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Checked {
    rows: u64,
    bad: u64,
}

/// `wpool check`: every row that does not fit, on standard output.
pub fn check(args: &args::Check) -> Result<Exit> {
    let source = plan::files(&args.inputs).map(Source::Lines)?;
    let (_, report) = inspect::report(&args.task, args.call.as_deref())?;
    let mut out = io::stdout().lock();
    let checked = run::runtime()?.block_on(rows(&source, &Locator::new(&source), &report.row_check(), |line| {
        // A reader that has seen enough is no error.
        let _ = writeln!(out, "{line}");
    }))?;
    say(format_args!("{} rows, {} of them bad", checked.rows, checked.bad));
    Ok(match checked {
        Checked { rows: 0, .. } => Exit::NoInputs,
        Checked { bad: 0, .. } => Exit::Ok,
        _ => Exit::InputRefused,
    })
}

/// Checks all rows of files, and tells of those that do not fit.
async fn rows(source: &Source, locator: &Locator, check: &RowCheck, mut tell: impl FnMut(String)) -> Result<Checked> {
    let mut rows = Rows::read(source.clone(), None)?;
    let failure = rows.failure();
    let mut checked = Checked::default();
    while let Some(row) = poll_fn(|cx| Pin::new(&mut rows).poll_next(cx)).await {
        checked.rows += 1;
        let Some(error) = check.flaw(&row) else { continue };
        checked.bad += 1;
        if checked.bad <= MAX_TOLD {
            let place = locator.locate(&row).unwrap_or_default();
            tell(format!("{place}: {}", error.message));
        }
    }
    if checked.bad > MAX_TOLD {
        tell(format!("and {} more", checked.bad - MAX_TOLD));
    }
    match failure() {
        Some(why) => Err(anyhow::Error::msg(why)),
        None => Ok(checked),
    }
}

/// Whether every row of a run fits. Tells of those that do not.
pub async fn all_fit(source: &Source, locator: &Locator, report: &Report) -> Result<bool> {
    let checked = rows(source, locator, &report.row_check(), |line| say(format_args!("{line}"))).await?;
    if checked.bad > 0 {
        say(format_args!("nothing was run: {} of {} rows are bad (--strict-input)", checked.bad, checked.rows));
    }
    Ok(checked.bad == 0)
}

/// Makes a source that can be read twice: standard input becomes a temporary file with its rows. That file has no name,
/// so nothing is left of it however the run ends.
pub fn spool(source: &mut Source) -> Result<Option<File>> {
    let Source::Lines(files) = source else { return Ok(None) };
    let Some(stdin) = files.iter_mut().find(|file| is_stdin(file)) else { return Ok(None) };
    let mut spool = tempfile::tempfile().context("cannot make a temporary file for standard input")?;
    io::copy(&mut io::stdin().lock(), &mut spool).context("cannot keep standard input in a temporary file")?;
    // Opened by this name, it is read from its beginning.
    *stdin = format!("/proc/self/fd/{}", spool.as_raw_fd()).into();
    Ok(Some(spool))
}
