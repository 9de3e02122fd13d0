//! `wpool judge`: many programs over the same tests, with a verdict on each.
//!
//! Programs run one after the other, each in a pool of its own with the same settings, so that none of them shares the
//! machine with another, and no more is held than one pool.

mod court;
mod programs;
mod table;

use std::collections::HashSet;
use std::sync::Arc;

use anyhow::Result;
use wpool::Stdin;
use wpool::template::Template;

use crate::cli::args;
use crate::cli::errors::usage;
use crate::cli::exit::Exit;
use crate::cli::plan::{Plan, check_programs};
use crate::cli::report::summary_file::clear_summary;
use crate::cli::rows::Naming;
use crate::cli::run::asked::Asked;
use crate::cli::run::reaper;
use crate::cli::runtime::runtime;
use crate::cli::say;
use crate::cli::target::Target;
use crate::cli::terminal;
use programs::Entry;

/// Judges programs.
pub fn judge(mut args: args::Judge) -> Result<Exit> {
    if args.quiet {
        terminal::be_quiet();
    }
    let task_from = args.task_from.take();
    let programs = programs::find(&args.programs)?;
    let mut plan = Plan::new(args.run()?)?;
    check(&plan)?;
    let written = [&plan.output, &plan.messages.summary_json].into_iter().flatten().map(Target::path);
    check_programs(programs.iter().map(|entry| &*entry.path), &written.collect::<Vec<_>>())?;
    if !plan.messages.quiet {
        hints(&plan).into_iter().for_each(|hint| say(format_args!("hint: {hint}")));
    }
    let naming = task_from.map(|text| naming(&text, &programs, &plan)).transpose()?;
    // Verdicts tell times and memory, records only where that was asked for.
    plan.config.task.receipts = true;
    plan.extras.program = Some("".into());
    clear_summary(&plan)?;
    reaper::start()?;
    runtime()?.block_on(async {
        let asked = Asked::default();
        terminal::go_live();
        let exit = court::hold(&plan, &programs, naming, &asked).await;
        asked.unless_forced(terminal::settle()).await;
        exit
    })
}

/// Refuses what would let programs cheat.
fn check(plan: &Plan) -> Result<()> {
    let task = &plan.config.task;
    if plan.expect.as_ref().is_some_and(|expect| !expect.is_fixed()) && task.grants.stdin == Stdin::Row {
        return usage(
            "--expect takes the expected output from the row, which every program would be given whole: make its input of \
             a part of the row, as in --stdin '{.input}'"
                .to_owned(),
        );
    }
    if !task.isolation.isolates() {
        return usage(
            "--isolation reuse cannot be used to judge programs: a test would find what the tests before it left"
                .to_owned(),
        );
    }
    if task.grants.has_writable_dir() {
        return usage(
            "a :rw directory cannot be granted to programs that are judged: each would find what those before it wrote; \
             --scratch gives each test a directory of its own"
                .to_owned(),
        );
    }
    Ok(())
}

/// What a contest has in most cases, and this one has not.
fn hints(plan: &Plan) -> Vec<&'static str> {
    let (limits, is_counted) = (&plan.config.task.limits, plan.config.task.deterministic.is_some());
    let mut hints = Vec::new();
    if plan.expect.is_none() {
        hints.push("without --expect, a program is accepted whatever it answers");
    }
    if limits.deadline.is_none() && limits.cpu.is_none() && limits.fuel.is_none() && !is_counted {
        hints.push("without --cpu-time and --timeout, a program that never ends is never stopped");
    }
    hints
}

/// How rows name their programs.
fn naming(text: &str, programs: &[Entry], plan: &Plan) -> Result<Naming> {
    let template = Template::parse(text);
    if template.needs_name().is_some() || template.needs_id() || template.is_fixed() {
        return usage(format!(
            "--task-from {text}: the program of a row is named by its members, as in '{{.program}}'"
        ));
    }
    let names: HashSet<Arc<str>> = programs.iter().map(|entry| entry.name.clone()).collect();
    Ok(Naming { template, json: plan.config.task.json_rows, names: Arc::new(names) })
}
