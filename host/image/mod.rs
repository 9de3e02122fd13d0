//! A program's compiled image: made by the compiler process, kept by the host, mapped by each worker.
//!
//! A program with an `init` takes three processes, and each ends with its part. A compiler makes an image whose state
//! can be read, a worker runs `init` in it and sends the state, and a fresh compiler makes the image of the program
//! that starts from that state. So no machine code comes from a process that has run a guest.

mod bounds;
mod cache;
mod compile;
mod init;

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};

use bytes::Bytes;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use serde::de::DeserializeOwned;

use self::cache::{Cache, InitIdentity};
use crate::config::{Init, PoolConfig};
use crate::model::error::{Error, Refusal, RefusalCode};
use crate::model::event::Event;
use crate::model::fence;
use crate::model::limits::in_words;
use crate::model::program::Program;
use crate::model::report::{Draft, Report};
use crate::model::settings::Setting;
use crate::protocol::roles::Role;
use crate::protocol::setup::{Goal, ImageSettings};
use crate::protocol::wire::{Frame, Kind};
use crate::spawn::command::WorkerCommand;
use crate::spawn::process::Spawner;

/// An image, as an open file, and its report.
#[derive(Debug)]
pub(crate) struct Image {
    report: Report,
    file: OwnedFd,
    /// The argument of `init`, which each instance has to call before its task.
    init_each: Option<Bytes>,
}

/// The compiler's report on a program, with the checks that starting a pool with these settings would make. Runs none
/// of its code, not even `init`. Must be called within a tokio runtime with time and I/O enabled.
///
/// # Errors
/// As [`crate::Builder::build`].
pub async fn inspect(program: &Program, config: &PoolConfig) -> Result<Report, Error> {
    drafted(program, config, |maker, draft| maker.fit(draft)).await
}

/// As [`inspect`], but a component with several functions need not have one chosen: there is a report on calling each
/// function that takes rows. Any other program has one report.
///
/// # Errors
/// As [`inspect`].
pub async fn inspect_each(program: &Program, config: &PoolConfig) -> Result<Vec<Report>, Error> {
    drafted(program, config, |maker, draft| {
        let callable = draft.functions.iter().filter(|function| function.signature.is_ok());
        let callable = callable.filter(|function| Some(&function.path) != draft.init.as_ref());
        let calls: Vec<_> = match (&maker.config.call, &draft.fit) {
            (None, Err(refusal)) if refusal.settings.contains(&Setting::Call) => {
                callable.map(|function| Some(function.path.join("."))).collect()
            }
            _ => vec![config.call.clone()],
        };
        calls.into_iter().map(|call| maker.fit_call(draft.clone(), call.as_deref())).collect()
    })
    .await
}

/// Compiles a program as it is, and hands on the draft of its report.
async fn drafted<T>(
    program: &Program,
    config: &PoolConfig,
    read: impl FnOnce(&Maker<'_>, Draft) -> Result<T, Error>,
) -> Result<T, Error> {
    let spawner = Spawner::start().map_err(|source| Error::Spawn { role: "spawner", source })?;
    let mut config = config.clone();
    config.settle()?;
    config.find_worker()?;
    let maker = Maker::new(program, &config, &spawner)?;
    let (draft, _) = maker.plain().await?;
    read(&maker, draft)
}

impl Image {
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The argument of `init`, if each instance has to call it before its task.
    pub fn init_each(&self) -> Option<&Bytes> {
        self.init_each.as_ref()
    }

    /// A descriptor for one worker. Workers never get a path.
    pub fn descriptor(&self) -> io::Result<OwnedFd> {
        self.file.try_clone()
    }

    /// The image of a program, from the cache or compiled now. Runs the program's `init`, if it has one and the cache
    /// has no snapshot.
    ///
    /// # Errors
    /// [`Error::ProgramRefused`] if wpool cannot run the program, if it exceeds the limits of compiling, or if its
    /// `init` fails; and errors of child processes.
    pub async fn obtain(program: &Program, config: &PoolConfig, spawner: &Spawner) -> Result<Image, Error> {
        let maker = Maker::new(program, config, spawner)?;
        if config.init.as_ref().is_some_and(|init| init.each) { maker.for_each().await } else { maker.for_all().await }
    }
}

/// The inputs of an image.
struct Maker<'a> {
    program: &'a Program,
    config: &'a PoolConfig,
    spawner: &'a Spawner,
    worker: &'a WorkerCommand,
    cache: Option<Cache>,
    settings: ImageSettings,
}

