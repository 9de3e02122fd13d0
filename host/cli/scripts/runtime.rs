//! Runtimes: programs that run scripts. Each is made once, by its language's own tools, and kept in a folder of the user's
//! alone. Its name has the version of the tool and a hash of everything that wpool adds.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use wpool::Program;
use wpool::limits::MAX_PROGRAM;
use wpool::place::{Dir, PRIVATE};

use crate::cli::dirs::cache_dir;
use crate::cli::projects::{self, Interrupts};
use crate::cli::scripts::error::Error;
use crate::cli::scripts::given::{END, Given};
use crate::cli::scripts::inputs::need;
use crate::cli::scripts::language::{Origin, Recipe, SCRIPT_LANGUAGES, ScriptLanguage};
use crate::cli::scripts::making::{self, Made, WIT};
use crate::cli::scripts::sealed::{seal, unseal};
use crate::cli::scripts::versions;

/// Held by whoever makes a runtime, so that runs which begin together make it once. The system lets go of it when its
/// holder is killed.
const LOCK: &str = "lock";
/// Digits of a hash in a name.
const DIGITS: usize = 12;

/// The folder of runtimes.
#[derive(Debug)]
pub struct Runtimes {
    /// `None` before the first runtime, and where the folder cannot be used.
    pub(super) dir: Option<Dir>,
    given: Vec<Given>,
}

/// A runtime that is there.
#[derive(Clone, Debug)]
pub struct Runtime {
    /// Such as `python-0.25.1-0123456789ab`.
    pub name: String,
    pub program: Program,
    /// The file, where another package brings it.
    pub brought: Option<PathBuf>,
}

/// What a runtime was made in, for people.
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    Begins {
        language: &'static str,
        tool: &'static str,
        version: &'a str,
        takes: &'static str,
    },
    /// Another wpool makes it.
    Waits {
        language: &'static str,
    },
    /// `unfit` says why it is without the libraries of its recipe.
    Made {
        name: &'a str,
        bytes: u64,
        took: Duration,
        unfit: Option<&'a str>,
    },
    /// It is for this run alone.
    NotKept {
        error: &'a Error,
    },
    /// The one that is there cannot be used.
    Unusable {
        error: &'a Error,
    },
}

impl Runtime {
    /// The runtime of a language if it is a part of wpool, or else how it is made.
    pub(super) fn inside(language: &ScriptLanguage) -> Result<Runtime, &Recipe> {
        let bytes = match &language.runtime {
            Origin::Inside(bytes) => bytes,
            Origin::Made(recipe) => return Err(recipe),
        };
        let program = Program::new("", *bytes);
        let hash: String = program.hash().to_hex().chars().take(DIGITS).collect();
        let name = format!("{}-{}-{hash}", language.name, env!("CARGO_PKG_VERSION"));
        Ok(Runtime { name, program, brought: None })
    }

    /// The runtime in a file that another package brings.
    fn of(given: &Given) -> Result<Runtime, Error> {
        let path = given.real_path()?;
        let program = unseal(&given.name, given.read()?).ok_or_else(|| Error::Damaged { path: path.clone() })?;
        Ok(Runtime { name: given.name.clone(), program, brought: Some(path) })
    }

    /// The program, under the name of a script.
    /// `kept` is the script, which was read from these places.
    pub fn program(self, name: &str, kept: &Program, places: Vec<PathBuf>) -> Program {
        self.program.named(name).running(kept, places, self.brought)
    }
}

/// The folder of runtimes, which may not exist.
pub fn folder() -> Option<PathBuf> {
    cache_dir().map(|cache| cache.join("runtimes"))
}

impl Runtimes {
    /// Opens the folder, if it is there. Where it cannot be used, those inside wpool and those of packages are there still.
    pub fn open() -> Runtimes {
        let dir = folder().and_then(|path| Dir::private(&path).ok());
        Runtimes { dir, given: Given::all() }
    }

    /// The same, with the folder, which is created.
    pub fn with_folder(&self) -> Result<Runtimes, Error> {
        let path = folder().ok_or(Error::NoHome)?;
        let dir = Dir::make_private(&path).map_err(Error::io("use", &path))?;
        Ok(Runtimes { dir: Some(dir), given: self.given.clone() })
    }

