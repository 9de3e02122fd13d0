//! Scripts in Python: which sources are scripts, and which modules belong to one.
//!
//! A module that an import names is looked for beside the script, then in the folders of `--python-path`. A package comes
//! whole, with small files of data: which of its modules it imports is often decided by code.

use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};

use bytesize::ByteSize;

use crate::cli::scripts::bundle::{File, Script};
use crate::cli::scripts::error::Error;
use crate::cli::scripts::imports::imported;
use crate::cli::scripts::inputs::{MOST_BYTES, read_file};
use crate::cli::scripts::source::Source;

const MOST_FILES: usize = 10_000;
/// Largest file of a package that is not a source.
const MOST_DATA: u64 = 1 << 20;
/// Deepest folder of a package. A link upwards must not be followed endlessly.
const DEEPEST: usize = 16;

/// Packages of machine code, which would come for nothing. The runtime reads the same list.
const NATIVE: &str = include_str!("runtimes/python/native.txt");
/// Extensions of machine code.
const MACHINE_CODE: [&str; 4] = ["so", "pyd", "dylib", "dll"];
/// Extensions of files of a package that no script reads.
const LEFT_OUT: [&str; 8] = ["pyc", "pyo", "pyi", "c", "h", "cpp", "pyx", "pxd"];

/// Whether a source is a script: it defines `run`, and is not built by componentize-py itself.
pub fn is_script(source: &str) -> bool {
    // Some editors write a byte order mark.
    source.trim_start_matches('\u{feff}').lines().any(gives_run) && !is_project(source)
}

/// Whether a line defines, assigns or imports `run` at the top level of a source.
fn gives_run(line: &str) -> bool {
    if let Some((_, names)) = line.strip_prefix("from ").and_then(|rest| rest.split_once(" import ")) {
        return names.split(|c: char| c != '_' && !c.is_alphanumeric()).any(|name| name == "run");
    }
    let define = line.strip_prefix("async ").unwrap_or(line).strip_prefix("def ").map(str::trim_start);
    // What follows the name: parameters, type parameters, a value or a type.
    let (name, ends): (_, &[char]) = define.map_or((line, &['=', ':']), |name| (name, &['(', '[']));
    name.strip_prefix("run").is_some_and(|rest| rest.trim_start().starts_with(ends))
}

/// Whether a source is built by componentize-py.
pub fn is_project(source: &str) -> bool {
    source.lines().any(|line| line.starts_with("class WitWorld"))
}

/// The script, with the modules that it can import.
pub fn collect(source: &Source, paths: &[PathBuf]) -> Result<Script, Error> {
    let main = source.main.clone();
    let mut roots = vec![Root::open(&source.folder, true)?];
    for path in paths {
        roots.push(Root::open(&packages(path)?, false)?);
    }
    let mut collector = Collector { roots, files: Vec::new(), native: BTreeSet::new(), bytes: 0 };
    let mut wanted: VecDeque<String> = imported(&source.text()).into_iter().collect();
    let mut seen = BTreeSet::from([main.trim_end_matches(".py").to_owned()]);
    collector.push(main.clone(), true, source.content.clone())?;
    while let Some(name) = wanted.pop_front() {
        if seen.insert(name.clone()) {
            let from = collector.files.len();
            collector.module(&name)?;
            let sources = collector.files[from..].iter().filter(|file| file.name.ends_with(".py"));
            wanted.extend(sources.flat_map(|file| imported(&String::from_utf8_lossy(&file.content))));
        }
    }
    let Collector { mut files, native, .. } = collector;
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Script { language: "python".to_owned(), main, files, native: native.into_iter().collect() })
}

/// The folder of packages that was typed: `venv` is the active virtual environment.
pub fn packages(typed: &Path) -> Result<PathBuf, Error> {
    if typed != Path::new("venv") {
        return Ok(typed.to_owned());
    }
    let venv = PathBuf::from(std::env::var_os("VIRTUAL_ENV").filter(|it| !it.is_empty()).ok_or(Error::NoVenv)?);
    let lib = venv.join("lib");
    let found = fs::read_dir(&lib).map_err(Error::io("read", &lib))?.filter_map(Result::ok);
    let found = found.map(|entry| entry.path().join("site-packages")).filter(|path| path.is_dir());
    found.min().ok_or(Error::NoFolder { path: lib })
}

/// A folder that imports start from.
struct Root {
    path: PathBuf,
    /// Where the path leads.
    real: PathBuf,
    beside: bool,
}

impl Root {
    fn open(path: &Path, beside: bool) -> Result<Root, Error> {
        let real = path.canonicalize().map_err(Error::io("read", path))?;
        if !real.is_dir() {
            return Err(Error::NoFolder { path: path.to_owned() });
        }
        Ok(Root { path: path.to_owned(), real, beside })
    }

