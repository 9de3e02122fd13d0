//! Options of configuration files.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Subcommand, ValueHint};

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Configuration")]
pub struct Configuration {
    /// Take options from FILE, with all that it grants [default: wpool.toml here or in a folder above, which grants nothing]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "no_config")]
    pub config: Option<PathBuf>,
    /// Read no configuration file
    #[arg(long)]
    pub no_config: bool,
    /// Take the options of [profile.NAME] in the file before those of [run]
    #[arg(long, value_name = "NAME", conflicts_with = "no_config")]
    pub profile: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum Config {
    /// Print every option that a run would have, with the origin of its value
    Show(ConfigShow),
}

#[derive(Debug, clap::Args)]
pub struct ConfigShow {
    #[command(flatten)]
    pub configuration: Configuration,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// What would be typed after `wpool run`
    #[arg(last = true, value_name = "RUN OPTIONS")]
    pub words: Vec<OsString>,
}
