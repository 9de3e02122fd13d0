//! A program's compiled image: made by the compiler process, kept by the host, mapped by each worker.
//!
//! A program with an `init` has one image of its code, whatever `init` makes. A worker of its own runs `init` in an
//! instance of that image and sends the resulting state, which is data. The host checks it, and workers lay it over
//! each new instance. A program that cannot have that takes three processes, and each ends with its part: a compiler
//! makes an image whose state can be read, a worker runs `init` in it, and a fresh compiler makes the image of the
//! program that starts from that state. No machine code comes from a process that has run a guest.

mod bounds;
mod cache;
mod compile;
mod init;
pub(crate) mod lines;
mod look;
mod state;

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};

use bytes::Bytes;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use serde::Serialize;
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
use crate::protocol::contents::{Contents, Span};
use crate::protocol::roles::Role;
use crate::protocol::setup::{Compiled, Goal, ImageSettings, ImageSetup};
use crate::protocol::wire::{Frame, Kind};
use crate::spawn::command::WorkerCommand;
use crate::spawn::process::Spawner;

/// An image, as an open file, and its report.
#[derive(Debug)]
pub(crate) struct Image {
    report: Report,
    made: Made,
    /// The argument of `init`, which each instance has to call before its task.
    init_each: Option<Bytes>,
    /// The state that `init` left, which is laid over each instance.
    state: Option<State>,
}

/// The state that `init` left, as a file.
#[derive(Debug)]
struct State {
    file: OwnedFd,
    span: Span,
    contents: Contents,
}

/// An image that is compiled, and how.
#[derive(Debug)]
struct Made {
    compiled: Compiled,
    file: OwnedFd,
    settings: ImageSettings,
}

impl Made {
    /// The setup of a worker without a state.
    fn setup(&self) -> ImageSetup {
        let start = self.compiled.start;
        // Memories are wpool's own only if the program allows that.
        let settings = ImageSettings { reset: start.is_some(), ..self.settings };
        let spots = self.compiled.code.is_some();
        ImageSetup { settings, proposals: self.compiled.proposals, start, prepared: None, spots }
    }

    fn has_init(&self) -> bool {
        self.compiled.draft.init.is_some()
    }
}

/// The compiler's report on a program, with the checks that starting a pool with these settings would make. Runs none
/// of its code, not even `init`. Must be called within a tokio runtime with time and I/O enabled.
///
/// # Errors
/// As [`crate::Builder::build`].
pub async fn inspect(program: &Program, config: &PoolConfig) -> Result<Report, Error> {
    drafted(program, config, |maker, draft| maker.fit(draft)).await
}

/// As [`inspect`], but a program with functions that have to be chosen by name need not have one chosen: there is a report
/// on calling each function that takes rows. Any other program has one report.
///
/// # Errors
/// As [`inspect`].
pub async fn inspect_each(program: &Program, config: &PoolConfig) -> Result<Vec<Report>, Error> {
    drafted(program, config, |maker, draft| {
        let callable = draft.functions.iter().filter(|function| function.signature.is_ok());
        let callable = callable.filter(|function| Some(&function.path) != draft.init.as_ref());
        let callable = callable.map(|function| function.path.join("."));
        let callable = callable.chain(draft.core.callable().map(|function| function.name.clone()));
        let calls: Vec<_> = match (&maker.config.call, &draft.fit) {
            (None, Err(refusal)) if refusal.settings.contains(&Setting::Call) => callable.map(Some).collect(),
            _ => vec![config.call.clone()],
        };
        let reports = calls.into_iter().map(|call| maker.fit_call(draft.clone(), call.as_deref()));
        // A raw function without its allocator cannot be called, and hides no other function.
        let (fit, unfit): (Vec<_>, Vec<_>) = reports.partition(Result::is_ok);
        if fit.is_empty() { unfit.into_iter().collect() } else { fit.into_iter().collect() }
    })
    .await
}

