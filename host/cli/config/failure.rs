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

/// Whether no file can mend a mistake: a file may have what is missing, and flags have values only where files are.
pub fn is_final(error: &clap::Error) -> bool {
    !matches!(error.kind(), ErrorKind::MissingRequiredArgument | ErrorKind::TooManyValues)
}
