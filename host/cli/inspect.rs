//! `wpool inspect` and `wpool schema`: the compiler's report, for people or for programs.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;
use wpool::{Program, Report};

use super::exit::Exit;
use super::{args, plan, print, run};

pub fn inspect(args: &args::Inspect) -> Result<Exit> {
    let (program, report) = report(&args.task, args.call.as_deref())?;
    let text = if args.json { serde_json::to_string(&report)? + "\n" } else { describe(&program, &report) };
    Ok(print(text.as_bytes()))
}

/// `wpool schema`: what the program takes and gives, for programs.
pub fn schema(args: &args::Schema) -> Result<Exit> {
    let (_, report) = report(&args.task, args.call.as_deref())?;
    let schema = serde_json::json!({ "input": report.input_schema(), "output": report.output_schema() });
    Ok(print((serde_json::to_string_pretty(&schema)? + "\n").as_bytes()))
}

/// The compiler's report on a program. Nothing is run.
pub fn report(task: &Path, call: Option<&str>) -> Result<(Program, Report)> {
    let mut config = plan::base_config()?;
    config.limits.memory = wpool::limits::MAX_MEMORY;
    config.call = call.map(str::to_owned);
    config.json_rows = true;
    let program = Program::read(super::build::program(task.to_owned(), false)?)?;
    let report = run::runtime()?.block_on(async { wpool::inspect(&program, &config).await })?;
    Ok((program, report))
}

fn describe(program: &Program, report: &Report) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| writeln!(text, "{name:<12}{value}").unwrap_or_default();
    line("program", format!("{} ({} bytes, {})", program.name(), program.bytes().len(), report.kind));
    line("convention", format!("{}, because it {}", report.convention, report.why));
    line("entry", report.entry.join(" / "));
    if let Some(init) = &report.init {
        line("init", format!("{}, once before all tasks", init.join(" / ")));
    }
    if let Some(signature) = report.signature() {
        line("type", signature.to_string());
    }
    let resources = &report.resources;
    line("memory", format!("{} KiB at the start, in {} memories", resources.initial_memory >> 10, resources.memories));
    let isolation = match &report.resettable {
        Ok(()) => "instances can be put back after each task".to_owned(),
        Err(why) => format!("fresh instances, because {why}"),
    };
    line("isolation", isolation);
    let functions: Vec<_> = report.functions.iter().map(ToString::to_string).collect();
    for (name, items) in [("functions", &functions), ("exports", &report.exports), ("imports", &report.imports)] {
        line(name, if items.is_empty() { "none".to_owned() } else { items.len().to_string() });
        items.iter().for_each(|item| line("", item.clone()));
    }
    text
}
