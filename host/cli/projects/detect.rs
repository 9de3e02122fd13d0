//! Finds the project at a path.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::cli::projects::error::Error;
use crate::cli::projects::language::{LANGUAGES, Language, MODULE, Recipe};
use crate::cli::projects::tool::{Found, Tool};

/// The name of a folder's program.
pub const PROGRAM: &str = "task.wasm";

/// Names of a main source file, among several files.
const MAIN: [&str; 4] = ["task", "app", "main", "index"];
/// Folders that may have it.
const FOLDERS: [&str; 3] = ["", "src", "assembly"];
/// Folders below a project that have no sources: output of tools, and installed packages.
const NO_SOURCES: [&str; 4] = ["target", "node_modules", "zig-out", "__pycache__"];
/// Extensions of sources beside those that show a language: headers, manifests, lock files, WIT.
const SOURCE_EXTENSIONS: [&str; 9] = ["rs", "toml", "lock", "h", "hpp", "mod", "sum", "wit", "tsx"];
/// Configuration files whose extension is also that of data.
const SOURCE_FILES: [&str; 4] = ["package.json", "package-lock.json", "tsconfig.json", "asconfig.json"];
/// Deepest folder of sources. A link upwards must not be followed endlessly.
const DEEPEST: usize = 16;

/// Sources of one language.
#[derive(Debug)]
pub struct Project {
    pub language: &'static Language,
    /// The working directory of its tools.
    pub dir: PathBuf,
    /// The only source file; if `None`, the whole folder.
    pub file: Option<PathBuf>,
}

impl Project {
    /// The project at a path: a folder, a manifest in it, or a single source file.
    pub fn find(path: &Path) -> Result<Project, Error> {
        if path.is_dir() {
            return Ok(Project { language: language_of_folder(path)?, dir: path.to_owned(), file: None });
        }
        fs::metadata(path).map_err(Error::io("read", path))?;
        let name = path.file_name().unwrap_or_default();
        let seen = || LANGUAGES.iter().chain([&MODULE]).filter(|language| shows(language, name));
        let language = seen().next().ok_or_else(|| Error::NothingToBuild { path: path.to_owned() })?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if name == "package.json" {
            return Ok(Project { language: language_of_folder(parent)?, dir: parent.to_owned(), file: None });
        }
        let is_manifest = language.signs.iter().any(|sign| OsStr::new(sign) == name);
        Ok(Project { language, dir: parent.to_owned(), file: (!is_manifest).then(|| PathBuf::from(name)) })
    }

    /// Finds a tool that the project needs.
    pub fn need(&self, tool: &Tool) -> Result<Found, Error> {
        tool.find(&self.dir).ok_or_else(|| {
            let has_package = self.language.uses_npm() && self.dir.join("package.json").exists();
            // The package.json lists npm packages already, but npm does not install node itself.
            let remedy = if has_package && tool.install.starts_with("npm ") {
                format!("run `npm install` in {}", self.dir.display())
            } else {
                format!("install it with `{}`", tool.install)
            };
            Error::MissingTool { language: self.language.name, tool: tool.name.to_owned(), remedy }
        })
    }

    /// The default place of its program.
    pub fn default_output(&self) -> PathBuf {
        match &self.file {
            Some(file) if self.language.is_module() => self.dir.join(file.with_extension("component.wasm")),
            Some(file) => self.dir.join(file.with_extension("wasm")),
            None => self.dir.join(PROGRAM),
        }
    }

    /// Its source files, relative to its folder.
    pub fn sources(&self) -> Result<Vec<PathBuf>, Error> {
        match &self.file {
            Some(file) => Ok(vec![file.clone()]),
            None => self.sources_in(""),
        }
    }

    fn sources_in(&self, folder: &str) -> Result<Vec<PathBuf>, Error> {
        let is_source = |name: &OsStr| {
            let extension = Path::new(name).extension().unwrap_or_default();
            self.language.extensions().any(|known| extension == known) && name != PROGRAM && name != "build.zig"
        };
        let names = names(&self.dir.join(folder))?.into_iter().filter(|name| is_source(name));
        Ok(names.map(|name| Path::new(folder).join(name)).collect())
    }

