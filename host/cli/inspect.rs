//! `wpool inspect`: the compiler's report, for people or for programs.

use std::fmt::Write as _;

use anyhow::Result;
use wpool::{Pool, Program, Report};

use super::exit::Exit;
use super::{args, plan, print, run};

pub fn inspect(args: &args::Inspect) -> Result<Exit> {
    let mut config = plan::base_config(false)?;
    config.limits.memory = wpool::limits::MAX_MEMORY;
    let program = Program::read(super::build::program(args.task.clone(), false)?)?;
    let report = run::runtime()?.block_on(async {
        let pool = Pool::start(&program, config).await?;
        let report = pool.report().clone();
        pool.close().await;
        anyhow::Ok(report)
    })?;
    let text = if args.json { serde_json::to_string(&report)? + "\n" } else { describe(&program, &report) };
    Ok(print(text.as_bytes()))
}

fn describe(program: &Program, report: &Report) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| writeln!(text, "{name:<12}{value}").unwrap_or_default();
    line("program", format!("{} ({} bytes, {})", program.name(), program.bytes().len(), report.kind));
    line("convention", format!("{}, because it {}", report.convention, report.why));
    line("entry", report.entry.join(" / "));
    let resources = &report.resources;
    line("memory", format!("{} KiB at the start, in {} memories", resources.initial_memory >> 10, resources.memories));
    for (name, items) in [("exports", &report.exports), ("imports", &report.imports)] {
        line(name, if items.is_empty() { "none".to_owned() } else { items.len().to_string() });
        items.iter().for_each(|item| line("", item.clone()));
    }
    text
}
