//! Configuration files: where one stands, and what is read of it.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result};
use wpool::place::Place;

use crate::cli::config::options::Options;
use crate::cli::config::standing::Standing;
use crate::cli::config::tables::{Reader, Tables};
use crate::cli::errors::usage;

/// Larger files are mistakes: one with every option takes a few KiB.
const MOST_BYTES: u64 = 1 << 20;

/// A file that was read.
#[derive(Debug)]
pub struct ConfigFile {
    pub standing: Standing,
    pub tables: Tables,
}

impl ConfigFile {
    /// Reads an open file.
    pub fn read(file: File, standing: Standing, options: &Options) -> Result<ConfigFile> {
        let shown = standing.shown.display();
        let mut bytes = Vec::new();
        let cannot = || format!("cannot read the configuration file {shown}");
        file.take(MOST_BYTES + 1).read_to_end(&mut bytes).with_context(cannot)?;
        if bytes.len() as u64 > MOST_BYTES {
            return usage(format!("{shown} is larger than 1 MiB, which no configuration file is"));
        }
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let line = 1 + error.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count();
                return usage(format!("{shown}:{line}: this is not UTF-8, which configuration files are"));
            }
        };
        let tables = Reader { text: &text, standing: &standing, options }.tables()?;
        Ok(ConfigFile { standing, tables })
    }
}

/// Opens a file that somebody has chosen. Links are followed.
pub fn chosen(path: &Path) -> Result<File> {
    let cannot = || format!("cannot read the configuration file {}", path.display());
    let real = std::fs::canonicalize(path).with_context(cannot)?;
    Place::of(&real).and_then(|place| place.read()).with_context(cannot)
}
