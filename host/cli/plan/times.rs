//! The meaning of the option that names a kept run for its times.

use std::path::{Path, PathBuf};

use anyhow::Result;
use wpool::Input;

use crate::cli::args;
use crate::cli::args::Order;
use crate::cli::errors::usage;
use crate::cli::journal::{History, Key, Ran, index};

/// How long rows took in a kept run, and what that is for.
#[derive(Debug)]
pub struct Times {
    /// The run, as it was named.
    pub run: PathBuf,
    history: History,
    pub order: Order,
}

impl Times {
    /// How a row ran, if the run had one of its content.
    pub fn ran(&self, row: &Input) -> Option<Ran> {
        self.history.get(Key::of(row))
    }

    /// How long a row is expected to take that the run did not have, in seconds.
    pub fn median(&self) -> f32 {
        self.history.median()
    }

    /// A digest of all times.
    pub fn digest(&self) -> String {
        self.history.digest()
    }
}

/// The times that were typed. They are read now: the run may be replaced by this one.
pub fn times(typed: &args::Run) -> Result<Option<Times>> {
    let order = typed.starting.order;
    let run = match (&typed.starting.history, &typed.sharding.shard_by.history) {
        (Some(_), Some(_)) => {
            return usage("--shard-by time:RUN gives the times of --history as well; leave --history out".into());
        }
        (Some(run), None) | (None, Some(run)) => run,
        (None, None) if order == Order::Input => return Ok(None),
        (None, None) => return usage("--order needs --history RUN, a kept run of these rows".into()),
    };
    Ok(Some(Times { run: run.clone(), history: history(run)?, order }))
}

fn history(run: &Path) -> Result<History> {
    let kept = index::find(run)?;
    match History::load(kept.dir()?)? {
        Some(history) if history.len() > 0 => Ok(history),
        _ => usage(format!("nothing is kept of how long the rows of {} took", run.display())),
    }
}