impl<'a> Maker<'a> {
    fn new(program: &'a Program, config: &'a PoolConfig, spawner: &'a Spawner) -> Result<Maker<'a>, Error> {
        let reset = config.puts_back().is_ok();
        let settings =
            ImageSettings { reset, ..ImageSettings::of(&config.worker_limits(), config.task.deterministic.is_some()) };
        let mut maker = Maker { program, config, spawner, worker: config.worker_command()?, cache: None, settings };
        maker.cache = config.cache.as_deref().and_then(|dir| {
            let opened = Cache::open(dir).and_then(|cache| match config.task.grants.writable_at(dir).is_some() {
                true => {
                    Err(io::Error::other("the program may write to it, and wpool runs the code that is kept there"))
                }
                false => Ok(cache),
            });
            opened.map_err(|why| maker.warn(format!("not using the cache {}: {why}", dir.display()))).ok()
        });
        Ok(maker)
    }

    fn warn(&self, text: String) {
        self.config.observer.tell(&Event::Warning(text));
    }

    /// An image whose instances each call `init`.
    async fn for_each(&self) -> Result<Image, Error> {
        let (draft, file) = self.plain().await?;
        let report = self.fit(draft)?;
        let init_each = Some(self.config.init_argument(self.program.name(), &report)?);
        Ok(Image { report, file, init_each })
    }

    /// An image whose instances start from the state after `init`, or the image of a program without `init`.
    async fn for_all(&self) -> Result<Image, Error> {
        let (plain, snapshot) = (self.key(None), self.key(Some(&self.init())));
        if let Some((draft, file)) = self.load(&snapshot) {
            let report = self.fit(draft)?;
            if report.init.is_some() {
                return Ok(Image { report, file, init_each: None });
            }
            return self.unprepared().await;
        }
        if let Some((draft, file)) = self.load(&plain).filter(|(draft, _)| draft.init.is_none()) {
            return self.ready(draft, file);
        }
        let (draft, code) = self.compile(Goal::Init, None).await?;
        if draft.init.is_none() {
            let file = self.keep(&plain, &draft, &code)?;
            return self.ready(draft, file);
        }
        let report = self.fit(draft.clone())?;
        if report.init.is_none() {
            return self.unprepared().await;
        }
        let state = self.initialize(&report, code).await?;
        let (draft, code) = self.compile(Goal::Snapshot, Some(state)).await?;
        let file = self.keep(&snapshot, &draft, &code)?;
        self.ready(draft, file)
    }

    /// An image of a program whose `init` is called by name, like any other function. So `init` must not run before.
    async fn unprepared(&self) -> Result<Image, Error> {
        let (draft, file) = self.plain().await?;
        self.ready(draft, file)
    }

    fn ready(&self, draft: Draft, file: OwnedFd) -> Result<Image, Error> {
        Ok(Image { report: self.fit(draft)?, file, init_each: None })
    }

    /// The image of the unchanged program, with or without an `init`.
    async fn plain(&self) -> Result<(Draft, OwnedFd), Error> {
        let key = self.key(None);
        if let Some(found) = self.load(&key) {
            return Ok(found);
        }
        let (draft, code) = self.compile(Goal::Run, None).await?;
        let file = self.keep(&key, &draft, &code)?;
        Ok((draft, file))
    }

    fn init(&self) -> Init {
        self.config.init.clone().unwrap_or_default()
    }

    fn key(&self, init: Option<&Init>) -> String {
        let (env, memory) = (&*self.config.task.grants.env, self.config.task.limits.memory);
        let seed = self.config.task.deterministic.as_ref().map(|how| how.seed);
        let init = init.map(|init| InitIdentity { argument: &init.argument, env, memory, seed });
        cache::key(self.program, self.worker, self.settings, init)
    }

    fn load(&self, key: &str) -> Option<(Draft, OwnedFd)> {
        let cache = self.cache.as_ref()?;
        match cache.load(key) {
            Ok(found) => found.map(|(draft, file)| (draft, file.into())),
            Err(why) => {
                self.warn(format!("ignoring the cache entry {}: {why}", cache.path(key).display()));
                None
            }
        }
    }

    /// Keeps an image in the cache if possible, and opens it.
    fn keep(&self, key: &str, draft: &Draft, code: &[u8]) -> Result<OwnedFd, Error> {
        match self.cache.as_ref().map(|cache| cache.store(key, draft, code)) {
            Some(Ok(file)) => return Ok(file.into()),
            Some(Err(why)) => self.warn(format!("cannot keep the compiled program in the cache: {why}")),
            None => {}
        }
        in_memory(code).map_err(|source| Error::Spawn { role: "worker", source })
    }

    fn refused(&self, refusal: Refusal) -> Error {
        Error::ProgramRefused { name: self.program.name().to_owned(), refusal }
    }

    /// The error of a child that the fence has ended because of this program. The warning is as loud as for a worker.
    fn violated(&self, role: Role, why: &str) -> Error {
        let role = role.as_str();
        self.warn(fence::violation(&format!("the {role}"), ""));
        self.refused(Refusal::new(RefusalCode::SandboxViolation, format!("the {role} {why}")))
    }

    /// Chooses how the program is called. Refuses settings without an effect, and a program without a possible instance
    /// within the limits.
    fn fit(&self, draft: Draft) -> Result<Report, Error> {
        self.fit_call(draft, self.config.call.as_deref())
    }

    fn fit_call(&self, draft: Draft, call: Option<&str>) -> Result<Report, Error> {
        let (name, config) = (self.program.name(), self.config);
        let report = draft.choose(call).map_err(|refusal| self.refused(refusal))?;
        config.check_program(name, &report)?;
        let (needs, limit) = (report.resources.initial_memory, config.task.limits.memory);
        if needs <= limit {
            return Ok(report);
        }
        let (needs, limit) = (in_words(needs), in_words(limit));
        let message = format!("starts with {needs} of memory, over the limit of {limit}; allow more");
        Err(self.refused(Refusal::new(RefusalCode::MemoryLimit, message).about(&[Setting::Memory])))
    }
}

/// Parses the last frames of a child that makes something: a report on it, as JSON, and the thing itself. `expected`
/// names both.
fn parse<T: DeserializeOwned>(frames: Vec<Frame>, expected: &str) -> Result<(T, Bytes), String> {
    match <[Frame; 2]>::try_from(frames) {
        Ok([report, made]) if report.kind == Kind::Report => {
            let report =
                serde_json::from_slice(&report.payload).map_err(|e| format!("its report does not parse: {e}"))?;
            Ok((report, made.payload))
        }
        _ => Err(format!("it did not send {expected}")),
    }
}

/// Whether a child died because it was given no more memory, by the message of Rust's library.
fn is_out_of_memory(why: &str) -> bool {
    why.contains("memory allocation of")
}

/// An image in a file without a name.
fn in_memory(code: &[u8]) -> io::Result<OwnedFd> {
    let mut file = File::from(memfd_create("wpool-image", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?);
    file.write_all(code)?;
    fcntl_add_seals(file.as_fd(), SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
    Ok(file.into())
}
