//! `wpool build`, and building before `wpool run` of a folder.

use anyhow::Result;

use crate::cli::exit::Exit;
use crate::cli::program::explain;
use crate::cli::projects::{self, Project};
use crate::cli::{args, say};

pub fn build(args: &args::Build) -> Result<Exit> {
    let project = Project::find(&args.path).map_err(explain)?;
    let out = args.output.clone().unwrap_or_else(|| project.default_output());
    projects::build(&project, &out).map_err(explain)?;
    let size = std::fs::metadata(&out).map_or(0, |found| found.len());
    say(format_args!("built {} ({}, {})", out.display(), project.language.name, bytesize::ByteSize(size)));
    Ok(Exit::Ok)
}
