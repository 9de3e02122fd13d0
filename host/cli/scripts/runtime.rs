//! Runtimes: programs that run scripts. Each is made once, by its language's own tools, and kept in a folder of the user's
//! alone. Its name has the version of the tool and a hash of everything that wpool adds.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use rustix::fs::{FlockOperation, flock};
use wpool::limits::MAX_PROGRAM;
use wpool::place::{Dir, PRIVATE};
use wpool::{Program, inert};

use crate::cli::dirs::cache_dir;
use crate::cli::projects::{self, run_quietly};
use crate::cli::scripts::error::Error;
use crate::cli::scripts::given::{END, Given};
use crate::cli::scripts::inputs::{need, scratch};
use crate::cli::scripts::language::{Origin, Recipe, SCRIPT_LANGUAGES, ScriptLanguage};

/// The contract between wpool and a runtime.
const WIT: &str = include_str!("../../../wit/script.wit");
/// The versions of tools by what their files look like: asking a tool takes longer than a run.
const VERSIONS: &str = "versions.json";
/// Most tools whose versions are remembered.
const MOST_VERSIONS: usize = 64;
/// Held by whoever makes a runtime, so that runs which begin together make it once.
const LOCK: &str = "lock";
/// Digits of a hash in a name.
const DIGITS: usize = 12;

/// The folder of runtimes.
#[derive(Debug)]
pub struct Runtimes {
    pub(super) dir: Dir,
    given: Vec<Given>,
}

/// A runtime that is there.
#[derive(Clone, Debug)]
pub struct Runtime {
    /// Such as `python-0.25.1-0123456789ab`.
    pub name: String,
    pub bytes: Vec<u8>,
    /// The file, where another package brings it.
    pub brought: Option<PathBuf>,
}

/// What a runtime was made in, for people.
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    Begins { language: &'static str, tool: &'static str, version: &'a str, takes: &'static str },
    Made { name: &'a str, bytes: u64, took: Duration },
}

impl Runtime {
    /// The runtime of a language if it is a part of wpool, or else how it is made.
    pub(super) fn inside(language: &ScriptLanguage) -> Result<Runtime, &Recipe> {
        let bytes = match &language.runtime {
            Origin::Inside(bytes) => bytes,
            Origin::Made(recipe) => return Err(recipe),
        };
        let hash: String = blake3::hash(bytes).to_hex().chars().take(DIGITS).collect();
        Ok(Runtime {
            name: format!("{}-{}-{hash}", language.name, env!("CARGO_PKG_VERSION")),
            bytes: bytes.to_vec(),
            brought: None,
        })
    }

    /// The runtime in a file that another package brings.
    fn of(given: &Given) -> Result<Runtime, Error> {
        Ok(Runtime { name: given.name.clone(), bytes: given.read()?, brought: Some(given.real_path()?) })
    }

    /// The program, under the name of a script.
    /// `kept` is the script, which was read from these places.
    pub fn program(self, name: &str, kept: &Program, places: Vec<PathBuf>) -> Program {
        Program::new(name, self.bytes).running(kept, places, self.brought)
    }
}

/// The folder of runtimes, which may not exist.
pub fn folder() -> Option<PathBuf> {
    cache_dir().map(|cache| cache.join("runtimes"))
}

impl Runtimes {
    /// Opens or creates the folder.
    pub fn open() -> Result<Runtimes, Error> {
        let path = folder().ok_or(Error::NoHome)?;
        Ok(Runtimes { dir: Dir::make_private(&path).map_err(Error::io("use", &path))?, given: Given::all() })
    }

    /// The runtime of a language that another package brings, if it is of this wpool.
    pub fn given(&self, language: &ScriptLanguage) -> Option<&Given> {
        let Origin::Made(recipe) = &language.runtime else { return None };
        let (begin, end) = (format!("{}-", language.name), format!("-{}", hash(recipe)));
        self.given.iter().find(|it| it.name.starts_with(&begin) && it.name.ends_with(&end))
    }

