//! The reports that were asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;

use crate::cli::args::{ReportKind, Reports};
use crate::cli::errors::CannotWrite;
use crate::cli::journal::Facts;
use crate::cli::target::Target;

/// The reports of a run.
#[derive(Clone, Debug)]
pub struct ReportsPlan {
    pub files: Vec<(ReportKind, Target)>,
    /// What is known of the run, also of one without a journal. The program's name and hash come later.
    pub facts: Facts,
    /// The reports are made.
    made: Arc<AtomicBool>,
}

impl ReportsPlan {
    /// `None` where nobody asked for one. A report is replaced without being asked.
    pub fn of(typed: &Reports, facts: impl FnOnce() -> Facts) -> Result<Option<ReportsPlan>, CannotWrite> {
        let files = typed.files().map(|(kind, path)| Ok((kind, Target::of(path, true)?)));
        let files = files.collect::<Result<Vec<_>, _>>()?;
        Ok((!files.is_empty()).then(|| ReportsPlan { files, facts: facts(), made: Arc::default() }))
    }

    /// Finds out whether the files can be written, and removes those of an earlier run: this one may be killed.
    pub fn clear(&self) -> Result<(), CannotWrite> {
        self.files.iter().try_for_each(|(_, target)| target.try_out())?;
        self.files.iter().for_each(|(_, target)| target.clear());
        Ok(())
    }

    /// Says that the reports are made now. False where they were before.
    pub fn begin(&self) -> bool {
        !self.made.swap(true, Ordering::Relaxed)
    }
}
