//! `wpool new`: a project to start from.

use anyhow::{Context, Result};

use crate::cli::args;
use crate::cli::exit::Exit;
use crate::cli::lines::Lines;
use crate::cli::print::print;
use crate::cli::projects::{self, Language};

pub fn new(args: &args::New) -> Result<Exit> {
    let language = Language::named(&args.lang).context("clap lets only known languages through")?;
    let files = projects::create(language, &args.dir).map_err(crate::cli::program::explain)?;
    let dir = args.dir.display();
    let mut text: Lines = files.iter().map(|file| format!("wrote {dir}/{}", file.display())).collect();
    text.add("next:");
    if language.uses_npm() {
        text.add(format_args!("  npm install --prefix {dir}"));
    }
    text.add(format_args!("  wpool run {dir} {dir}/inputs.jsonl"));
    Ok(print(&text))
}
