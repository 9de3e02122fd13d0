//! Tools of languages: finding and running them. Only this part of the module starts processes.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::cli::projects::error::Error;
use crate::cli::projects::interrupt::Interrupts;

/// A tool that must be installed.
#[derive(Debug)]
pub struct Tool {
    pub name: &'static str,
    /// Its possible places, in order of preference.
    pub ways: &'static [Way],
    /// The command that installs it.
    pub install: &'static str,
}

/// One place of a tool, and its call there.
#[derive(Debug)]
pub struct Way {
    pub place: Place,
    /// The first arguments of every call.
    pub args: &'static [&'static str],
    /// Arguments that make it print its version.
    pub version: &'static [&'static str],
}

#[derive(Debug)]
pub enum Place {
    /// An executable in `PATH`.
    Path(&'static str),
    /// An executable of an npm package, in the project's folder or one above.
    Npm(&'static str),
    /// A Python module that is run with `-m`.
    PythonModule(&'static str),
    /// An executable of a Python package, whose folder need not be in `PATH`.
    PythonScript(&'static str),
    /// A compiler of a WASI SDK, at `WASI_SDK_PATH` or `/opt/wasi-sdk`.
    WasiSdk(&'static str),
    /// Debian's compiler, beside its package wasi-libc.
    Debian(&'static str),
    /// The standard library of a Rust target.
    RustTarget(&'static str),
}

/// A tool that was found.
#[derive(Clone, Debug)]
pub struct Found {
    program: PathBuf,
    args: Vec<OsString>,
    version: &'static [&'static str],
}

impl Tool {
    /// Looks for the tool, as a project in `dir` would.
    pub fn find(&self, dir: &Path) -> Option<Found> {
        self.ways.iter().find_map(|way| found(way, dir))
    }
}

fn found(way: &Way, dir: &Path) -> Option<Found> {
    let (program, first) = locate(&way.place, dir)?;
    let args = first.into_iter().map(OsString::from).chain(way.args.iter().map(OsString::from)).collect();
    Some(Found { program, args, version: way.version })
}

impl Tool {
    /// As [`Tool::find`], but only where no process has to be asked.
    pub fn find_at_once(&self, dir: &Path) -> Option<Found> {
        let asks =
            |way: &&Way| matches!(way.place, Place::PythonModule(_) | Place::PythonScript(_) | Place::RustTarget(_));
        let mut ways = self.ways.iter().filter(|way| !asks(way));
        ways.find_map(|way| found(way, dir))
    }
}

impl Found {
    /// The facts that change when another version of the tool takes its place: its path, and its size and time.
    pub fn stamp(&self) -> Option<String> {
        let found = std::fs::metadata(&self.program).ok()?;
        let time = found.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
        Some(format!("{} {} {}", self.program.display(), found.len(), time.as_nanos()))
    }

    /// A call of the tool in a folder.
    pub fn call<A: AsRef<OsStr>>(&self, dir: &Path, args: impl IntoIterator<Item = A>) -> Command {
        let mut command = self.command();
        command.args(&self.args).args(args).current_dir(dir);
        command
    }

    /// With `-m` Python imports from the working directory, which may be anybody's; Python 3.11 and later can be told not to.
    fn command(&self) -> Command {
        let mut command = command(&self.program);
        if self.args.iter().any(|arg| arg == "-m") {
            command.env("PYTHONSAFEPATH", "1");
        }
        command
    }

    /// Its path, with the name of the module if it is an interpreter.
    pub fn path(&self) -> String {
        let module = self.args.iter().skip_while(|arg| *arg != "-m").take(2);
        let words = [self.program.as_os_str()].into_iter().chain(module.map(OsString::as_os_str));
        words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
    }

    /// The number in its printed version, or else the whole first line.
    pub fn version(&self, dir: &Path) -> Option<String> {
        let mut command = self.command();
        let module = self.args.iter().skip_while(|arg| *arg != "-m").take(2);
        let output = output(command.args(module).args(self.version).current_dir(dir).stderr(Stdio::null())).ok()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text.lines().next()?.trim();
        let number = |word: &&str| {
            let word = word.trim_start_matches("go").trim_start_matches('v');
            word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.')
        };
        Some(line.split_whitespace().find(number).unwrap_or(line).to_owned())
    }
}

/// The program of a place, and its first arguments.
fn locate(place: &Place, dir: &Path) -> Option<(PathBuf, Vec<&'static str>)> {
    let program = match place {
        Place::Path(name) => in_path(name),
        Place::Npm(name) => {
            let above = std::path::absolute(dir).ok()?;
            above.ancestors().map(|dir| dir.join("node_modules/.bin").join(name)).find(|path| is_executable(path))
        }
        Place::PythonModule(name) => {
            let python = in_path("python3")?;
            let script = format!("{NO_FOLDER}import importlib.util as u\nsys.exit(u.find_spec({name:?}) is None)");
            let found = output(command(&python).args(["-c", &script])).is_ok_and(|found| found.status.success());
            return found.then(|| (python, vec!["-m", *name]));
        }
        Place::PythonScript(name) => {
            python_scripts()?.into_iter().map(|dir| dir.join(name)).find(|it| is_executable(it))
        }
        Place::WasiSdk(name) => {
            let sdk = env::var_os("WASI_SDK_PATH").map_or_else(|| PathBuf::from("/opt/wasi-sdk"), PathBuf::from);
            Some(sdk.join("bin").join(name)).filter(|path| is_executable(path))
        }
        Place::Debian(name) => in_path(name).filter(|_| Path::new("/usr/include/wasm32-wasi").is_dir()),
        Place::RustTarget(target) => in_path("rustc").filter(|_| has_rust_target(target, dir)),
    };
    Some((program?, Vec::new()))
}

/// Whether rustc has the standard library of a target. The folder may choose its own toolchain.
pub fn has_rust_target(target: &str, dir: &Path) -> bool {
    let asked = output(command("rustc").args(["--print", "target-libdir", "--target", target]).current_dir(dir));
    asked.is_ok_and(|said| Path::new(String::from_utf8_lossy(&said.stdout).trim()).is_dir() && said.status.success())
}

/// The beginning of what Python is asked: with `-c` it would import from the working directory, which may be anybody's.
const NO_FOLDER: &str = "import sys\nsys.path[:] = [path for path in sys.path if path]\n";

/// Python's folders of executables: of the environment, and of the user.
fn python_scripts() -> Option<Vec<PathBuf>> {
    const ASK: &str = "import sysconfig as s\nprint(s.get_path('scripts'))\n\
                       print(s.get_path('scripts', s.get_preferred_scheme('user')))";
    let output = output(command(in_path("python3")?).args(["-c", &format!("{NO_FOLDER}{ASK}")])).ok()?;
    Some(String::from_utf8_lossy(&output.stdout).lines().map(PathBuf::from).collect())
}

fn in_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|dir| dir.join(name)).find(|path| is_executable(path))
}

fn is_executable(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[expect(clippy::disallowed_methods, reason = "the only place that starts compilers, with the user's own rights")]
fn command(program: impl AsRef<OsStr>) -> Command {
    Command::new(program)
}

fn output_of(command: &mut Command, given: &[u8]) -> io::Result<Output> {
    if given.is_empty() {
        return output(command);
    }
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let input = child.stdin.take();
    std::thread::scope(|scope| {
        // Beside the reading: a tool may print before it has read all. One that ends early says why itself.
        scope.spawn(move || input.map(|mut input| input.write_all(given)));
        child.wait_with_output()
    })
}

fn output(command: &mut Command) -> io::Result<Output> {
    command.stdin(Stdio::null()).output()
}

/// Runs a command to its end. Its printed text goes to standard error.
pub fn run(command: &mut Command) -> Result<(), Error> {
    let status = command.stdin(Stdio::null()).stdout(io::stderr()).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Error::Failed { command: line(command), status }),
        Err(source) => Err(Error::Start { command: line(command), source }),
    }
}

/// Runs a command to its end, or to a signal. Only a failure shows its printed text.
pub fn run_held(command: &mut Command, interrupts: &Interrupts) -> Result<(), Error> {
    let done = interrupts.output(command);
    interrupts.check(&line(command))?;
    printed(command, done).map(drop)
}

/// Runs a command to its end, and returns its standard output. Only a failure shows its printed text.
pub fn read_quietly(command: &mut Command) -> Result<Vec<u8>, Error> {
    read_given(command, &[])
}

/// The same, of a command that reads this from its standard input.
pub fn read_given(command: &mut Command, given: &[u8]) -> Result<Vec<u8>, Error> {
    let done = output_of(command, given);
    printed(command, done)
}

fn printed(command: &Command, done: io::Result<Output>) -> Result<Vec<u8>, Error> {
    match done {
        Ok(output) if output.status.success() => Ok(output.stdout),
        Ok(Output { status, stdout, stderr }) => {
            let printed = [stdout, stderr].concat();
            let printed = String::from_utf8_lossy(&printed).trim_end().to_owned();
            Err(Error::Printed { command: line(command), status, printed })
        }
        Err(source) => Err(Error::Start { command: line(command), source }),
    }
}

/// Runs a command and returns its standard output.
pub fn read(command: &mut Command) -> Result<Vec<u8>, Error> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    match output {
        Ok(output) if output.status.success() => Ok(output.stdout),
        Ok(output) => Err(Error::Failed { command: line(command), status: output.status }),
        Err(source) => Err(Error::Start { command: line(command), source }),
    }
}

/// A command as one would type it, except for quotes.
fn line(command: &Command) -> String {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}
