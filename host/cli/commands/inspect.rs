//! `wpool inspect` and `wpool schema`: the compiler's report, for people or for programs.

use std::fmt::Display;
use std::path::Path;

use anyhow::Result;
use serde_json::{Map, json};
use wpool::report::{CoreFunction, Report, described, names};
use wpool::{Policy, PoolConfig, Program};

use crate::cli::args::Called;
use crate::cli::exit::Exit;
use crate::cli::lines::Lines;
use crate::cli::print::{Layout, print, print_json};
use crate::cli::program::{self, Subject};
use crate::cli::runtime::runtime;
use crate::cli::scripts::{Outline, Script};
use crate::cli::{args, plan};

pub fn inspect(args: &args::Inspect) -> Result<Exit> {
    let (subject, reports) = reports(&args.task, &args.called)?;
    let (first, choices) = (&reports[0], choices(&reports, &args.called));
    let outline = outline(&subject);
    if !args.json {
        return Ok(print(&match outline {
            Some(outline) => describe_script(&outline, first),
            None => describe(&subject.program, first, &choices),
        }));
    }
    let mut document = serde_json::to_value(first)?;
    if let Some(outline) = outline {
        document["script"] = serde_json::to_value(outline)?;
    }
    if !choices.is_empty() {
        document["why"] = TO_CHOOSE.into();
        document["entry"] = serde_json::json!([]);
        document["call"] = choices.into();
    }
    print_json(&document, Layout::Line)
}

const TO_CHOOSE: &str = "has functions, of which --call chooses one";

/// The functions that `--call` chooses from, if it has to.
fn choices(reports: &[Report], called: &Called) -> Vec<String> {
    let is_to_be_named = called.call.is_none() && reports.iter().all(Report::is_asked_for);
    if !is_to_be_named {
        return Vec::new();
    }
    let names = names(&reports[0].functions);
    let name = |report: &Report| {
        let at = report.functions.iter().position(|function| function.path == report.entry);
        at.map_or_else(|| report.entry.join("."), |at| names[at].clone())
    };
    reports.iter().map(name).collect()
}

/// `wpool schema`: what the program takes and gives, for programs.
pub fn schema(args: &args::Schema) -> Result<Exit> {
    let (_, reports) = reports(&args.task, &args.called)?;
    let schema = |report: &Report| json!({ "input": report.input_schema(), "output": report.output_schema() });
    match reports.as_slice() {
        [report] => print_json(&schema(report), Layout::Pretty),
        several => {
            let functions = choices(several, &args.called).into_iter().zip(several.iter().map(schema));
            print_json(&json!({ "functions": functions.collect::<Map<_, _>>() }), Layout::Pretty)
        }
    }
}

/// The compiler's report on a program. Nothing is run.
pub fn report(task: &Path, called: &Called) -> Result<(Program, Report)> {
    let (Subject { program, .. }, config) = subject(task, called)?;
    let report = runtime()?.block_on(async { wpool::inspect(&program, &config).await })?;
    Ok((program, report))
}

/// As [`report`], with one for each function where one would have to be chosen.
fn reports(task: &Path, called: &Called) -> Result<(Subject, Vec<Report>)> {
    let (subject, config) = subject(task, called)?;
    let reports = runtime()?.block_on(async { wpool::inspect_each(&subject.program, &config).await })?;
    Ok((subject, reports))
}

fn subject(task: &Path, called: &Called) -> Result<(Subject, PoolConfig)> {
    let mut config = plan::base_config()?;
    // Nothing runs, so that only the limits of the compiler are bound.
    let _ = config.bind().map_err(wpool::Error::from)?;
    config.policy = Policy::default();
    config.task.limits.memory = wpool::limits::MAX_MEMORY;
    config.call.clone_from(&called.call);
    config.alloc.clone_from(&called.alloc);
    config.task.json_rows = true;
    Ok((program::load(task, &[], &config.policy, false)?, config))
}

/// The outline of a script, if the program is one.
fn outline(subject: &Subject) -> Option<Outline> {
    let (script, runtime) = Script::of_package(subject.kept.bytes())?;
    Some(Outline::of(&script, runtime, subject.program.bytes().len()))
}

/// A script is described by what is its own. The insides of its runtime are those of all scripts in the language.
fn describe_script(outline: &Outline, report: &Report) -> Lines {
    let mut text = Lines::default();
    let lines = outline.describe().into_iter().chain([("isolation", isolation(report))]);
    lines.for_each(|(name, value)| text.add(format_args!("{name:<12}{value}")));
    text
}

fn describe(program: &Program, report: &Report, choices: &[String]) -> Lines {
    let mut text = Lines::default();
    let mut line = |name: &str, value: &dyn Display| text.add(format_args!("{name:<12}{value}"));
    line("program", &format_args!("{} ({} bytes, {})", program.name(), program.bytes().len(), report.kind));
    if choices.is_empty() {
        line("convention", &format_args!("{}, because it {}", report.convention, report.why));
        line("entry", &report.entry.join(" / "));
    } else {
        let conventions = if report.entries.is_empty() { "function" } else { "command or raw" };
        line("convention", &format_args!("{conventions}, because it {TO_CHOOSE}"));
        line("--call", &choices.len());
        choices.iter().for_each(|choice| line("", choice));
    }
    let is_another = |entry: &&CoreFunction| !choices.is_empty() || report.entry != [entry.name.as_str()];
    let others: Vec<_> = report.entries.iter().filter(is_another).collect();
    if !others.is_empty() {
        line("entries", &format_args!("{}, of which --call can name one", others.len()));
        others.iter().for_each(|entry| line("", &format_args!("{}: {}", entry.name, entry.shape)));
    }
    if let Some(init) = &report.init {
        line("init", &format_args!("{}, once before all tasks", init.join(" / ")));
    }
    if let Some(signature) = report.signature().filter(|_| choices.is_empty()) {
        line("type", signature);
    }
    let resources = &report.resources;
    line(
        "memory",
        &format_args!("{} KiB at the start, in {} memories", resources.initial_memory >> 10, resources.memories),
    );
    line("isolation", &isolation(report));
    let functions = described(&report.functions);
    for (name, items) in [("functions", &functions), ("exports", &report.exports), ("imports", &report.imports)] {
        if items.is_empty() {
            line(name, &"none")
        } else {
            line(name, &items.len())
        }
        items.iter().for_each(|item| line("", item));
    }
    text
}

fn isolation(report: &Report) -> String {
    match &report.resettable {
        Ok(()) => {
            "instances can be put back after each task; each worker then holds all of this memory, and copies of the \
                   pages that tasks write"
                .to_owned()
        }
        Err(why) => format!("fresh instances, because {why}"),
    }
}
