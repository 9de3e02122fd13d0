//! Checking rows before anything runs: `wpool check`, and `wpool run --strict-input`.

use anyhow::Result;
use wpool::Grants;

use crate::cli::commands::inspect;
use crate::cli::commands::learn::learn;
use crate::cli::exit::Exit;
use crate::cli::plan::Locator;
use crate::cli::plan::Source;
use crate::cli::print::Printer;
use crate::cli::rows::check::{Checked, rows};
use crate::cli::rows::{Rows, Steps};
use crate::cli::runtime::runtime;
use crate::cli::units::plural;
use crate::cli::{args, plan, say};

/// `wpool check`: every row that does not fit, on standard output, or what rows need.
pub fn check(args: args::Check) -> Result<Exit> {
    if let Some(rows) = args.learn {
        return learn(args, rows.get());
    }
    let args::Rows { task, inputs, format, call, alloc, .. } = args.source;
    let files = plan::files(&inputs, &format, false)?;
    plan::check_streams(&files)?;
    let source = Source::Lines(files);
    let (_, report) = inspect::report(&task, &args::Called { call, alloc })?;
    let check = report.row_check(&Grants::default()).of_texts(source.table().is_some());
    let locator = Locator::new(&source);
    let mut out = Printer::start();
    let tell = |line: String| out.line(format_args!("{line}"));
    let checked =
        runtime()?.block_on(async { rows(Rows::read(source, Steps::default())?, &locator, &check, tell).await })?;
    let printed = out.end();
    match checked.rows {
        0 => say(format_args!("there are no rows in {}: blank lines are not rows", locator.files())),
        rows => say(format_args!("{}, {} of them bad", plural(rows, "row"), checked.bad)),
    }
    let found = match checked {
        Checked { rows: 0, .. } => Exit::NoInputs,
        Checked { bad: 0, .. } => Exit::Ok,
        _ => Exit::InputRefused,
    };
    Ok(found.max(printed))
}
