//! Reports about a run: files for CI systems, browsers and viewers, all made of one [`Account`].

mod account;
mod axis;
mod ending;
mod github;
mod html;
mod junit;
mod markdown;
mod places;
#[cfg(test)]
mod tests;
mod trace;

use std::io::{self, BufWriter, Write};

use anyhow::Result;
use wpool::place::PUBLIC;

use crate::cli::args::ReportKind;
use crate::cli::errors::CannotWrite;
use crate::cli::guard::Guard;
use crate::cli::target::Target;
pub use account::{Account, End, Traces};
pub use github::tell as tell_github;

/// Writes reports. Each file is there whole or not at all.
///
/// # Errors
/// Of the first that cannot be made; the others are made all the same.
pub fn write(account: &Account, files: &[(ReportKind, Target)]) -> Result<()> {
    let mut written = Ok(());
    for (kind, target) in files {
        written = written.and(write_one(account, *kind, target));
    }
    written
}

fn write_one(account: &Account, kind: ReportKind, target: &Target) -> Result<()> {
    let cannot = CannotWrite::at(target.path());
    let Some(place) = target.place() else {
        let mut text = Vec::new();
        render(account, kind, &mut text)?;
        // The stream may be a log. JUnit and Markdown hold nothing that one obeys. A page is JSON as far as that matters,
        // and begins lines with text of others.
        let guards: &[Guard] = match kind {
            ReportKind::Junit | ReportKind::Markdown => &[],
            ReportKind::Trace => &[Guard::Json],
            ReportKind::Html => &[Guard::Json, Guard::Text],
        };
        for guard in guards {
            text = target.guard(*guard).apply(&text).into_owned();
        }
        return Ok(target.write(&text)?);
    };
    let draft = place.draft(PUBLIC).map_err(cannot)?;
    let mut out = BufWriter::new(&draft.file);
    // What is read for a report has errors of its own.
    render(account, kind, &mut out).map_err(|error| match error.downcast::<io::Error>() {
        Ok(error) => cannot(error).into(),
        Err(error) => error,
    })?;
    out.flush().map_err(cannot)?;
    drop(out);
    draft.put(target.replaces()).map(drop).map_err(cannot)?;
    Ok(())
}

fn render(account: &Account, kind: ReportKind, out: &mut dyn Write) -> Result<()> {
    match kind {
        ReportKind::Junit => junit::write(account, out),
        ReportKind::Html => html::write(account, out),
        ReportKind::Trace => trace::write(account, out),
        ReportKind::Markdown => markdown::write(account, out),
    }
}
