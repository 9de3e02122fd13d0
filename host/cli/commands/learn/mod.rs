//! `wpool check --learn N`: runs some rows, and prints the smallest grants for what they touched and what they were denied.

mod advice;
mod dirs;
mod given;
mod place;
mod seen;
mod text;

use anyhow::{Context, Result};
use tempfile::TempDir;
use wpool::report::{Convention, Report};
use wpool::{Isolation, Pool, Program, Shutdown, Stdin};

use self::advice::{Case, advise};
use self::given::Given;
use self::place::WorkingDir;
use self::seen::Seen;
use self::text::Lesson;
use crate::cli::errors::{NoInputs, usage};
use crate::cli::exit::Exit;
use crate::cli::plan::{Plan, Source};
use crate::cli::print::{Layout, print, print_json};
use crate::cli::rows::first::first_rows;
use crate::cli::run::reaper;
use crate::cli::runtime::runtime;
use crate::cli::{args, terminal};

/// Learns from the first rows, and prints what was learned.
pub fn learn(args: args::Check, rows: usize) -> Result<Exit> {
    if args.tasks.state.state_out.is_some() {
        return usage("--state-out is for runs: --learn writes nothing".into());
    }
    let json = args.json;
    let typed = args.run()?;
    let (given, path) = (Given::of(&typed), typed.source.task.clone());
    let mut plan = Plan::new(typed)?;
    let program = plan.program()?.program;
    reaper::start()?;
    let empty = TempDir::new().context("cannot make an empty folder for the program to look into")?;
    // It is told to workers as text.
    anyhow::ensure!(empty.path().to_str().is_some(), "TMPDIR is not UTF-8: choose another folder for temporary files");
    plan.config.task.learn = Some(empty.path().to_owned());
    // No option of this command says so.
    anyhow::ensure!(
        plan.config.task.isolation != Isolation::Reset,
        "a policy allows instances that are reset alone, and learning needs fresh ones: where isolation = [\"fresh\", \"reset\"] \
         is required, both are allowed"
    );
    // A program that is used again would ask for some things only once.
    plan.config.task.isolation = Isolation::Fresh;
    let (seen, report) = runtime()?.block_on(watch(&plan, program, rows))?;
    let case = case(&plan, &report, &seen);
    let advice = advise(&given, &seen, case, &WorkingDir::here());
    let lesson = Lesson::new(&path, &seen, advice);
    if json {
        return print_json(&lesson, Layout::Line);
    }
    terminal::say_lines(&lesson.told());
    Ok(print(&lesson.flags_line()))
}

/// What the advice depends on beside the tasks.
fn case(plan: &Plan, report: &Report, seen: &Seen) -> Case {
    let task = &plan.config.task;
    let has_rows = task.grants.stdin == Stdin::Row && !matches!(plan.source, Source::Once);
    let is_fed = report.convention == Convention::Command && has_rows && task.grants.args.is_empty();
    Case {
        ignores_stdin: is_fed && !seen.reads_stdin(),
        deterministic: task.deterministic.is_some(),
        has_init: report.init.is_some(),
    }
}

/// Runs the first rows, and notes what they touch.
async fn watch(plan: &Plan, program: Program, most: usize) -> Result<(Seen, Report)> {
    let inputs = first_rows(plan, most).await?.inputs;
    if inputs.is_empty() {
        return Err(NoInputs("there are no rows to learn from".into()).into());
    }
    let pool = Pool::builder(program).config(plan.config.clone()).build().await?;
    let report = pool.report().clone();
    let mut seen = Seen::default();
    let mut results = pool.map(inputs);
    while let Some(result) = results.next().await? {
        seen.add(&result);
    }
    drop(results);
    pool.shutdown(Shutdown::Drain).await;
    Ok((seen, report))
}
