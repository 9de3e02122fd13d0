//! All that a run needs before its first row: the program, the rest of an earlier run, and the pool.

use anyhow::Result;
use wpool::{Pool, Program};

use crate::cli::errors::DeadlinePassed;
use crate::cli::plan::Plan;
use crate::cli::program::Subject;
use crate::cli::records::resume::{self, Prepared};
use crate::cli::report::state_file;
use crate::cli::report::summary_file::clear_summary;
use crate::cli::run::reaper;

/// Gets the program ready, and what there is of an earlier run.
pub(super) fn begin(plan: &mut Plan, subject: Option<Subject>) -> Result<(Subject, Option<Prepared>)> {
    let subject = match subject {
        Some(subject) => subject,
        None => plan.program()?,
    };
    state_file::check(plan)?;
    clear_summary(plan)?;
    reaper::start()?;
    let prepared = plan.journal.as_ref().map(|journal| resume::prepare(journal, &subject.kept)).transpose()?;
    Ok((subject, prepared))
}

/// Said when the time of the run was over too soon.
const TOO_LATE: &str = "the deadline of the run has passed before its first task: compiling the program, or its init, took \
                        longer than --deadline";

/// Starts the pool, which has to compile the program first, within the time of the run.
pub(super) async fn start(program: Program, plan: &Plan) -> Result<Pool> {
    let starting = Pool::builder(program).config(plan.config.clone()).build();
    match plan.deadline {
        Some(time) => Ok(tokio::time::timeout(time, starting).await.map_err(|_| DeadlinePassed(TOO_LATE))??),
        None => Ok(starting.await?),
    }
}
