//! Rows that can be read twice.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::cli::descriptor::is_stdin;
use crate::cli::plan::Source;
use crate::cli::rows::open;

/// A source, with the temporary files that hold its rows. They have no names, so nothing is left of them however the run
/// ends; the source leads to them as long as this lives.
#[derive(Debug)]
pub struct Spooled {
    source: Source,
    _files: Vec<File>,
}

impl Spooled {
    /// A source that is read at most once.
    pub fn once(source: Source) -> Spooled {
        Spooled { source, _files: Vec::new() }
    }

    /// Makes a source that can be read twice: standard input, and other files that are gone once they are read, become
    /// temporary files with their rows.
    pub fn twice(mut source: Source) -> Result<Spooled> {
        let Source::Lines(files) = &mut source else { return Ok(Spooled::once(source)) };
        let mut spools = Vec::new();
        for file in files.iter_mut().filter(|file| is_stdin(file) || !file.is_file()) {
            let cannot = || format!("cannot keep {} in a temporary file", file.display());
            let mut spool = tempfile::tempfile().with_context(cannot)?;
            io::copy(&mut open(file).with_context(cannot)?, &mut spool).with_context(cannot)?;
            // Opened by this name, it is read from its beginning.
            *file = file.moved_to(PathBuf::from(format!("/proc/self/fd/{}", spool.as_raw_fd())));
            spools.push(spool);
        }
        Ok(Spooled { source, _files: spools })
    }

    pub fn source(&self) -> &Source {
        &self.source
    }
}
