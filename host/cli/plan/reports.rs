//! The reports that were asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;

use crate::cli::args::{Ci, ReportKind, Reports};
use crate::cli::errors::CannotWrite;
use crate::cli::guard;
use crate::cli::journal::Facts;
use crate::cli::target::Target;

/// The reports of a run.
#[derive(Clone, Debug)]
pub struct ReportsPlan {
    pub files: Vec<(ReportKind, Target)>,
    /// Beside the files, the log of a job gets annotations, and its summary a part.
    pub github: bool,
    /// What is known of the run, also of one without a journal. The program's name and hash come later.
    pub facts: Facts,
    /// The reports are made.
    made: Arc<AtomicBool>,
}

impl ReportsPlan {
    /// `None` where nobody asked for one, nor a CI. A report is replaced without being asked.
    pub fn of(typed: &Reports, facts: impl FnOnce() -> Facts) -> Result<Option<ReportsPlan>, CannotWrite> {
        let files = typed.files().map(|(kind, path)| Ok((kind, Target::of(path, true)?)));
        let files = files.collect::<Result<Vec<_>, _>>()?;
        let github = is_github(typed.ci.unwrap_or(Ci::Auto));
        let asked = github || !files.is_empty();
        Ok(asked.then(|| ReportsPlan { files, github, facts: facts(), made: Arc::default() }))
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

/// Whether GitHub's runner reads the log. The log of a named system is guarded in any case.
pub fn is_github(ci: Ci) -> bool {
    match ci {
        Ci::Auto => guard::is_set("GITHUB_ACTIONS"),
        Ci::Github => {
            guard::turn_on();
            true
        }
        Ci::Gitlab => {
            guard::turn_on();
            false
        }
        Ci::None => false,
    }
}
