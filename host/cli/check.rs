//! Checking rows before anything runs: `wpool check`, and `wpool run --strict-input`.

use std::fs::File;
use std::future::poll_fn;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::pin::Pin;

use anyhow::{Context, Result};
use futures_core::Stream;
use wpool::RowCheck;

use super::exit::Exit;
use super::plan::is_stdin;
use super::rows::{Locator, Rows};
use super::{args, inspect, plan, run, say};

/// Rows that are told of; the others are counted.
const MAX_TOLD: u64 = 100;

/// What was found in rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    pub rows: u64,
    pub bad: u64,
}

/// `wpool check`: every row that does not fit, on standard output.
pub fn check(args: &args::Check) -> Result<Exit> {
    let files = plan::files(&args.inputs)?;
    let (_, report) = inspect::report(&args.task, args.call.as_deref())?;
    let mut out = io::stdout().lock();
    let checked = run::runtime()?.block_on(rows(&files, &Locator::new(&files), &report.row_check(), |line| {
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
pub async fn rows(
    files: &[PathBuf],
    locator: &Locator,
    check: &RowCheck,
    mut tell: impl FnMut(String),
) -> Result<Checked> {
    let mut rows = Rows::read(files.to_vec())?;
    let failure = rows.failure();
    let mut checked = Checked::default();
    while let Some(row) = poll_fn(|cx| Pin::new(&mut rows).poll_next(cx)).await {
        checked.rows += 1;
        let Err(error) = check.check(&row) else { continue };
        checked.bad += 1;
        if checked.bad <= MAX_TOLD {
            let place = locator.locate(row.tag).unwrap_or_default();
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

/// Input files that can be read twice: what stands for standard input is a temporary file with its rows.
#[derive(Debug)]
pub struct Spooled {
    pub files: Vec<PathBuf>,
    /// Has no name, so nothing is left of it however the run ends.
    _spool: Option<File>,
}

impl Spooled {
    /// Files as they are, to be read once.
    pub fn once(files: &[PathBuf]) -> Spooled {
        Spooled { files: files.to_vec(), _spool: None }
    }

    pub fn new(files: &[PathBuf]) -> Result<Spooled> {
        let mut spooled = Spooled::once(files);
        if let Some(stdin) = spooled.files.iter_mut().find(|file| is_stdin(file)) {
            let mut spool = tempfile::tempfile().context("cannot make a temporary file for standard input")?;
            io::copy(&mut io::stdin().lock(), &mut spool).context("cannot keep standard input in a temporary file")?;
            // Opened by this name, it is read from its beginning, as often as need be.
            *stdin = format!("/proc/self/fd/{}", spool.as_raw_fd()).into();
            spooled._spool = Some(spool);
        }
        Ok(spooled)
    }
}
