//! `wpool report`: reports of a kept run.

use anyhow::Result;

use crate::cli::args::{self, Ci};
use crate::cli::errors::usage;
use crate::cli::exit::Exit;
use crate::cli::journal::index;
use crate::cli::plan::is_github;
use crate::cli::reports::{self, Account};
use crate::cli::target::{self, Target};

/// Makes the reports that were asked for.
pub fn report(args: &args::Report) -> Result<Exit> {
    let mut files = Vec::new();
    for (kind, path) in args.reports.files() {
        target::check(path, args.overwrite, args.overwrite)?;
        files.push((kind, Target::of(path, args.overwrite)?));
    }
    let github = is_github(args.reports.ci.unwrap_or(Ci::None));
    if files.is_empty() && !github {
        return usage(
            "say which report: --junit FILE, --html FILE, --trace FILE, --markdown FILE or --ci github".into(),
        );
    }
    let account = Account::of_kept(index::find(&args.run)?)?;
    if github {
        reports::tell_github(&account);
    }
    reports::write(&account, &files)?;
    Ok(Exit::Ok)
}