    /// The source file from which all others are reached.
    pub fn main_source(&self) -> Result<PathBuf, Error> {
        let is_ours =
            |file: &PathBuf| self.language.extensions().any(|known| file.extension() == Some(OsStr::new(known)));
        if let Some(file) = self.file.clone().or_else(|| main_of_package(&self.dir).filter(is_ours)) {
            return Ok(file);
        }
        let mut seen = Vec::new();
        for folder in FOLDERS.into_iter().filter(|folder| self.dir.join(folder).is_dir()) {
            let found = self.sources_in(folder)?;
            let is_main = |path: &&PathBuf| MAIN.iter().any(|name| path.file_stem() == Some(OsStr::new(name)));
            match (found.as_slice(), found.iter().find(is_main)) {
                ([only], _) | (_, Some(only)) => return Ok(only.clone()),
                _ => seen.extend(found),
            }
        }
        Err(Error::NoMain { dir: self.dir.clone(), language: self.language.name, found: list(&seen) })
    }
}

/// Whether a file must be built before it can run: a source, except WebAssembly text.
pub fn must_be_built(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    LANGUAGES.iter().any(|language| !matches!(language.recipe, Recipe::Text) && shows(language, name))
}

/// Whether a folder's program is missing or older than one of its sources.
pub fn is_stale(dir: &Path) -> Result<bool, Error> {
    let program = dir.join(PROGRAM);
    let Ok(built) = fs::metadata(&program).and_then(|found| found.modified()) else { return Ok(true) };
    has_newer(dir, built, DEEPEST)
}

fn has_newer(dir: &Path, than: SystemTime, depth: usize) -> Result<bool, Error> {
    for name in names(dir)? {
        let path = dir.join(&name);
        // A link without a target is not a source.
        let Ok(found) = fs::metadata(&path) else { continue };
        let newer = if found.is_dir() {
            depth > 0 && !NO_SOURCES.iter().any(|skipped| name == *skipped) && has_newer(&path, than, depth - 1)?
        } else {
            is_source(&name) && found.modified().map_err(Error::io("read", &path))? > than
        };
        if newer {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether some language builds programs from files of this name. Data beside them, such as rows and records, do not
/// count.
fn is_source(name: &OsStr) -> bool {
    let extension = Path::new(name).extension().unwrap_or_default();
    LANGUAGES.iter().any(|language| shows(language, name))
        || SOURCE_EXTENSIONS.iter().any(|known| extension == *known)
        || SOURCE_FILES.iter().any(|known| name == *known)
}

fn language_of_folder(dir: &Path) -> Result<&'static Language, Error> {
    let names = names(dir)?;
    let seen = |language: &&Language| names.iter().any(|name| shows(language, name) && name != PROGRAM);
    let all: Vec<&Language> = LANGUAGES.iter().filter(seen).collect();
    let is_hidden = |language: &Language| all.iter().any(|other| other.hides.contains(&language.name));
    let meant: Vec<&Language> = all.iter().copied().filter(|language| !is_hidden(language)).collect();
    // A script beside a manifest is a helper.
    let has_manifest = |language: &&&Language| {
        language.signs.iter().any(|sign| !sign.starts_with('*') && names.iter().any(|name| OsStr::new(sign) == name))
    };
    let managed: Vec<_> = meant.iter().filter(has_manifest).collect();
    match meant.as_slice() {
        [one] => Ok(one),
        [_, _, ..] if managed.len() == 1 => Ok(managed[0]),
        [] if seen(&&MODULE) => Ok(&MODULE),
        [] => Err(Error::NothingToBuild { path: dir.to_owned() }),
        several => {
            let proof = |language: &&Language| {
                let signs = names.iter().filter(|name| shows(language, name));
                let signs: Vec<_> = signs.map(|name| name.to_string_lossy()).collect();
                format!("{} ({})", language.name, signs.join(", "))
            };
            let found = several.iter().map(proof).collect::<Vec<_>>().join(" and ");
            Err(Error::Ambiguous { dir: dir.to_owned(), found })
        }
    }
}

fn shows(language: &Language, name: &OsStr) -> bool {
    let extension = Path::new(name).extension().unwrap_or_default();
    language.signs.iter().any(|sign| OsStr::new(sign) == name)
        || language.extensions().any(|known| OsStr::new(known) == extension)
}

/// The names in a folder, sorted, without hidden ones.
fn names(dir: &Path) -> Result<Vec<std::ffi::OsString>, Error> {
    let entries = fs::read_dir(dir).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut names: Vec<_> =
        entries.map_err(Error::io("read", dir))?.into_iter().map(|entry| entry.file_name()).collect();
    names.retain(|name| !name.as_encoded_bytes().starts_with(b"."));
    names.sort();
    Ok(names)
}

/// The main file of a package.json.
fn main_of_package(dir: &Path) -> Option<PathBuf> {
    let text = fs::read(dir.join("package.json")).ok()?;
    let package: serde_json::Value = serde_json::from_slice(&text).ok()?;
    let main = PathBuf::from(package.get("main")?.as_str()?);
    dir.join(&main).is_file().then_some(main)
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
