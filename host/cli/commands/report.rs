//! `wpool report`: reports of a kept run.

use anyhow::Result;

use crate::cli::args;
use crate::cli::errors::usage;
use crate::cli::exit::Exit;
use crate::cli::journal::index;
use crate::cli::reports::{self, Account};
use crate::cli::target::{self, Target};

/// Makes the reports that were asked for.
pub fn report(args: &args::Report) -> Result<Exit> {
    let mut files = Vec::new();
    for (kind, path) in args.reports.files() {
        target::check(path, args.overwrite, args.overwrite)?;
        files.push((kind, Target::of(path, args.overwrite)?));
    }
    if files.is_empty() {
        return usage("say which report: --junit FILE, --html FILE, --trace FILE or --markdown FILE".into());
    }
    let account = Account::of_kept(index::find(&args.run)?)?;
    reports::write(&account, &files)?;
    Ok(Exit::Ok)
}
