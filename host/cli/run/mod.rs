//! `wpool run`: rows in, records out.

pub mod asked;
mod audience;
mod deadline;
mod dry;
mod early_end;
mod gauge;
mod halting;
mod looking;
pub mod measured;
mod pauses;
mod phases;
mod ready;
pub mod reaper;
mod reporting;
pub mod signals;
mod twice;

use std::sync::Arc;

use anyhow::Result;

use crate::cli::args;
use crate::cli::exit::Exit;
use crate::cli::journal::session;
use crate::cli::plan::{Plan, ReportsPlan};
use crate::cli::program::Subject;
use crate::cli::records::resume::Prepared;
use crate::cli::report::Telemetry;
use crate::cli::runtime::{beside, runtime};
use crate::cli::terminal;
use asked::Asked;
use phases::{Ahead, Run};
use ready::begin;

/// Carries out what was typed. Where that cannot be planned, the reports say why: a report of an earlier run must not
/// stand there as if it were of this one.
pub fn typed(typed: args::Run) -> Result<Exit> {
    let reports = ReportsPlan::unplanned(&typed);
    match (Plan::new(typed), reports) {
        (Ok(plan), _) => run(plan, None),
        (Err(error), Some(reports)) if Exit::of_error(&error) != Exit::Usage => {
            reporting::of_nothing(&reports, Err(error))
        }
        (Err(error), _) => Err(error),
    }
}

/// Carries a plan out, with its program or, where one is given, with that.
pub fn run(plan: Plan, subject: Option<Subject>) -> Result<Exit> {
    if plan.dry {
        return dry::dry_run(plan);
    }
    session();
    let Some(reports) = plan.reports.clone() else { return run_rows(plan, subject) };
    reports.clear()?;
    reporting::of_nothing(&reports, run_rows(plan, subject))
}

fn run_rows(mut plan: Plan, subject: Option<Subject>) -> Result<Exit> {
    let begun = match begin(&mut plan, subject) {
        // Another run may write to the same files.
        Err(error) if Exit::of_error(&error) == Exit::Usage => return Err(error),
        begun => begun,
    };
    let kept = begun.as_ref().ok().map(|(subject, _)| &subject.kept);
    let telemetry = match Telemetry::start(&plan, kept) {
        Ok(telemetry) => Arc::new(telemetry),
        Err(error) => return Err(begun.err().unwrap_or(error)),
    };
    runtime()?.block_on(async {
        let asked = Asked::default();
        let exit = match begun {
            Ok((subject, prepared)) => {
                terminal::go_live();
                carry_out(plan, subject, prepared, &asked, telemetry.clone()).await
            }
            Err(error) => Err(error),
        };
        let code = Exit::of_result(&exit).into();
        let ending = beside(move || {
            telemetry.end(code);
            Ok(())
        });
        let told = asked.unless_forced(ending).await.transpose();
        asked.unless_forced(terminal::settle()).await;
        told.and(exit)
    })
}

async fn carry_out(
    plan: Plan,
    subject: Subject,
    prepared: Option<Prepared>,
    asked: &Asked,
    telemetry: Arc<Telemetry>,
) -> Result<Exit> {
    let run = Run::open(plan, subject, asked, telemetry).await?;
    match run.look_ahead(prepared.as_ref()).await? {
        Ahead::Ready(looked) => {
            let driven = run.drive(looked, prepared).await?;
            run.finish(driven).await
        }
        Ahead::Ended(exit) => Ok(exit),
    }
}
