//! `wpool new`: a project to start from.

use anyhow::{Context, Result};

use super::args;
use super::exit::Exit;
use super::print::{Lines, print};
use crate::build::{self, Language};

pub fn new(args: &args::New) -> Result<Exit> {
    let language = Language::named(&args.lang).context("clap lets only known languages through")?;
    let files = build::create(language, &args.dir).map_err(super::build::explain)?;
    let dir = args.dir.display();
    let mut text: Lines = files.iter().map(|file| format!("wrote {dir}/{}", file.display())).collect();
    text.add("next:");
    if language.uses_npm() {
        text.add(format_args!("  npm install --prefix {dir}"));
    }
    text.add(format_args!("  wpool run {dir} {dir}/inputs.jsonl"));
    Ok(print(&text))
}
