//! `wpool inspect` and `wpool schema`: the compiler's report, for people or for programs.

use std::fmt::Display;
use std::path::Path;

use anyhow::Result;
use wpool::Program;
use wpool::report::Report;

use crate::cli::exit::Exit;
use crate::cli::lines::Lines;
use crate::cli::print::{Layout, print, print_json};
use crate::cli::runtime::runtime;
use crate::cli::{args, plan};

pub fn inspect(args: &args::Inspect) -> Result<Exit> {
    let (program, report) = report(&args.task, args.call.as_deref())?;
    if args.json { print_json(&report, Layout::Line) } else { Ok(print(&describe(&program, &report))) }
}

/// `wpool schema`: what the program takes and gives, for programs.
pub fn schema(args: &args::Schema) -> Result<Exit> {
    let (_, report) = report(&args.task, args.call.as_deref())?;
    let schema = serde_json::json!({ "input": report.input_schema(), "output": report.output_schema() });
    print_json(&schema, Layout::Pretty)
}

/// The compiler's report on a program. Nothing is run.
pub fn report(task: &Path, call: Option<&str>) -> Result<(Program, Report)> {
    let mut config = plan::base_config()?;
    config.task.limits.memory = wpool::limits::MAX_MEMORY;
    config.call = call.map(str::to_owned);
    config.task.json_rows = true;
    let program = Program::read(crate::cli::program::program(task.to_owned(), false)?)?;
    let report = runtime()?.block_on(async { wpool::inspect(&program, &config).await })?;
    Ok((program, report))
}

fn describe(program: &Program, report: &Report) -> Lines {
    let mut text = Lines::default();
    let mut line = |name: &str, value: &dyn Display| text.add(format_args!("{name:<12}{value}"));
    line("program", &format_args!("{} ({} bytes, {})", program.name(), program.bytes().len(), report.kind));
    line("convention", &format_args!("{}, because it {}", report.convention, report.why));
    line("entry", &report.entry.join(" / "));
    if let Some(init) = &report.init {
        line("init", &format_args!("{}, once before all tasks", init.join(" / ")));
    }
    if let Some(signature) = report.signature() {
        line("type", signature);
    }
    let resources = &report.resources;
    line(
        "memory",
        &format_args!("{} KiB at the start, in {} memories", resources.initial_memory >> 10, resources.memories),
    );
    let isolation = match &report.resettable {
        Ok(()) => "instances can be put back after each task".to_owned(),
        Err(why) => format!("fresh instances, because {why}"),
    };
    line("isolation", &isolation);
    let functions: Vec<_> = report.functions.iter().map(ToString::to_string).collect();
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
