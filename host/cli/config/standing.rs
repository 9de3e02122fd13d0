//! Where configuration files stand, on which depends what they may say.

use std::path::{Path, PathBuf};

/// Where a configuration file stands.
#[derive(Clone, Debug)]
pub struct Standing {
    /// As people are shown it.
    pub shown: PathBuf,
    /// What leads from the working directory to its folder; empty for the working directory itself.
    pub base: PathBuf,
    /// The folder without links, where the file was only found. Then it grants nothing.
    pub found_in: Option<PathBuf>,
    /// It is the user's own, which may say whom to trust.
    pub is_users: bool,
}

impl Standing {
    /// What the file may say, in a few words.
    pub fn rights(&self) -> &'static str {
        match self {
            Standing { found_in: Some(_), .. } => "found, so it grants nothing",
            Standing { is_users: true, .. } => "your own",
            _ => "named or trusted",
        }
    }

    /// The standing of a file that was named.
    pub fn named(path: &Path) -> Standing {
        let base = path.parent().unwrap_or(Path::new("")).to_owned();
        Standing { shown: path.to_owned(), base, found_in: None, is_users: false }
    }
}
