//! `wpool plan`: what an engine is given to run shards, as text. Nothing is started or written.

mod aws;
mod github;
mod gitlab;
mod kubernetes;
mod slurm;
mod texts;
mod words;

use anyhow::Result;

use crate::cli::args::{Engine, Engines};
use crate::cli::exit::Exit;
use crate::cli::lines::Lines;
use crate::cli::print::print;
use words::words;

pub fn plan(args: &Engines) -> Result<Exit> {
    let words = words(&args.command)?;
    let text = match args.engine {
        Engine::Slurm => slurm::script(args, &words),
        Engine::K8s => kubernetes::manifest(args, &words),
        Engine::Gitlab => gitlab::jobs(args, &words),
        Engine::Github => github::workflow(args, &words)?,
        Engine::AwsBatch => aws::script(args, &words)?,
    };
    let text: Lines = text.lines().collect();
    Ok(print(&text))
}
