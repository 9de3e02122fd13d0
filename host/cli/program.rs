//! The program of a command: a file, a script, or a folder that is built first.

use std::path::{Path, PathBuf};

use anyhow::Result;
use bytesize::ByteSize;
use wpool::{Init, PoolConfig, Program};

use crate::cli::errors::{Refused, Usage};
use crate::cli::projects::{self, PROGRAM, Project};
use crate::cli::say;
use crate::cli::scripts::{self, MakeStep, RowsAs, Runtime, Runtimes, Script, ScriptLanguage, Setting};

/// Extensions of program files.
const PROGRAM_FILES: [&str; 2] = ["wasm", "wat"];

/// A program that was found.
#[derive(Clone, Debug)]
pub struct Subject {
    /// What runs: for a script its runtime.
    pub program: Program,
    /// What is kept with records, and identifies the program: for a script its package.
    pub kept: Program,
    /// The script, and its folder as it was typed.
    pub script: Option<(Script, PathBuf)>,
}

/// The file of the program at a path, which a folder may not have yet.
pub fn file(path: &Path) -> PathBuf {
    if path.is_dir() { path.join(PROGRAM) } else { path.to_owned() }
}

/// The program at a path. A folder is built first when its sources are newer, and a script's runtime is made when there
/// is none. `paths` are folders that a script imports from.
pub fn load(path: &Path, paths: &[PathBuf], quiet: bool) -> Result<Subject> {
    if scripts::is_script(path) {
        let (script, language) = scripts::read(path, paths).map_err(of_script)?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let runtime = runtime(language, &folder, false, quiet)?;
        return Ok(Subject::of_script(script, folder, runtime));
    }
    check(path)?;
    if !path.is_dir() {
        return Ok(Subject::of_file(Program::read(path)?));
    }
    let program = path.join(PROGRAM);
    if projects::is_stale(path).map_err(explain)? {
        let project = Project::find(path).map_err(explain)?;
        if !quiet {
            say(format_args!("building {} ({})", program.display(), project.language.name));
        }
        projects::build(&project, &program).map_err(explain)?;
    }
    Ok(Subject::of_file(Program::read(program)?))
}

/// The program at a path, if nothing has to be built or made for it.
pub fn load_as_it_is(path: &Path, paths: &[PathBuf]) -> Result<Option<Subject>> {
    if scripts::is_script(path) {
        let (script, language) = scripts::read(path, paths).map_err(of_script)?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let runtime =
            Runtimes::open().and_then(|runtimes| runtimes.find(language, here(&folder))).map_err(of_script)?;
        return Ok(runtime.map(|runtime| Subject::of_script(script, folder, runtime)));
    }
    check(path)?;
    if !path.is_dir() {
        return Ok(Some(Subject::of_file(Program::read(path)?)));
    }
    let is_stale = projects::is_stale(path).map_err(explain)?;
    if is_stale { Ok(None) } else { Ok(Some(Subject::of_file(Program::read(path.join(PROGRAM))?))) }
}

/// The runtime of a language. Says what is done for it.
pub fn runtime(language: &'static ScriptLanguage, dir: &Path, anew: bool, quiet: bool) -> Result<Runtime> {
    let tell = |step: MakeStep<'_>| match step {
        _ if quiet => {}
        MakeStep::Begins { language, tool, version, takes } => {
            say(format_args!("making the runtime of {language} with {tool} {version}: once, {takes}"));
        }
        MakeStep::Made { name, bytes, took } => {
            say(format_args!("made the runtime {name} ({}) in {took:.1?}; now it is compiled", ByteSize(bytes)));
        }
    };
    Runtimes::open().and_then(|runtimes| runtimes.obtain(language, here(dir), anew, tell)).map_err(of_script)
}

impl Subject {
    /// A program that is not a script.
    pub fn of_file(program: Program) -> Subject {
        Subject { kept: program.clone(), program, script: None }
    }

    fn of_script(script: Script, folder: PathBuf, runtime: Runtime) -> Subject {
        let kept = Program::new(script.main.clone(), script.package(&runtime.name));
        Subject { program: runtime.program(&script.main), kept, script: Some((script, folder)) }
    }

    /// The program of an earlier run, from the copy that was kept. The folder is that of the script as it was typed.
    pub fn of_kept(kept: Program, folder: PathBuf) -> Result<Subject> {
        let Some((script, name)) = Script::of_package(kept.bytes()) else { return Ok(Subject::of_file(kept)) };
        let found = Runtimes::open().and_then(|runtimes| runtimes.read(&name)).map_err(of_script)?;
        let runtime = match (found, ScriptLanguage::named(&script.language)) {
            (Some(runtime), _) => Some(runtime),
            // The tools that are here may make the same.
            (None, Some(language)) => Some(runtime(language, &folder, false, false)?).filter(|made| made.name == name),
            (None, None) => None,
        };
        let runtime = runtime.ok_or_else(|| of_script(scripts::Error::Gone { name }))?;
        Ok(Subject { program: runtime.program(kept.name()), kept, script: Some((script, folder)) })
    }

    /// Has the runtime of a script be given the script, with the argument of `config` for the script's own `init`.
    pub fn start_with(&self, rows: RowsAs, config: &mut PoolConfig) {
        let Some((script, folder)) = &self.script else { return };
        let init = config.init.take().unwrap_or_default();
        let argument = Some(&*init.argument).filter(|argument| !argument.is_empty());
        let bundle = script.bundle(Setting { rows, bare: config.task.bare_outputs, argument, folder });
        config.init = Some(Init { argument: bundle.into(), ..init });
    }

    /// Whether the program at a path is another one now, if that can be said.
    pub fn differs_from(&self, path: &Path, paths: &[PathBuf]) -> bool {
        let now = match Script::of_package(self.kept.bytes()) {
            Some((_, runtime)) if scripts::is_script(path) => {
                scripts::read(path, paths).ok().map(|(script, _)| Program::new("", script.package(&runtime)))
            }
            Some(_) => None,
            None => Some(file(path)).filter(|path| path.is_file()).and_then(|path| Program::read(path).ok()),
        };
        now.is_some_and(|now| now.hash() != self.kept.hash())
    }
}

/// A folder that a process can be started in.
fn here(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() { Path::new(".") } else { folder }
}

/// Refuses what is neither a program nor a folder to build.
fn check(path: &Path) -> Result<(), Usage> {
    let shown = path.display();
    if !path.is_dir() && projects::must_be_built(path) {
        let kind = match ScriptLanguage::of(path) {
            Some(_) => "the source of a component with a WIT world, and not a script",
            None => "a source",
        };
        return Err(Usage(format!("{shown} is {kind}: build it with `wpool build {shown}`, or name its folder")));
    }
    // A program file that became a folder is not the user's work, and building executes what is in it.
    if path.is_dir() && path.extension().is_some_and(|end| PROGRAM_FILES.iter().any(|known| end == *known)) {
        return Err(Usage(format!("{shown} is a folder with the name of a program file; rename it to build it")));
    }
    Ok(())
}

/// Sorts an error into the categories of exit codes.
pub fn explain(error: projects::Error) -> anyhow::Error {
    if error.is_usage() { Usage(error.to_string()).into() } else { error.into() }
}

/// The same for an error about a script.
pub fn of_script(error: scripts::Error) -> anyhow::Error {
    if let scripts::Error::Refused { .. } = error {
        return Refused(error.to_string()).into();
    }
    if error.is_usage() { Usage(error.to_string()).into() } else { error.into() }
}
