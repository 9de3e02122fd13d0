//! Parsing the command line.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use clap::Parser;

use crate::cli::args::{Action, Args, Configuration, Run};
use crate::cli::config::failure::{Failure, has_value, is_missing};
use crate::cli::config::find;
use crate::cli::config::options::WORKERS;
use crate::cli::config::whole::Whole;
use crate::cli::errors::Usage;

/// Variables that set no option, or that a run reads by itself.
const NOT_OPTIONS: [&str; 3] = [WORKERS, "WPOOL_SHARD", "WPOOL_RUNTIMES"];

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
    let whole = match (words, &parsed) {
        (_, Err(error)) if is_final(error) => None,
        (_, Ok(Args { action: Action::Run(run) })) if is_alone(run)? => None,
        ([_, action, typed @ ..], _) if action == "run" => Whole::of(typed)?,
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
        run.rows_within = whole.rows_within().map(Path::to_owned);
    }
    Ok(Parsed { args, sources: whole.sources() })
}

/// Whether nothing but the command line has a say. Most runs are such ones, and are not parsed again.
fn is_alone(run: &Run) -> Result<bool, Failure> {
    let Configuration { config, no_config, profile } = &run.configuration;
    let is_task = run.source.task.as_os_str().as_bytes().starts_with(b"@");
    let has_variables = std::env::vars_os()
        .any(|(name, _)| name.as_bytes().starts_with(b"WPOOL_") && !NOT_OPTIONS.iter().any(|other| name == *other));
    let is_plain = !is_task && config.is_none() && profile.is_none() && !has_variables;
    Ok(is_plain && (*no_config || find::is_none()?))
}