/// Looks at a program as it is, and hands on the draft of its report.
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
    let draft = match maker.load_image(maker.settings) {
        Some(made) => made.compiled.draft,
        None => maker.look().await?,
    };
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

    /// The part of a worker's setup that is about the image.
    pub fn setup(&self) -> ImageSetup {
        ImageSetup { prepared: self.state.as_ref().map(|state| state.span), ..self.made.setup() }
    }

    /// Where the code of each module begins, if lines of source code can be looked up for its instructions.
    pub fn code(&self) -> Option<&[u32]> {
        self.made.compiled.code.as_deref()
    }

    /// Descriptors of the image and of the state for one worker. Workers never get a path.
    pub fn descriptors(&self) -> io::Result<[OwnedFd; 2]> {
        let state = self.state.as_ref().map_or(&self.made.file, |state| &state.file);
        Ok([self.made.file.try_clone()?, state.try_clone()?])
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
        let (is_seeded, looks) = (config.task.deterministic.is_some(), config.task.profile.is_some());
        let settings = ImageSettings { reset, ..ImageSettings::of(&config.worker_limits(), is_seeded, looks) };
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
        let made = self.plain().await?;
        let report = self.fit(made.compiled.draft.clone())?;
        let init_each = Some(self.config.init_argument(self.program.name(), &report)?);
        Ok(Image { report, made, init_each, state: None })
    }

    /// An image whose instances start from the state after `init`, or the image of a program without `init`.
    async fn for_all(&self) -> Result<Image, Error> {
        let own = self.own();
        let mut kept = self.load_image(own);
        if let Some(made) = kept.take_if(|made| made.has_init() && made.compiled.start.is_some()) {
            return self.prepared(made).await;
        }
        if own != self.settings {
            kept = self.load_image(self.settings);
        }
        if let Some(made) = kept.filter(|made| !made.has_init()) {
            return self.ready(made);
        }
        let snapshot = self.key(self.settings, Some(&self.init()));
        if let Some((compiled, file)) = self.load(&snapshot) {
            let made = Made { compiled, file, settings: self.settings };
            let is_called = self.fit(made.compiled.draft.clone())?.init.is_none();
            return if is_called { self.unprepared().await } else { self.ready(made) };
        }
        let (compiled, code): (Compiled, _) = self.compile(Goal::Init, None).await?;
        if compiled.start.is_some() && compiled.draft.init.is_some() {
            let made = self.keep(own, compiled, &code)?;
            drop(code);
            return self.prepared(made).await;
        }
        if compiled.draft.init.is_none() {
            let made = self.keep(self.settings, compiled, &code)?;
            return self.ready(made);
        }
        let report = self.fit(compiled.draft.clone())?;
        if report.init.is_none() {
            return self.unprepared().await;
        }
        let file = in_memory(&code).map_err(|source| Error::Spawn { role: "worker", source })?;
        drop(code);
        let state = self.initialize(&report, &Made { compiled, file, settings: self.settings.init() }).await?;
        let (compiled, code) = self.compile(Goal::Snapshot, Some(state)).await?;
        let file = self.put_image(&snapshot, &compiled, &code)?;
        self.ready(Made { compiled, file, settings: self.settings })
    }

    /// The settings of an image over whose instances a state can be laid.
    fn own(&self) -> ImageSettings {
        ImageSettings { reset: true, ..self.settings }
    }

    /// An image over whose instances the state of `init` is laid.
    async fn prepared(&self, made: Made) -> Result<Image, Error> {
        let mut report = self.fit(made.compiled.draft.clone())?;
        let Some(start) = made.compiled.start.filter(|_| report.init.is_some()) else {
            return self.unprepared().await;
        };
        let state = self.state(&report, &made, start).await?;
        let largest = state.contents.memories.iter().map(|memory| memory.size).max();
        report.resources.initial_memory = largest.unwrap_or_default();
        Ok(Image { report, made, init_each: None, state: Some(state) })
    }

    /// An image of a program whose `init` is called by name, like any other function. So `init` must not run before.
    async fn unprepared(&self) -> Result<Image, Error> {
        let made = self.plain().await?;
        self.ready(made)
    }

    fn ready(&self, made: Made) -> Result<Image, Error> {
        Ok(Image { report: self.fit(made.compiled.draft.clone())?, made, init_each: None, state: None })
    }

    /// The image of the unchanged program, with or without an `init`.
    async fn plain(&self) -> Result<Made, Error> {
        if let Some(made) = self.load_image(self.settings) {
            return Ok(made);
        }
        let (compiled, code) = self.compile(Goal::Run, None).await?;
        self.keep(self.settings, compiled, &code)
    }

    fn init(&self) -> Init {
        self.config.init_within()
    }

    /// The name of an image in the cache.
    fn key(&self, settings: ImageSettings, init: Option<&Init>) -> String {
        self.key_of("image", settings, init)
    }

    /// The name of a thing in the cache.
    fn key_of(&self, what: &str, settings: ImageSettings, init: Option<&Init>) -> String {
        let (env, memory) = (&*self.config.task.grants.env, self.config.task.limits.memory);
        let seed = self.config.task.deterministic.as_ref().map(|how| how.seed);
        let init = init.map(|init| InitIdentity { argument: &init.argument, env, memory, seed });
        cache::key(self.program, self.worker, settings, init, what)
    }

    fn load_image(&self, settings: ImageSettings) -> Option<Made> {
        self.load(&self.key(settings, None)).map(|(compiled, file)| Made { compiled, file, settings })
    }

    fn load<T: DeserializeOwned>(&self, key: &str) -> Option<(T, OwnedFd)> {
        let cache = self.cache.as_ref()?;
        match cache.load(key) {
            Ok(found) => found.map(|(report, file)| (report, file.into())),
            Err(why) => {
                self.warn(format!("ignoring the cache entry {}: {why}", cache.path(key).display()));
                None
            }
        }
    }

    /// Keeps an image of the unchanged program.
    fn keep(&self, settings: ImageSettings, compiled: Compiled, code: &[u8]) -> Result<Made, Error> {
        let file = self.put_image(&self.key(settings, None), &compiled, code)?;
        Ok(Made { compiled, file, settings })
    }

    /// Keeps an image in the cache if possible, and opens it.
    fn put_image(&self, key: &str, compiled: &Compiled, code: &[u8]) -> Result<OwnedFd, Error> {
        self.put(key, compiled, code).map_err(|source| Error::Spawn { role: "worker", source })
    }

    /// Keeps a thing in the cache if possible, and opens it.
    fn put(&self, key: &str, report: &impl Serialize, content: &[u8]) -> io::Result<OwnedFd> {
        match self.cache.as_ref().map(|cache| cache.store(key, report, content)) {
            Some(Ok(file)) => return Ok(file.into()),
            Some(Err(why)) => self.warn(format!("cannot keep the compiled program in the cache: {why}")),
            None => {}
        }
        in_memory(content)
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
        let report = draft.choose(call, config.alloc.as_deref()).map_err(|refusal| self.refused(refusal))?;
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
