//! Parsing the command line.

use std::ffi::OsString;

use clap::Parser;

use crate::cli::args::{Action, Args};
use crate::cli::config::failure::{Failure, has_value, is_missing};
use crate::cli::config::whole::Whole;
use crate::cli::errors::Usage;

/// A command line with the options of files and variables.
#[derive(Debug)]
pub struct Parsed {
    pub args: Args,
    /// Where options of a run come from, if not from the command line alone.
    pub sources: Option<String>,
}

/// Parses what was typed. Where it is `wpool run`, files and variables have their say.
///
/// # Errors
/// What clap says, or a sentence about a file or a variable.
pub fn parse(words: &[OsString]) -> Result<Parsed, Failure> {
    let parsed = Args::try_parse_from(words);
    let is_final = |error: &clap::Error| !is_missing(error) && !has_value(error);
    let whole = match words {
        [_, action, typed @ ..] if action == "run" && !parsed.as_ref().is_err_and(is_final) => Whole::of(typed)?,
        _ => None,
    };
    let Some(whole) = whole else {
        return parsed.map(|args| Parsed { args, sources: None }).map_err(Failure::Clap);
    };
    if let Some(refusal) = whole.refusals().next() {
        return Err(Failure::Other(Usage(refusal).into()));
    }
    let arguments = whole.arguments();
    let all = ["wpool", "run"].into_iter().map(OsString::from).chain(arguments.iter().cloned());
    let mut args = Args::try_parse_from(all).map_err(Failure::Clap)?;
    if let Action::Run(run) = &mut args.action {
        run.arguments = Some(arguments);
    }
    Ok(Parsed { args, sources: whole.sources() })
}
