//! Where a run's records go: to FILE with its journal, or to an output without one.

use std::fs::File;

use anyhow::{Context, Result};
use wpool::Program;

use crate::cli::guard::Guard;
use crate::cli::journal::{Historian, Notebook};
use crate::cli::plan::Plan;
use crate::cli::records::journal::Journal;
use crate::cli::records::kept::{self, Kept, Sorter};
use crate::cli::records::making::{cannot, forget};
use crate::cli::records::resume::{Begun, Prepared};
use crate::cli::records::writer::{Handover, Writer};

/// Where a run's records go, and what of them is there already.
#[derive(Debug)]
pub struct Records {
    pub writer: Writer,
    pub journal: Option<Journal>,
    pub sorter: Option<Sorter>,
    pub kept: Option<Kept>,
    /// Takes notes of rows, for the journal and for reports.
    pub notebook: Option<Notebook>,
    /// History and notes, of which reports of a run without a journal are made.
    pub traces: Option<(File, File)>,
}

impl Records {
    /// Makes FILE and its journal, or resumes them.
    pub fn open(plan: &Plan, program: &Program, prepared: Option<Prepared>) -> Result<Records> {
        let (Some(journal), Some(prepared)) = (&plan.journal, prepared) else {
            return Records::without_journal(plan);
        };
        let (file, gone) = (journal.file.path(), journal.resume.map(|resuming| resuming.gone));
        let handover = Handover::default();
        let (sorter, kept, journal) = match prepared.begin(journal, program)? {
            Begun::Anew(journal, appender) => {
                handover.give(*appender);
                (None, None, journal)
            }
            Begun::Again(journal, resume, ended) => {
                let (sorter, kept) = kept::kept(*resume, handover.clone());
                let journal = journal.resumed(ended, &kept, gone);
                (Some(sorter), Some(kept), journal)
            }
        };
        let writer = Writer::journal(&file, handover)?;
        let notebook = Some(Notebook::open(journal.dir()).map_err(cannot)?);
        Ok(Records { writer, journal: Some(journal), sorter, kept, notebook, traces: None })
    }

    fn without_journal(plan: &Plan) -> Result<Records> {
        let (mut history, mut notebook, mut traces) = (None, None, None);
        if plan.reports.is_some() {
            let cannot = "cannot make a temporary file for the reports";
            let files = (tempfile::tempfile().context(cannot)?, tempfile::tempfile().context(cannot)?);
            history = Some(Historian::nameless(files.0.try_clone()?).context(cannot)?);
            notebook = Some(Notebook::of(files.1.try_clone()?));
            traces = Some(files);
        }
        Ok(Records { writer: writer(plan, history)?, journal: None, sorter: None, kept: None, notebook, traces })
    }
}

/// Where records go that have no journal, with the history that reports are made of, if there is one.
pub fn writer(plan: &Plan, history: Option<Historian>) -> Result<Writer> {
    let lines = if plan.table.is_some() { Guard::Text } else { Guard::Json };
    let Some(target) = &plan.output else { return Ok(Writer::stdout(lines, history)?) };
    forget(target)?;
    Ok(Writer::to(target, lines, history)?)
}