    /// Why the folder, which is there, cannot be used.
    fn flaw(&self) -> Option<Error> {
        let path = folder().filter(|path| self.dir.is_none() && path.exists())?;
        Dir::private(&path).err().map(Error::io("use", &path))
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
        let mut damaged = None;
        for name in self.wanted(language, recipe, dir) {
            match self.read(&name) {
                Err(error @ Error::Damaged { .. }) => damaged = Some(error),
                Ok(None) => {}
                found => return found,
            }
        }
        damaged.map_or(Ok(None), Err)
    }

    /// The names of a language's runtimes that fit, best first: that of the tool which is here, or without it those of
    /// this wpool that are there, newest first.
    pub(super) fn wanted(&self, language: &ScriptLanguage, recipe: &Recipe, dir: &Path) -> Vec<String> {
        let found = recipe.tool.find_at_once(dir);
        if let Some(version) = found.and_then(|found| versions::version(self.dir.as_ref(), &found, dir)) {
            return vec![name(language, recipe, &version)];
        }
        let (begin, end) = (format!("{}-", language.name), format!("-{}", hash(recipe)));
        let mut names: Vec<_> =
            self.of(language, &end).unwrap_or_default().into_iter().map(|(name, ..)| name).collect();
        let version = |name: &str| name.trim_start_matches(&begin).trim_end_matches(&end).to_owned();
        names.sort_by(|a, b| versions::compare(&version(b), &version(a)));
        names
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
        let found = self.look(name)?;
        if let (Some(_), Some(dir)) = (&found, &self.dir) {
            // For the list. A folder that cannot be written to works as well.
            let _ = dir.at(format!("{name}{END}")).read().and_then(|file| file.set_modified(SystemTime::now()));
        }
        Ok(found)
    }

