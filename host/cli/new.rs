//! `wpool new`: a project to start from.

use anyhow::{Context, Result};

use super::exit::Exit;
use super::{args, print};
use crate::build::{self, Language};

pub fn new(args: &args::New) -> Result<Exit> {
    let language = Language::named(&args.lang).context("clap lets only known languages through")?;
    let files = build::create(language, &args.dir).map_err(super::build::explain)?;
    let dir = args.dir.display();
    let mut text: String = files.iter().map(|file| format!("wrote {dir}/{}\n", file.display())).collect();
    text += "next:\n";
    if language.uses_npm() {
        text += &format!("  npm install --prefix {dir}\n");
    }
    text += &format!("  wpool run {dir} {dir}/inputs.jsonl\n");
    Ok(print(text.as_bytes()))
}
