//! Makes the reports of a run that has ended, however it did.

use std::fs::File;
use std::path::PathBuf;

use anyhow::Result;
use serde_json::Value;
use wpool::Program;
use wpool::place::Dir;

use crate::cli::exit::Exit;
use crate::cli::journal::{Ended, Facts, keep_summary, now};
use crate::cli::options::in_words;
use crate::cli::plan::{Plan, ReportsPlan};
use crate::cli::records::journal::Counted;
use crate::cli::report::Summary;
use crate::cli::reports::{self, Account, End, Traces};
use crate::cli::say;

/// The material of the reports of a run, beside its summary.
#[derive(Debug)]
pub enum Material {
    /// The journal's facts and its folder. Where no row has come, the facts may be as they were before.
    Journal { facts: Box<Facts>, dir: Dir, as_before: bool },
    /// The history and the notes of a run without a journal, and its records by status.
    Files(Option<(File, File)>, Counted),
}

/// Makes the reports of a run that has driven its rows, and keeps its summary for later ones.
pub fn make(plan: &Plan, program: &Program, material: Material, summary: &Summary, exit: Result<Exit>) -> Result<Exit> {
    let code = Exit::of_result(&exit);
    let mut document = serde_json::to_value(summary.document(code.into()))?;
    let no_rows = || summary.nothing().filter(|_| code != Exit::Ok);
    let why = exit.as_ref().err().map(in_words).or_else(|| summary.failure.clone()).or_else(no_rows);
    if let (Some(why), Some(members)) = (&why, document.as_object_mut()) {
        members.insert("error".to_owned(), Value::String(why.clone()));
    }
    if let Material::Journal { facts, dir, as_before: false } = &material
        && let Some(ended) = &facts.ended
    {
        // Without it, a report that is made later says less.
        let _ = keep_summary(dir, document.clone(), ended);
    }
    let Some(asked) = plan.reports.as_ref().filter(|asked| asked.begin()) else { return exit };
    let end = match (why, &summary.stopped) {
        (Some(why), _) => End::Error(why),
        (None, Some(why)) => End::Stopped(why.clone()),
        (None, None) => End::Complete,
    };
    let (facts, traces, kept) = match material {
        Material::Journal { facts, dir, .. } => (*facts, Traces::Folder(dir), output(plan)),
        Material::Files(files, Counted(counts)) => {
            let traces = files.map_or(Traces::None, |(history, notes)| Traces::Files { history, notes });
            let ended = Ended { time: now(), exit_code: code.into(), counts, complete: end == End::Complete };
            (of_program(asked.facts.clone(), program, ended), traces, None)
        }
    };
    settle(Account::of_run(facts, end, Some(document), kept, traces), asked, exit)
}

/// Makes the reports of a run that has ended before its first row, so that none looks like success.
pub fn of_nothing(asked: &ReportsPlan, exit: Result<Exit>) -> Result<Exit> {
    if !asked.begin() {
        return exit;
    }
    let why = match &exit {
        Err(error) => in_words(error),
        Ok(Exit::InputRefused) => "rows do not fit the program, so nothing was run".to_owned(),
        Ok(_) => "the run was ended before its first row".to_owned(),
    };
    let exit_code = Exit::of_result(&exit).into();
    let ended = Ended { time: now(), exit_code, counts: Default::default(), complete: false };
    let facts = Facts { ended: Some(ended), ..asked.facts.clone() };
    settle(Account::of_run(facts, End::Error(why), None, None, Traces::None), asked, exit)
}

/// A report that cannot be made is an output that cannot be written, unless the run has a worse end.
fn settle(account: Result<Account>, asked: &ReportsPlan, exit: Result<Exit>) -> Result<Exit> {
    let made = account.and_then(|account| {
        if asked.github {
            reports::tell_github(&account);
        }
        reports::write(&account, &asked.files)
    });
    let Err(error) = made else { return exit };
    if exit.is_err() {
        say(format_args!("{}", in_words(&error)));
        return exit;
    }
    Err(error)
}

fn of_program(mut facts: Facts, program: &Program, ended: Ended) -> Facts {
    facts.program.name = program.name().to_owned();
    facts.program.hash = program.hash().to_hex().to_string();
    facts.ended = Some(ended);
    facts
}

fn output(plan: &Plan) -> Option<PathBuf> {
    plan.output.as_ref().map(|target| target.path().to_owned())
}
