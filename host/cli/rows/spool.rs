//! Rows that can be read twice.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::cli::plan::{Source, is_stdin};
use crate::cli::rows::open;

/// Makes a source that can be read twice: standard input, and other files that are gone once they are read, become
/// temporary files with their rows. Those have no names, so nothing is left of them however the run ends.
pub fn spool(mut source: Source) -> Result<(Source, Vec<File>)> {
    let Source::Lines(files) = &mut source else { return Ok((source, Vec::new())) };
    let mut spools = Vec::new();
    for file in files.iter_mut().filter(|file| is_stdin(file) || !file.is_file()) {
        let cannot = || format!("cannot keep {} in a temporary file", file.display());
        let mut spool = tempfile::tempfile().with_context(cannot)?;
        io::copy(&mut open(file).with_context(cannot)?, &mut spool).with_context(cannot)?;
        // Opened by this name, it is read from its beginning.
        *file = PathBuf::from(format!("/proc/self/fd/{}", spool.as_raw_fd())).into();
        spools.push(spool);
    }
    Ok((source, spools))
}