    /// Reads a file, unless a link leads out of the folder: whoever may write to the folder could lay one to a file that
    /// only the user may read.
    fn read(&self, name: &str) -> Result<Vec<u8>, Error> {
        let path = self.path.join(name);
        let real = path.canonicalize().map_err(Error::io("read", &path))?;
        if !real.starts_with(&self.real) {
            return Err(Error::Outside { path, root: self.path.clone() });
        }
        read_file(&real)
    }
}

struct Collector {
    roots: Vec<Root>,
    files: Vec<File>,
    native: BTreeSet<String>,
    bytes: u64,
}

impl Collector {
    fn push(&mut self, name: String, beside: bool, content: Vec<u8>) -> Result<(), Error> {
        self.bytes += content.len() as u64;
        self.files.push(File { name, beside, content });
        if self.bytes <= MOST_BYTES && self.files.len() <= MOST_FILES {
            return Ok(());
        }
        let mut sizes = std::collections::BTreeMap::<&str, usize>::new();
        for file in &self.files {
            *sizes.entry(file.name.split('/').next().unwrap_or_default()).or_default() += file.content.len();
        }
        let largest = sizes.into_iter().max_by_key(|(_, size)| *size).map(|(name, _)| name.to_owned());
        let limit = format!("{} or {MOST_FILES} files", ByteSize(MOST_BYTES));
        Err(Error::TooLarge { limit, largest: largest.unwrap_or_default() })
    }

    /// Takes a module with its whole package from the first folder that has it. Modules of Python itself are in none.
    fn module(&mut self, name: &str) -> Result<(), Error> {
        for at in 0..self.roots.len() {
            let Root { path, beside, .. } = &self.roots[at];
            let (file, folder, beside) = (format!("{name}.py"), path.join(name), *beside);
            let is_package = folder.join("__init__.py").is_file();
            let is_file = path.join(&file).is_file();
            if (is_package || is_file) && NATIVE.lines().any(|known| known == name) {
                self.native.insert(name.to_owned());
                return Ok(());
            }
            if is_package {
                return self.folder(at, name, DEEPEST);
            }
            if is_file {
                let content = self.roots[at].read(&file)?;
                return self.push(file, beside, content);
            }
            if has_machine_code(path, name) {
                self.native.insert(name.to_owned());
                return Ok(());
            }
            // A folder of modules without `__init__.py`.
            if folder.is_dir() && has_source(&folder) {
                return self.folder(at, name, DEEPEST);
            }
        }
        Ok(())
    }

    /// Takes a folder of a package.
    fn folder(&mut self, at: usize, name: &str, depth: usize) -> Result<(), Error> {
        let (path, beside) = (self.roots[at].path.join(name), self.roots[at].beside);
        for entry in names(&path)? {
            let (inner, whole) = (format!("{name}/{entry}"), path.join(&entry));
            let Ok(found) = fs::metadata(&whole) else { continue };
            let extension = Path::new(&entry).extension().unwrap_or_default().to_string_lossy().into_owned();
            if found.is_dir() {
                let is_left_out = entry == "__pycache__" || !beside && ["test", "tests"].contains(&entry.as_str());
                if depth > 0 && !is_left_out {
                    self.folder(at, &inner, depth - 1)?;
                }
            } else if MACHINE_CODE.contains(&extension.as_str()) {
                let stem = entry.split('.').next().unwrap_or_default();
                self.native.insert(format!("{}.{stem}", name.replace('/', ".")));
            } else if extension == "py" || found.len() <= MOST_DATA && !LEFT_OUT.contains(&extension.as_str()) {
                let content = self.roots[at].read(&inner)?;
                self.push(inner, beside, content)?;
            }
        }
        Ok(())
    }
}

/// Whether a folder has a module of this name that is machine code, such as `name.cpython-314-x86_64-linux-gnu.so`.
fn has_machine_code(folder: &Path, name: &str) -> bool {
    let is_it = |entry: &String| {
        let (stem, rest) = entry.split_once('.').unwrap_or_default();
        stem == name && rest.rsplit('.').next().is_some_and(|end| MACHINE_CODE.contains(&end))
    };
    names(folder).is_ok_and(|names| names.iter().any(is_it))
}

fn has_source(folder: &Path) -> bool {
    names(folder).is_ok_and(|names| names.iter().any(|name| name.ends_with(".py")))
}

/// The names in a folder that are text, sorted, without hidden ones.
fn names(folder: &Path) -> Result<Vec<String>, Error> {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let entries = entries.map_err(Error::io("read", folder))?;
    let mut names: Vec<_> = entries.into_iter().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    Ok(names)
}
