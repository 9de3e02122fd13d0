//! The meaning of the options about shared state.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use wpool::state::{MAX_STATE, SharedState};

use crate::cli::args;

/// Longest file of state: every byte of the largest state may stand there as an escape of six, with some room for what
/// is between keys and values.
const MAX_FILE: u64 = 8 * MAX_STATE as u64;

pub fn state(typed: &args::SharedState) -> Result<Option<SharedState>> {
    if let Some(path) = &typed.state_in {
        return read(path).with_context(|| format!("cannot begin with the state of {}", path.display())).map(Some);
    }
    Ok((typed.state || typed.state_out.is_some()).then(SharedState::new))
}

fn read(path: &Path) -> Result<SharedState> {
    let mut text = Vec::new();
    File::open(path)?.take(MAX_FILE + 1).read_to_end(&mut text)?;
    ensure!(text.len() as u64 <= MAX_FILE, "it is longer than {MAX_FILE} bytes");
    Ok(SharedState::from_json(&text)?)
}
