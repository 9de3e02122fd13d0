//! Where events and metrics of a run go while it is running.

use anyhow::Result;

use crate::cli::errors::usage;
use crate::cli::target::Target;
use crate::cli::{args, descriptor};

/// Where other programs look at a run.
#[derive(Debug)]
pub struct Monitoring {
    pub events: Option<Target>,
    /// Events of single tasks are among them.
    pub of_tasks: bool,
    pub metrics: Option<Target>,
}

/// Where other programs look at a run, as typed.
pub fn monitoring(typed: &args::Messages) -> Result<Monitoring> {
    let target = |path: &Option<_>| path.as_ref().map(|path: &std::path::PathBuf| Target::of(path, true)).transpose();
    let (events, metrics) = (target(&typed.events)?, target(&typed.metrics_file)?);
    if let Some(stream) = metrics.as_ref().filter(|target| target.place().is_none()) {
        let path = stream.path().display();
        return usage(format!("--metrics-file {path}: it is replaced again and again, so name a regular file"));
    }
    // The target has its own copy. Another one in a child would keep a pipe open that the run has ended.
    if let Some(number) = typed.events.as_ref().and_then(|path| descriptor::number(path)) {
        descriptor::keep_from_children(number);
    }
    Ok(Monitoring { events, of_tasks: typed.events_tasks, metrics })
}
