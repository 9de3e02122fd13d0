//! The executable for the children of a pool.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::model::error::Error;

/// The way to start a child: an executable, and its arguments before wpool's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerCommand {
    /// The executable, as a path.
    pub program: PathBuf,
    /// Its arguments before those of wpool.
    pub args: Vec<OsString>,
}

impl WorkerCommand {
    /// The `wpool` executable at a path.
    pub fn at(program: impl Into<PathBuf>) -> Self {
        WorkerCommand { program: program.into(), args: Vec::new() }
    }

    /// An installed `wpool`: beside the running program, or else in `PATH`.
    ///
    /// # Errors
    /// [`Error::NoWorkerCommand`] if neither has it.
    pub fn wpool() -> Result<Self, Error> {
        let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.join("wpool")));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let in_path = std::env::split_paths(&path).map(|dir| dir.join("wpool"));
        beside
            .into_iter()
            .chain(in_path)
            .find(|file| file.is_file())
            .map(WorkerCommand::at)
            .ok_or(Error::NoWorkerCommand)
    }

    /// The running program itself, whose `main` must begin with [`crate::child::enter`].
    #[cfg(feature = "engine")]
    pub fn this_program() -> Self {
        // Instead of `current_exe`: the link in /proc stays right when the file is replaced or removed during the run.
        WorkerCommand::at("/proc/self/exe")
    }

    /// A program can be its own worker with the feature `engine`, which this build of wpool is without. The type of the
    /// result has the compiler say so.
    #[cfg(not(feature = "engine"))]
    #[deprecated(
        note = "it needs the feature `engine` of wpool, which this build is without: leave out `default-features = false`"
    )]
    pub fn this_program() -> NeedsFeatureEngine {
        NeedsFeatureEngine(())
    }
}

/// The worker that is started instead of the running program, in a build without the feature `engine`.
#[cfg(not(feature = "engine"))]
#[doc(hidden)]
#[derive(Debug)]
pub struct NeedsFeatureEngine(());
