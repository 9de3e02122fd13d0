//! Kept runs as people see them.

use anyhow::Result;

use crate::cli::exit::Exit;
use crate::cli::journal::index::{Kept, RunState};
use crate::cli::journal::{ProgramFacts, Text};
use crate::cli::lines::Lines;
use crate::cli::plan::defaults;
use crate::cli::print::{Layout, print, print_json};
use crate::cli::say;
use crate::cli::units::plural;

/// Prints a table of runs, or a JSON array.
pub fn list(runs: &[Kept], json: bool) -> Result<Exit> {
    if json {
        return print_json(&runs, Layout::Pretty);
    }
    let mut text = Lines::default();
    text.add(format_args!(
        "{:<25} {:<20} {:<11} {:>9} {:>9} {:>9}  {:<20} {}",
        "run", "started", "state", "rows", "ok", "not ok", "program", "output"
    ));
    for kept in runs.iter().filter(|kept| kept.state != RunState::Gone) {
        let (total, ok) = (kept.total(), kept.ok());
        text.add(format_args!(
            "{:<25} {:<20} {:<11} {total:>9} {ok:>9} {:>9}  {:<20} {}",
            kept.run,
            kept.started,
            kept.state.as_str(),
            total - ok,
            kept.program,
            kept.output.display()
        ));
    }
    let printed = print(&text);
    match runs.iter().filter(|kept| kept.state == RunState::Gone).count() as u64 {
        0 => {}
        gone => {
            say(format_args!("{} more, whose FILE.wpool is gone; `wpool runs prune` forgets them", plural(gone, "run")))
        }
    }
    Ok(printed)
}

/// Prints what is known of a run.
pub fn info(kept: &Kept, json: bool) -> Result<Exit> {
    let facts = kept.facts.as_ref().expect("a run that is found has facts");
    if json {
        let document = serde_json::json!({"state": kept.state, "output": Text::from(kept.output.as_path()), "counts": kept.counts, "facts": facts});
        return print_json(&document, Layout::Pretty);
    }
    let mut text = Lines::default();
    let mut line = |name: &str, value: String| text.add(format_args!("{name:<10} {value}"));
    line("run", format!("{} ({})", kept.run, kept.state.as_str()));
    line("started", facts.started.clone());
    if let Some(ended) = &facts.ended {
        line("ended", format!("{}, exit code {}", ended.time, ended.exit_code));
    }
    line("output", kept.output.display().to_string());
    line("program", format!("{} ({}, blake3 {})", facts.program.name, facts.program.path, facts.program.hash));
    for ProgramFacts { name, path, hash } in &facts.earlier {
        line("", format!("before it {name} ({path}, blake3 {hash}), whose records may be among the others"));
    }
    line("inputs", join(&facts.inputs));
    line("typed", format!("wpool run {}", facts.typed()));
    line("in", facts.cwd.to_string());
    line("wpool", facts.version.clone());
    line("rows", kept.total().to_string());
    for (status, count) in &kept.counts {
        line("", format!("{count} {status}"));
    }
    let defaults = defaults()?;
    for (name, value) in facts.settings.iter().filter(|(name, value)| defaults.get(*name) != Some(value)) {
        // Values of --env may be secrets; --json shows them.
        let value = if name == "--env" { format!("{} variables", facts.env.len()) } else { value.clone() };
        line("setting", format!("{name} {value}"));
    }
    Ok(print(&text))
}

fn join(texts: &[Text]) -> String {
    texts.iter().map(Text::to_string).collect::<Vec<_>>().join(" ")
}