    /// The runtime of a language, if it is there. Starts a process only when a tool is seen for the first time.
    pub fn find(&self, language: &ScriptLanguage, dir: &Path) -> Result<Option<Runtime>, Error> {
        let recipe = match Runtime::inside(language) {
            Ok(inside) => return Ok(Some(inside)),
            Err(recipe) => recipe,
        };
        // Before a tool is looked for: who brings a runtime means it to be used.
        if let Some(given) = self.given(language) {
            return Runtime::of(given).map(Some);
        }
        let name = match recipe.tool.find_at_once(dir) {
            Some(found) => {
                let version = self.version(&found, dir);
                Some(name(language, recipe, &version)).filter(|name| self.has(name))
            }
            // Without the tool, whichever was made by one before.
            None => self.latest(language, recipe),
        };
        name.map(|name| self.read(&name)).transpose().map(Option::flatten)
    }

    /// The runtime of this name, if it is there.
    pub fn read(&self, name: &str) -> Result<Option<Runtime>, Error> {
        // Hashing those of other languages would take as long as the rest of a start.
        let language = SCRIPT_LANGUAGES.iter().filter(|language| name.starts_with(language.name));
        if let Some(inside) = language.flat_map(Runtime::inside).find(|it| it.name == name) {
            return Ok(Some(inside));
        }
        if let Some(given) = self.given.iter().find(|it| it.name == name) {
            return Runtime::of(given).map(Some);
        }
        let place = self.dir.at(format!("{name}{END}"));
        let path = place.path();
        if place.look().map_err(Error::io("read", &path))?.is_none() {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        let read = place.read().and_then(|file| {
            // Growing step by step would copy it some times.
            bytes.reserve_exact(file.metadata()?.len().min(MAX_PROGRAM) as usize + 1);
            // For the list. A folder that cannot be written to works as well.
            let _ = file.set_modified(SystemTime::now());
            file.take(MAX_PROGRAM).read_to_end(&mut bytes)
        });
        read.map_err(Error::io("read", &path))?;
        Ok(Some(Runtime { name: name.to_owned(), bytes, brought: None }))
    }

    /// The runtime of a language, which is made if it is not there or `anew`.
    pub fn obtain(
        &self,
        language: &'static ScriptLanguage,
        dir: &Path,
        anew: bool,
        tell: impl Fn(Step<'_>),
    ) -> Result<Runtime, Error> {
        if let Some(found) = self.find(language, dir)?.filter(|_| !anew) {
            return Ok(found);
        }
        let recipe = match Runtime::inside(language) {
            Ok(inside) => return Ok(inside),
            Err(recipe) => recipe,
        };
        recipe.tools.iter().try_for_each(|tool| need(language.name, tool, dir).map(drop))?;
        let found = need(language.name, recipe.tool, dir)?;
        let _lock = self.lock()?;
        let version = self.version(&found, dir);
        let name = name(language, recipe, &version);
        // Perhaps somebody else has made it in the meantime.
        if let Some(found) = self.read(&name)?.filter(|_| !anew) {
            return Ok(found);
        }
        tell(Step::Begins { language: language.name, tool: recipe.tool.name, version: &version, takes: recipe.takes });
        let began = Instant::now();
        let bytes = make(language, recipe, &found)?;
        let place = self.dir.at(format!("{name}{END}"));
        place.replace(&bytes, PRIVATE, true).map_err(Error::io("write", &place.path()))?;
        tell(Step::Made { name: &name, bytes: bytes.len() as u64, took: began.elapsed() });
        Ok(Runtime { name, bytes, brought: None })
    }

    fn has(&self, name: &str) -> bool {
        self.dir.at(format!("{name}{END}")).look().is_ok_and(|found| found.is_some())
    }

    /// The runtime of this wpool that was used last.
    pub(super) fn latest(&self, language: &ScriptLanguage, recipe: &Recipe) -> Option<String> {
        let end = format!("-{}", hash(recipe));
        self.of(language, &end).ok()?.into_iter().max_by_key(|(_, _, used)| *used).map(|(name, ..)| name)
    }

    /// Names, sizes and last uses of a language's runtimes whose names have an end.
    pub(super) fn of(&self, language: &ScriptLanguage, end: &str) -> Result<Vec<(String, u64, SystemTime)>, Error> {
        let names = self.dir.names().map_err(Error::io("read", self.dir.path()))?;
        let begin = format!("{}-", language.name);
        let found = names.into_iter().filter_map(|file| {
            let name = file.to_str()?.strip_suffix(END)?;
            let is_one = name.starts_with(&begin) && name.ends_with(end);
            let metadata = self.dir.at(&file).read().ok().filter(|_| is_one)?.metadata().ok()?;
            Some((name.to_owned(), metadata.len(), metadata.modified().ok()?))
        });
        Ok(found.collect())
    }

    /// The version of a tool. It is asked once for each state of its file.
    pub(super) fn version(&self, found: &projects::Found, dir: &Path) -> String {
        let ask = || found.version(dir).unwrap_or_else(|| "unknown".to_owned());
        let Some(stamp) = found.stamp() else { return ask() };
        let place = self.dir.at(VERSIONS);
        let mut text = String::new();
        let read = place.read().and_then(|file| file.take(1 << 20).read_to_string(&mut text));
        let mut versions: BTreeMap<String, String> =
            read.ok().and_then(|_| serde_json::from_str(&text).ok()).unwrap_or_default();
        if let Some(version) = versions.get(&stamp) {
            return version.clone();
        }
        let version = ask();
        if versions.len() >= MOST_VERSIONS {
            versions.clear();
        }
        versions.insert(stamp, version.clone());
        let mut text = Vec::new();
        inert::push_json(&versions, &mut text).expect("texts serialize, and a Vec takes every byte");
        // It is asked again next time.
        let _ = place.replace(&text, PRIVATE, true);
        version
    }

    fn lock(&self) -> Result<File, Error> {
        let place = self.dir.at(LOCK);
        let lock = place.edit_private().and_then(|file| {
            flock(&file, FlockOperation::LockExclusive)?;
            Ok(file)
        });
        lock.map_err(Error::io("lock", &place.path()))
    }
}

/// The name of a language's runtime by a version of its tool.
pub(super) fn name(language: &ScriptLanguage, recipe: &Recipe, version: &str) -> String {
    let version: String = version.chars().filter(|c| c.is_ascii_alphanumeric() || ".+".contains(*c)).collect();
    format!("{}-{version}-{}", language.name, hash(recipe))
}

/// Digits for everything that wpool adds to a runtime.
fn hash(recipe: &Recipe) -> String {
    let mut hasher = blake3::Hasher::new();
    let Recipe { files, libraries, args, env, .. } = recipe;
    hasher.update(WIT.as_bytes()).update(format!("{files:?}{libraries:?}{args:?}{env:?}").as_bytes());
    hasher.finalize().to_hex().chars().take(DIGITS).collect()
}

/// Makes a runtime in a new folder.
fn make(language: &ScriptLanguage, recipe: &Recipe, found: &projects::Found) -> Result<Vec<u8>, Error> {
    let scratch = scratch("runtime")?;
    let write = |name: &str, content: &[u8]| {
        let path = scratch.path().join(name);
        let folder = path.parent().unwrap_or(scratch.path());
        let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, content));
        written.map_err(Error::io("write", &path))
    };
    for (name, content) in recipe.files.iter().chain(&[("wit/script.wit", WIT)]) {
        write(name, content.as_bytes())?;
    }
    for (name, text) in recipe.libraries {
        write(name, &wat::parse_str(text).expect("a test makes it"))?;
    }
    run_quietly(found.call(scratch.path(), recipe.args).envs(recipe.env.iter().copied()))?;
    let out = scratch.path().join("out.wasm");
    let bytes = std::fs::read(&out).map_err(Error::io("read", &out))?;
    if !wasmparser::Parser::is_component(&bytes) {
        return Err(Error::NotMade { tool: recipe.tool.name, language: language.name });
    }
    Ok(bytes)
}
