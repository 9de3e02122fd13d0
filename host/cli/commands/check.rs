//! Checking rows before anything runs: `wpool check`, and `wpool run --strict-input`.

use std::fs::File;
use std::future::poll_fn;
use std::io;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::pin::Pin;

use anyhow::{Context, Result};
use futures_core::Stream;
use wpool::{Grants, RowCheck};

use crate::cli::commands::inspect;
use crate::cli::exit::Exit;
use crate::cli::plan::{Source, is_stdin};
use crate::cli::print::Printer;
use crate::cli::rows::{Locator, Rows, Steps, open};
use crate::cli::units::plural;
use crate::cli::{args, plan, run, say};

/// Rows that a run tells of before it is refused; the others are counted.
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
    let (locator, check) = (Locator::new(&source), report.row_check(&Grants::default()));
    let mut out = Printer::start();
    let tell = |line: String| out.line(format_args!("{line}"));
    let checked = run::runtime()?
        .block_on(async { rows(Rows::read(source, Steps::default())?, &locator, &check, tell).await })?;
    let printed = out.end();
    say(format_args!("{}, {} of them bad", plural(checked.rows, "row"), checked.bad));
    let found = match checked {
        Checked { rows: 0, .. } => Exit::NoInputs,
        Checked { bad: 0, .. } => Exit::Ok,
        _ => Exit::InputRefused,
    };
    Ok(found.max(printed))
}

/// Checks all rows, and tells of those that do not fit.
async fn rows(mut rows: Rows, locator: &Locator, check: &RowCheck, mut tell: impl FnMut(String)) -> Result<Checked> {
    let end = rows.end();
    let mut checked = Checked::default();
    while let Some(supply) = poll_fn(|cx| Pin::new(&mut rows).poll_next(cx)).await {
        for row in supply.into_inputs() {
            checked.rows += 1;
            let Some(error) = check.flaw(&row) else { continue };
            checked.bad += 1;
            let place = locator.locate(&row).unwrap_or_default();
            tell(format!("{place}: {}", error.message));
        }
    }
    match end.failure() {
        Some(why) => Err(anyhow::Error::msg(why)),
        None => Ok(checked),
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

/// Makes a source that can be read twice: standard input, and other files that are gone once they are read, become
/// temporary files with their rows. Those have no names, so nothing is left of them however the run ends.
pub fn spool(mut source: Source) -> Result<(Source, Vec<File>)> {
    let Source::Lines(files) = &mut source else { return Ok((source, Vec::new())) };
    let mut spools = Vec::new();
    for file in files.iter_mut().filter(|file| is_stdin(file) || !file.is_file()) {
        let cannot = || format!("cannot keep {} in a temporary file", file.display());
        let mut spool = tempfile::tempfile().with_context(cannot)?;
        io::copy(&mut open(file).with_context(cannot)?, &mut spool).with_context(cannot)?;
        // Opened by this name, it is read from its beginning.
        *file = PathBuf::from(format!("/proc/self/fd/{}", spool.as_raw_fd())).into();
        spools.push(spool);
    }
    Ok((source, spools))
}
