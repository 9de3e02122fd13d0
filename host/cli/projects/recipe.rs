//! Runs a language's recipe: builds a project to WebAssembly with the language's tools.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use wit_parser::Resolve;

use crate::cli::projects::detect::Project;
use crate::cli::projects::error::Error;
use crate::cli::projects::language::{Recipe, Step};
use crate::cli::projects::{cargo, tool};

/// The contract of tasks, for sources without it.
const TASK_WIT: &str = include_str!("../../../wit/task.wit");
/// The world to choose among several.
const TASK_WORLD: &str = "task";

/// Builds a project and returns the bytes. `scratch` is an empty folder for intermediate files.
pub fn carry_out(project: &Project, scratch: &Path) -> Result<Vec<u8>, Error> {
    let path = match &project.language.recipe {
        Recipe::Steps(steps) => {
            let out = scratch.join("out.wasm");
            for step in *steps {
                take(step, project, scratch, &out)?;
            }
            out
        }
        Recipe::Cargo => cargo::build(project)?,
        Recipe::Text => {
            let path = project.dir.join(project.main_source()?);
            let text = fs::read(&path).map_err(Error::io("read", &path))?;
            return Ok(wat::parse_bytes(&text)
                .map_err(|error| Error::Text { path, why: error.to_string() })?
                .into_owned());
        }
        Recipe::Module => project.dir.join(project.main_source()?),
    };
    fs::read(&path).map_err(Error::io("read", &path))
}

fn take(step: &Step, project: &Project, scratch: &Path, out: &Path) -> Result<(), Error> {
    if step.optional && step.tool.find(&project.dir).is_none() {
        return Ok(());
    }
    // Checks all tools first, so that a missing interpreter is reported before the tools that need it.
    project.language.tools.iter().try_for_each(|tool| project.need(tool).map(drop))?;
    let tool = project.need(step.tool)?;
    let mut args = Vec::new();
    for arg in step.args {
        expand(arg, project, scratch, out, &mut args)?;
    }
    tool::run(tool.call(&project.dir, args).envs(step.env.iter().copied()))
}

fn expand(arg: &str, project: &Project, scratch: &Path, out: &Path, args: &mut Vec<OsString>) -> Result<(), Error> {
    let bundle = scratch.join("bundle.js");
    let is_output = arg.starts_with('-');
    let value: PathBuf = match arg.find('{').map(|at| &arg[at..]) {
        Some("{out}") => out.to_owned(),
        Some("{source}") => here(&project.main_source()?),
        Some("{folder}") => here(project.main_source()?.parent().unwrap_or(Path::new(""))),
        Some("{module}") => project.main_source()?.file_stem().map(PathBuf::from).unwrap_or_default(),
        Some("{bundle}") if is_output || bundle.exists() => bundle,
        Some("{bundle}") => here(&project.main_source()?),
        Some("{buildmode}") => PathBuf::from(if exports(project)? { "c-shared" } else { "exe" }),
        Some("{package}") => project.file.as_deref().map_or_else(|| PathBuf::from("."), here),
        Some("{wit}") => wit(project, scratch)?,
        Some("{world}") => PathBuf::from(world(&wit(project, scratch)?)?),
        Some("{sources}") => {
            args.extend(project.sources()?.iter().map(|source| OsString::from(here(source))));
            return Ok(());
        }
        _ => PathBuf::from(arg),
    };
    let mut whole = OsString::from(arg.split('{').next().filter(|_| arg.contains('{')).unwrap_or_default());
    whole.push(value);
    args.push(whole);
    Ok(())
}

/// Whether a source of Go exports a function to the host.
fn exports(project: &Project) -> Result<bool, Error> {
    for source in project.sources()? {
        let path = project.dir.join(source);
        let text = fs::read(&path).map_err(Error::io("read", &path))?;
        if text.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"//go:wasmexport ")) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A path in the project's folder that no tool takes for an option.
fn here(path: &Path) -> PathBuf {
    Path::new(".").join(path)
}

/// The project's folder of WIT files, or one with the contract of tasks.
fn wit(project: &Project, scratch: &Path) -> Result<PathBuf, Error> {
    let own = project.dir.join("wit");
    if own.is_dir() {
        return std::path::absolute(&own).map_err(Error::io("find", &own));
    }
    let ours = scratch.join("wit");
    fs::create_dir_all(&ours).map_err(Error::io("create", &ours))?;
    fs::write(ours.join("task.wit"), TASK_WIT).map_err(Error::io("write", &ours))?;
    Ok(ours)
}

/// The world of a program: `task`, or the only one.
fn world(wit: &Path) -> Result<String, Error> {
    let mut resolve = Resolve::default();
    let bad = |error| Error::Wit { path: wit.to_owned(), why: format!("{error:#}") };
    let (package, _) = resolve.push_dir(wit).map_err(bad)?;
    let worlds = &resolve.packages[package].worlds;
    match worlds.keys().collect::<Vec<_>>().as_slice() {
        [only] => Ok((*only).clone()),
        _ if worlds.contains_key(TASK_WORLD) => Ok(TASK_WORLD.to_owned()),
        names => {
            Err(Error::Wit { path: wit.to_owned(), why: format!("no world is called task, and there are {names:?}") })
        }
    }
}
