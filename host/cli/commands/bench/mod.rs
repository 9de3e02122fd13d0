//! `wpool bench`: measures how fast a program's tasks are and where a row's time goes, and advises on it.
//!
//! Every measurement has a new pool, so that workers are equally warm for all settings, and idle workers take nothing
//! from the measured ones. The settings take turns.

mod advice;
mod findings;
mod measure;
mod sample;
mod settings;
mod text;

use anyhow::{Context, Result};
use tempfile::TempDir;
use wpool::{Isolation, Program};

use crate::cli::errors::{DeadlinePassed, NoInputs, Usage};
use crate::cli::exit::Exit;
use crate::cli::plan::Plan;
use crate::cli::print::{Layout, print, print_json};
use crate::cli::rows::first::{FirstRows, first_rows};
use crate::cli::run::reaper;
use crate::cli::runtime::runtime;
use crate::cli::{args, say};
use findings::{Findings, Size};
use measure::{Seen, can_run, look, measure, rows_of_a_second};
use sample::Sample;
use settings::{Kind, Setting, instances, settings};

/// The most rows kept in memory for repetition.
const MOST_ROWS: usize = 1_000_000;
/// Said when a policy's time was over too soon.
const TOO_LATE: &str = "the time that the policy allows for a run was over before the measurements were";

/// Measures, and prints the findings.
pub fn bench(args: args::Bench) -> Result<Exit> {
    let (json, rounds, rows) = (args.json, args.rounds.get(), args.rows.map(usize::from));
    if args.tasks.state.state_out.is_some() {
        return Err(Usage("--state-out is for runs: a bench writes nothing".into()).into());
    }
    let mut plan = Plan::new(args.run()?)?;
    if plan.config.state.is_some() || plan.config.task.grants.has_writable_dir() {
        let what = "a bench repeats its rows, and a row would find the changes of earlier ones: leave out shared state \
                    (--state, --state-in) and :rw directories";
        return Err(Usage(what.into()).into());
    }
    let program = plan.program()?.program;
    reaper::start()?;
    // Every pool finds the program in the cache: compilation is not measured.
    let cache = plan.config.cache.is_none().then(TempDir::new).transpose().context("cannot make a folder")?;
    plan.config.cache = plan.config.cache.take().or_else(|| cache.as_ref().map(|dir| dir.path().to_owned()));
    let findings = runtime()?.block_on(async {
        let finding = find(&plan, &program, rounds, rows);
        // Each of its pools has a policy's time for a run, and all together have no more.
        match plan.deadline {
            Some(time) => tokio::time::timeout(time, finding).await.map_err(|_| DeadlinePassed(TOO_LATE))?,
            None => finding.await,
        }
    })?;
    let printed = if json { print_json(&findings, Layout::Line)? } else { print(&text::text(&findings)) };
    Ok(printed.max(if findings.not_ok > 0 { Exit::NotOk } else { Exit::Ok }))
}

async fn find(plan: &Plan, program: &Program, rounds: usize, rows: Option<usize>) -> Result<Findings> {
    let sample = sample(plan, rows.unwrap_or(MOST_ROWS).min(MOST_ROWS)).await?;
    let (mut settings, seen) = prepare(plan, program, &sample).await?;
    let count = match rows {
        Some(rows) => rows,
        None => rows_of_a_second(program, &plan.config, &sample).await?,
    };
    let measured = settings.iter().filter(|setting| setting.inapplicable.is_none()).count();
    say(format_args!("measuring {measured} settings, {rounds} times each, with {count} rows"));
    for round in 0..rounds {
        let turns = settings.len();
        for turn in 0..turns {
            let setting = &mut settings[(turn + round) % turns];
            if setting.inapplicable.is_none() {
                let measurement = measure(program, &setting.config, &sample, count).await?;
                setting.measured.add(measurement);
            }
        }
    }
    let size = Size { rows: count, sample: sample.different.min(count), rounds };
    let mut findings = Findings::new(program, plan, &settings, seen, size);
    findings.advice = advice::advice(&findings, &plan.config);
    Ok(findings)
}

/// Compiles the program for all settings, and finds the settings with which it can run. The requested one must be among
/// them.
async fn prepare(plan: &Plan, program: &Program, sample: &Sample) -> Result<(Vec<Setting>, Seen)> {
    let seen = look(program, &plan.config, sample).await?;
    let mut settings = settings(&plan.config);
    settings.retain_mut(Setting::keep_within_policy);
    for setting in settings.iter_mut().filter(|setting| !setting.is_asked_for() && setting.inapplicable.is_none()) {
        if let Err(error) = can_run(program, &setting.config).await {
            setting.inapplicable = Some(error.to_string());
        }
    }
    // This setting equals the requested `auto`, which is measured already.
    let same = Kind::Isolation(instances(&plan.config, &settings));
    settings.retain(|setting| plan.config.task.isolation != Isolation::Auto || setting.kind != same);
    Ok((settings, seen))
}

/// The rows that measurements repeat.
async fn sample(plan: &Plan, most: usize) -> Result<Sample> {
    let FirstRows { inputs, plain } = first_rows(plan, most).await?;
    if inputs.is_empty() {
        return Err(NoInputs("there are no rows to measure with".into()).into());
    }
    Ok(Sample::new(inputs, plain))
}
