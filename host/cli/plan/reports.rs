//! The reports that were asked for.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use wpool::PoolConfig;
use wpool::place::Place;

use crate::cli::args::{self, Ci, ReportKind, Reports};
use crate::cli::errors::CannotWrite;
use crate::cli::guard;
use crate::cli::journal::Facts;
use crate::cli::plan::overlap::{Written, read_beside};
use crate::cli::plan::{Source, journal};
use crate::cli::target::{self, Target};

/// The beginning of a JUnit report.
const SIGNATURE: &[u8; 50] = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites";

/// The reports of a run.
#[derive(Clone, Debug)]
pub struct ReportsPlan {
    pub files: Vec<(ReportKind, Target)>,
    /// Beside the files, the log of a job gets annotations, and its summary a part.
    pub github: bool,
    /// The facts of the run, also of one without a journal. The program's name and hash come later.
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

    /// The reports of a run that cannot be planned. Only files that such a run neither reads nor writes are among them.
    pub fn unplanned(typed: &args::Run) -> Option<ReportsPlan> {
        if typed.messages.dry_run {
            return None;
        }
        let free = |path: &Path| is_free(path, typed) && target::check(path, true, false).is_ok();
        let files = typed.reports.files().filter(|(_, path)| free(path));
        let files = files.filter_map(|(kind, path)| Some((kind, Target::of(path, true).ok()?))).collect::<Vec<_>>();
        let github = is_github(typed.reports.ci.unwrap_or(Ci::Auto));
        let facts = || journal::facts(typed, &Source::Once, &PoolConfig::default());
        (github || !files.is_empty()).then(|| ReportsPlan { files, github, facts: facts(), made: Arc::default() })
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

/// Whether a report may stand at a path, whatever else was typed. Files that match a pattern or are listed are not known
/// here: with them, only a report of wpool's own is replaced.
fn is_free(path: &Path, typed: &args::Run) -> bool {
    let report = Written::at(path, "");
    let output = &typed.output;
    let written = [&output.output, &output.failed, &typed.tasks.state.state_out, &typed.messages.summary_json];
    let read = read_beside(typed).into_iter().map(|(path, _)| path);
    let mut others = typed.source.inputs.iter().chain(written.into_iter().flatten()).cloned().chain(read);
    let of_files = typed.source.are_files() || typed.source.list().is_some();
    others.all(|other| !report.collides(&Written::at(&other, ""))) && (!of_files || is_own_report(path))
}

/// Whether nothing stands at a path, or a report that can be told from all other files.
fn is_own_report(path: &Path) -> bool {
    let mut head = [0; SIGNATURE.len()];
    match Place::of(path).and_then(|place| place.read()) {
        Err(error) => error.kind() == io::ErrorKind::NotFound,
        Ok(mut file) => file.read_exact(&mut head).is_ok() && head == *SIGNATURE,
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
