//! The program of a command: a file, a script, or a folder that is built first.

use std::path::{Path, PathBuf};

use anyhow::Result;
use bytesize::ByteSize;
use wpool::{Init, Policy, PoolConfig, Program};

use crate::cli::errors::{Refused, Usage};
use crate::cli::projects::{self, PROGRAM, Project};
use crate::cli::say;
use crate::cli::scripts::{self, MakeStep, RowsAs, Runtime, Runtimes, Script, ScriptLanguage, Setting};

/// Extensions of program files.
const PROGRAM_FILES: [&str; 2] = ["wasm", "wat"];

/// A program that was found.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The program that runs: for a script its runtime.
    pub program: Program,
    /// The program that is kept with records and identifies it: for a script its package.
    pub kept: Program,
    /// The script, and its folder as it was typed.
    pub script: Option<(Script, PathBuf)>,
    /// The file of a script's runtime, where another package brings it.
    brought: Option<PathBuf>,
}

/// A script that was read for a policy: what stands at its own place, where a link at the typed path leads nowhere else by
/// the time that it is judged.
struct Found {
    script: Script,
    language: &'static ScriptLanguage,
    /// The script, and the folders of packages.
    places: Vec<PathBuf>,
}

impl Found {
    fn read(path: &Path, paths: &[PathBuf]) -> Result<Found, scripts::Error> {
        let real = |path: &Path| path.canonicalize().map_err(scripts::Error::io("read", path));
        let script = real(path)?;
        let folders = paths.iter().map(|path| real(&scripts::packages(path)?)).collect::<Result<Vec<_>, _>>()?;
        let (read, language) = scripts::read(&script, &folders)?;
        Ok(Found { script: read, language, places: [script].into_iter().chain(folders).collect() })
    }

    /// The same, where no policy looks at places.
    fn as_typed(path: &Path, paths: &[PathBuf]) -> Result<Found, scripts::Error> {
        let (script, language) = scripts::read(path, paths)?;
        Ok(Found { script, language, places: Vec::new() })
    }

    fn under(policy: &Policy, path: &Path, paths: &[PathBuf]) -> Result<Found> {
        let read = if policy.names_programs() { Found::read } else { Found::as_typed };
        read(path, paths).map_err(of_script)
    }
}

/// The file of the program at a path, which a folder may not have yet.
pub fn file(path: &Path) -> PathBuf {
    if path.is_dir() { path.join(PROGRAM) } else { path.to_owned() }
}

/// The program at a path. A folder is built first when its sources are newer, and a script's runtime is made when there
/// is none. `paths` are folders that a script imports from. Nothing is built that the policy would not let run.
pub fn load(path: &Path, paths: &[PathBuf], policy: &Policy, quiet: bool) -> Result<Subject> {
    if scripts::is_script(path) {
        let found = Found::under(policy, path, paths)?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let runtime = runtime(found.language, &folder, false, quiet)?;
        return Subject::of_script(found, folder, runtime).checked(policy);
    }
    check(path)?;
    if !path.is_dir() {
        return Subject::of_file(Program::read(path)?).checked(policy);
    }
    let program = path.join(PROGRAM);
    if projects::is_stale(path).map_err(explain)? {
        policy.check_place(&program).map_err(wpool::Error::from)?;
        let project = Project::find(path).map_err(explain)?;
        if !quiet {
            say(format_args!("building {} ({})", program.display(), project.language.name));
        }
        projects::build(&project, &program).map_err(explain)?;
    }
    Subject::of_file(Program::read(program)?).checked(policy)
}

/// The program at a path, if nothing has to be built or made for it.
pub fn load_as_it_is(path: &Path, paths: &[PathBuf], policy: &Policy) -> Result<Option<Subject>> {
    if scripts::is_script(path) {
        let found = Found::under(policy, path, paths)?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let runtime =
            Runtimes::open().and_then(|runtimes| runtimes.find(found.language, here(&folder))).map_err(of_script)?;
        return runtime.map(|runtime| Subject::of_script(found, folder, runtime).checked(policy)).transpose();
    }
    check(path)?;
    let program = file(path);
    if path.is_dir() && projects::is_stale(path).map_err(explain)? {
        policy.check_place(&program).map_err(wpool::Error::from)?;
        return Ok(None);
    }
    Subject::of_file(Program::read(program)?).checked(policy).map(Some)
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
        Subject { kept: program.clone(), program, script: None, brought: None }
    }

    fn of_script(found: Found, folder: PathBuf, runtime: Runtime) -> Subject {
        let Found { script, places, .. } = found;
        let kept = Program::new(script.main.clone(), script.package(&runtime.name));
        let brought = runtime.brought.clone();
        Subject { program: runtime.program(&script.main, &kept, places), kept, script: Some((script, folder)), brought }
    }

    /// The same, if the policy lets it run.
    pub fn checked(self, policy: &Policy) -> Result<Subject> {
        policy.check_program(&self.program).map_err(wpool::Error::from)?;
        Ok(self)
    }

    /// The same, for a policy as what stands at this path, if that is the same content.
    pub fn found_at(mut self, path: &Path, paths: &[PathBuf]) -> Subject {
        let Some((_, runtime)) = Script::of_package(self.kept.bytes()) else {
            if let Ok(now) = Program::read(file(path)) {
                self.program = self.program.found_as(&now);
            }
            return self;
        };
        let found = Some(path).filter(|path| scripts::is_script(path)).and_then(|path| Found::read(path, paths).ok());
        if let Some(Found { script, places, .. }) = found
            && Program::new("", script.package(&runtime)).hash() == self.kept.hash()
        {
            self.program = self.program.running(&self.kept, places, self.brought.clone());
        }
        self
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
        let brought = runtime.brought.clone();
        let program = runtime.program(kept.name(), &kept, Vec::new());
        Ok(Subject { program, kept, script: Some((script, folder)), brought })
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
