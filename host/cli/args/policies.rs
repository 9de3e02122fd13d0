//! Options of policies.

use std::path::PathBuf;

use clap::ValueHint;

#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Policy")]
pub struct Policies {
    /// Stay within the policy of FILE as well, beside /etc/wpool/policy.toml and that of WPOOL_POLICY (repeatable)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub policy: Vec<PathBuf>,
}
