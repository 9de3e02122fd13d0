//! Command lines that are refused.

use clap::error::ErrorKind;

/// Why a command line cannot be carried out.
#[derive(Debug)]
pub enum Failure {
    Clap(clap::Error),
    Other(anyhow::Error),
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Failure {
        Failure::Other(error)
    }
}

/// Whether a file may have what is missing.
pub fn is_missing(error: &clap::Error) -> bool {
    error.kind() == ErrorKind::MissingRequiredArgument
}

/// Whether a flag may have been typed with a value, which clap does not know.
pub fn has_value(error: &clap::Error) -> bool {
    error.kind() == ErrorKind::TooManyValues
}
