//! `wpool runtime`: the runtimes of scripts.

use std::path::Path;

use anyhow::Result;
use bytesize::ByteSize;

use crate::cli::exit::Exit;
use crate::cli::lines::Lines;
use crate::cli::print::{Layout, print, print_json};
use crate::cli::program::{of_script, runtime as make};
use crate::cli::scripts::{Listed, Runtimes, SCRIPT_LANGUAGES};
use crate::cli::units::plural;
use crate::cli::{args, say};

/// Where tools are looked for.
const HERE: &str = ".";

pub fn runtime(action: &args::Runtime) -> Result<Exit> {
    match action {
        args::Runtime::Build { languages } => build(languages),
        args::Runtime::List { json } => list(*json),
        args::Runtime::Prune { all } => prune(*all),
    }
}

fn build(languages: &[String]) -> Result<Exit> {
    let runtimes = Runtimes::open();
    for language in &SCRIPT_LANGUAGES {
        let is_named = languages.iter().any(|name| name == language.name);
        if let Some(given) = runtimes.given(language) {
            say(format_args!("the runtime of {} is given by WPOOL_RUNTIMES: {}", language.name, given.name));
            continue;
        }
        if language.tools().is_empty() {
            if is_named {
                say(format_args!("the runtime of {} is a part of wpool", language.name));
            }
            continue;
        }
        let has_tools = || language.tools().iter().all(|tool| tool.find(Path::new(HERE)).is_some());
        if is_named || languages.is_empty() && has_tools() {
            make(language, Path::new(HERE), true, false)?;
        } else if languages.is_empty() {
            let tools: Vec<_> = language.tools().iter().map(|tool| format!("`{}`", tool.install)).collect();
            say(format_args!(
                "no runtime of {}: its tools are not here; get them with {}",
                language.name,
                tools.join(", ")
            ));
        }
    }
    Ok(Exit::Ok)
}

fn list(json: bool) -> Result<Exit> {
    let listed = Runtimes::open().list(Path::new(HERE)).map_err(of_script)?;
    if json { print_json(&listed, Layout::Line) } else { Ok(print(&describe(&listed))) }
}

/// The runtimes, a line each.
pub fn describe(listed: &[Listed]) -> Lines {
    let line = |it: &Listed| {
        let state = match it.current {
            _ if it.inside => "a part of wpool",
            _ if it.damaged => "damaged, and not used",
            _ if it.given => "used, given by WPOOL_RUNTIMES",
            true => "used",
            false => "of other tools, or of another wpool",
        };
        format!("{:<36} {:>10}  {state}", it.name, ByteSize(it.bytes).to_string())
    };
    listed.iter().map(line).collect()
}

fn prune(all: bool) -> Result<Exit> {
    let runtimes = Runtimes::open();
    let mut removed = 0;
    for runtime in
        runtimes.list(Path::new(HERE)).map_err(of_script)?.iter().filter(|it| it.is_own() && (all || !it.current))
    {
        runtimes.remove(runtime).map_err(of_script)?;
        removed += 1;
    }
    say(format_args!("removed {}", plural(removed, "runtime")));
    Ok(Exit::Ok)
}