    /// The runtime of this name in the folder, without a note that it was used.
    pub(super) fn look(&self, name: &str) -> Result<Option<Runtime>, Error> {
        let Some(dir) = &self.dir else { return Ok(None) };
        let place = dir.at(format!("{name}{END}"));
        let path = place.path();
        if place.look().map_err(Error::io("read", &path))?.is_none() {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        let read = place.read().and_then(|file| {
            // Growing step by step would copy it some times.
            bytes.reserve_exact(file.metadata()?.len().min(MAX_PROGRAM) as usize + 1);
            file.take(MAX_PROGRAM).read_to_end(&mut bytes)
        });
        read.map_err(Error::io("read", &path))?;
        let program = unseal(name, bytes).ok_or(Error::Damaged { path })?;
        Ok(Some(Runtime { name: name.to_owned(), program, brought: None }))
    }

    /// The runtime of a language, which is made if it is not there or `anew`.
    pub fn obtain(
        &self,
        language: &'static ScriptLanguage,
        dir: &Path,
        anew: bool,
        tell: impl Fn(Step<'_>),
    ) -> Result<Runtime, Error> {
        match self.find(language, dir) {
            Ok(Some(found)) if !anew => return Ok(found),
            Err(error @ Error::Damaged { .. }) if self.given(language).is_none() => {
                tell(Step::Unusable { error: &error })
            }
            found => drop(found?),
        }
        let recipe = match Runtime::inside(language) {
            Ok(inside) => return Ok(inside),
            Err(recipe) => recipe,
        };
        if let Some(error) = self.flaw() {
            tell(Step::Unusable { error: &error });
        }
        recipe.tools.iter().try_for_each(|tool| need(language.name, tool, dir).map(drop))?;
        let found = need(language.name, recipe.tool, dir)?;
        let kept = self.with_folder();
        let runtimes = kept.as_ref().unwrap_or(self);
        let _lock = runtimes.lock(|| tell(Step::Waits { language: language.name }));
        let version = versions::version(runtimes.dir.as_ref(), &found, dir).unwrap_or_else(|| "unknown".to_owned());
        let name = name(language, recipe, &version);
        // Perhaps somebody else has made it in the meantime.
        if !anew && let Ok(Some(found)) = runtimes.read(&name) {
            return Ok(found);
        }
        tell(Step::Begins { language: language.name, tool: recipe.tool.name, version: &version, takes: recipe.takes });
        let (made, kept) = runtimes.make(&name, language, recipe, &found, &tell)?;
        match kept {
            Err(error) if anew => return Err(error),
            Err(error) => tell(Step::NotKept { error: &error }),
            Ok(()) => {}
        }
        Ok(Runtime { name, program: made.program, brought: None })
    }

    /// Makes a runtime, and keeps it if that is possible. A signal leaves nothing of it behind.
    fn make(
        &self,
        name: &str,
        language: &'static ScriptLanguage,
        recipe: &Recipe,
        found: &projects::Found,
        tell: &impl Fn(Step<'_>),
    ) -> Result<(Made, Result<(), Error>), Error> {
        let began = Instant::now();
        let interrupts = Interrupts::hold().map_err(Error::io("start a tool in", self.path()))?;
        let made = making::make(name, language, recipe, found, &interrupts)?;
        let kept = self.keep(&made.program);
        interrupts.check(recipe.tool.name).map_err(Error::Tools)?;
        let (bytes, unfit) = (made.program.bytes().len() as u64, made.unfit.as_deref());
        tell(Step::Made { name, bytes, took: began.elapsed(), unfit });
        Ok((made, kept))
    }

    /// Puts a runtime where the next run finds it, whole or not at all.
    fn keep(&self, program: &Program) -> Result<(), Error> {
        let dir = self.with_folder()?.dir.ok_or(Error::NoHome)?;
        let place = dir.at(format!("{}{END}", program.name()));
        let written = place.draft(PRIVATE).and_then(|mut draft| {
            draft.file.write_all(program.bytes())?;
            draft.file.write_all(&seal(program))?;
            draft.put(true).map(drop)
        });
        written.map_err(Error::io("write", &place.path()))
    }

    fn path(&self) -> &Path {
        self.dir.as_ref().map_or(Path::new("."), Dir::path)
    }

    /// Names, sizes and last uses of a language's runtimes whose names have an end.
    pub(super) fn of(&self, language: &ScriptLanguage, end: &str) -> Result<Vec<(String, u64, SystemTime)>, Error> {
        let Some(dir) = &self.dir else { return Ok(Vec::new()) };
        let names = dir.names().map_err(Error::io("read", dir.path()))?;
        let begin = format!("{}-", language.name);
        let found = names.into_iter().filter_map(|file| {
            let name = file.to_str()?.strip_suffix(END)?;
            let is_one = name.starts_with(&begin) && name.ends_with(end);
            let metadata = dir.at(&file).read().ok().filter(|_| is_one)?.metadata().ok()?;
            Some((name.to_owned(), metadata.len(), metadata.modified().ok()?))
        });
        Ok(found.collect())
    }

    /// Waits until nobody else makes a runtime. Where nothing can be locked, it is made without.
    fn lock(&self, waits: impl Fn()) -> Option<File> {
        let file = self.dir.as_ref()?.at(LOCK).edit_private().ok()?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => {
                waits();
                flock(&file, FlockOperation::LockExclusive).ok()?;
            }
            locked => locked.ok()?,
        }
        Some(file)
    }
}

/// The name of a language's runtime by a version of its tool.
pub(super) fn name(language: &ScriptLanguage, recipe: &Recipe, version: &str) -> String {
    let version: String = version.chars().filter(|c| c.is_ascii_alphanumeric() || ".+".contains(*c)).collect();
    format!("{}-{version}-{}", language.name, hash(recipe))
}

/// Digits for everything that wpool adds to a runtime.
pub(super) fn hash(recipe: &Recipe) -> String {
    let mut hasher = blake3::Hasher::new();
    let Recipe { files, libraries, args, env, .. } = recipe;
    hasher.update(WIT.as_bytes()).update(format!("{files:?}{libraries:?}{args:?}{env:?}").as_bytes());
    hasher.finalize().to_hex().chars().take(DIGITS).collect()
}
