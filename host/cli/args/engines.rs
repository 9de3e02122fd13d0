//! Options of `wpool plan`.

use std::num::NonZeroU32;

use crate::cli::args::choices::choices;
use crate::cli::units::at_least_one;

/// The engine that starts the shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Engine {
    /// A shell script that submits an array, and a job that merges
    Slurm,
    /// An Indexed Job of Kubernetes
    K8s,
    /// Jobs of a GitLab pipeline
    Gitlab,
    /// A workflow of GitHub Actions
    Github,
    /// A shell script that submits an array job of AWS Batch
    AwsBatch,
}

#[derive(Debug, clap::Args)]
pub struct Engines {
    #[arg(value_name = "ENGINE", hide_possible_values = true, help = choices::<Engine>("What starts the shards"))]
    pub engine: Engine,
    /// Number of shards
    #[arg(long, value_name = "N", value_parser = at_least_one::<NonZeroU32>, allow_negative_numbers = true)]
    pub shards: NonZeroU32,
    /// Name of the jobs
    #[arg(long, value_name = "NAME", default_value = "wpool", value_parser = name)]
    pub name: String,
    /// Image with wpool, where jobs run in containers
    #[arg(long, value_name = "IMAGE", default_value = "IMAGE-WITH-WPOOL")]
    pub image: String,
    /// The command to shard: run ... -o FILE, where FILE is that of the merged records
    #[arg(last = true, required = true, value_name = "run ... -o FILE")]
    pub command: Vec<String>,
}

/// A name that every engine takes, and that no script has to quote.
fn name(text: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_name = text.len() <= 50 && text.starts_with(|c: char| c.is_ascii_lowercase()) && !text.ends_with('-');
    if is_name && text.chars().all(is_plain) {
        return Ok(text.to_owned());
    }
    Err("expected a letter, then letters, digits and dashes, all of them lower case".to_owned())
}
