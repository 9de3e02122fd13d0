//! The grants that were typed.

use std::path::PathBuf;

use wpool::Scratch;
use wpool::limits::DEFAULT_SCRATCH;

use crate::cli::args;

/// The grants that were typed.
#[derive(Debug, Default)]
pub struct Given {
    pub dirs: Vec<GivenDir>,
    pub scratch: Option<GivenScratch>,
    pub env: Vec<String>,
    pub state: bool,
    pub state_in: Option<String>,
}

/// A directory that was granted.
#[derive(Debug)]
pub struct GivenDir {
    /// As it was typed, without its mode.
    pub typed: String,
    /// Its path in the guest.
    pub guest: String,
}

#[derive(Debug)]
pub struct GivenScratch {
    pub typed: String,
    pub guest: String,
}

impl Given {
    pub fn of(typed: &args::Run) -> Given {
        let path = |path: &PathBuf| path.to_string_lossy().into_owned();
        Given {
            dirs: typed.tasks.grants.dir.iter().map(|text| GivenDir::of(text)).collect(),
            scratch: typed.tasks.grants.scratch.as_ref().map(GivenScratch::of),
            env: typed.tasks.grants.env.clone(),
            state: typed.tasks.state.state,
            state_in: typed.tasks.state.state_in.as_ref().map(path),
        }
    }
}

impl GivenDir {
    pub fn of(text: &str) -> GivenDir {
        let typed = [":rw", ":ro"].iter().find_map(|mode| text.strip_suffix(mode)).unwrap_or(text);
        let guest = typed.split_once("::").map_or(typed, |(_, guest)| guest);
        GivenDir { typed: typed.to_owned(), guest: guest.to_owned() }
    }
}

impl GivenScratch {
    fn of(scratch: &Scratch) -> GivenScratch {
        let guest = scratch.guest.clone();
        let typed = if scratch.size == DEFAULT_SCRATCH { guest.clone() } else { format!("{guest}={}", scratch.size) };
        GivenScratch { typed, guest }
    }
}
