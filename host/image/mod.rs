//! A program's compiled image: made by the compiler process, kept by the host, mapped by each worker.
//!
//! A program with an `init` takes three processes, each of which ends with its part: a compiler makes an image in which
//! the state can be read, a worker runs `init` in it and sends the state, and a fresh compiler makes the image of the
//! program that starts from that state. So no machine code comes from a process that has run a guest.

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
use crate::model::error::{Error, Refusal};
use crate::model::event::Event;
use crate::model::fence;
use crate::model::grants::Stdin;
use crate::model::isolation::Isolation;
use crate::model::limits::{MAX_INPUT, in_words};
use crate::model::program::Program;
use crate::model::report::{Convention, Draft, Report};
use crate::model::typed;
use crate::protocol::roles::Role;
use crate::protocol::setup::{Goal, ImageSettings};
use crate::protocol::wire::{Frame, Kind};
use crate::spawn::command::WorkerCommand;
use crate::spawn::process::Spawner;

/// An image, as an open file, and the report that came with it.
#[derive(Debug)]
pub(crate) struct Image {
    report: Report,
    file: OwnedFd,
    /// The argument of `init`, which each instance has to call before its task.
    init_each: Option<Bytes>,
}

/// The compiler's report on a program, with the checks that starting a pool with these settings would make. None of its
/// code is run, not even `init`. Must be called within a tokio runtime with time and I/O enabled.
///
/// # Errors
/// As [`crate::Builder::build`].
pub async fn inspect(program: &Program, config: &PoolConfig) -> Result<Report, Error> {
    let spawner = Spawner::start().map_err(|source| Error::Spawn { role: "spawner", source })?;
    let mut config = config.clone();
    config.settle()?;
    config.find_worker()?;
    let maker = Maker::new(program, &config, &spawner)?;
    let (draft, _) = maker.plain().await?;
    maker.fit(draft)
}

impl Image {
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The argument of `init`, when each instance has to call it before its task.
    pub fn init_each(&self) -> Option<&Bytes> {
        self.init_each.as_ref()
    }

    /// A descriptor for one worker. Workers never get a path.
    pub fn descriptor(&self) -> io::Result<OwnedFd> {
        self.file.try_clone()
    }

    /// The image of a program: from the cache, or compiled now. Runs its `init`, if it has one and no snapshot is kept.
    ///
    /// # Errors
    /// [`Error::ProgramRefused`] when the program is none that wpool runs, takes more to compile than it may, or its
    /// `init` fails; and what can go wrong with a child process.
    pub async fn obtain(program: &Program, config: &PoolConfig, spawner: &Spawner) -> Result<Image, Error> {
        let maker = Maker::new(program, config, spawner)?;
        if config.init.as_ref().is_some_and(|init| init.each) { maker.for_each().await } else { maker.for_all().await }
    }
}

/// What an image is made of.
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
            ImageSettings { reset, ..ImageSettings::of(&config.worker_limits(), config.deterministic.is_some()) };
        let mut maker = Maker { program, config, spawner, worker: config.worker_command()?, cache: None, settings };
        maker.cache = config.cache.as_deref().and_then(|dir| {
            let opened = Cache::open(dir).and_then(|cache| match config.grants.writable_at(dir).is_some() {
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
        let init_each = Some(self.argument(&report)?);
        Ok(Image { report, file, init_each })
    }

    /// An image whose instances start from where `init` has led, or of a program without.
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

    /// An image of a program whose `init` is called by name, like any other function: it must not have run before.
    async fn unprepared(&self) -> Result<Image, Error> {
        let (draft, file) = self.plain().await?;
        self.ready(draft, file)
    }

    fn ready(&self, draft: Draft, file: OwnedFd) -> Result<Image, Error> {
        Ok(Image { report: self.fit(draft)?, file, init_each: None })
    }

    /// The image of the program as it is, whether it has an `init` or not.
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
        let (env, memory) = (&*self.config.grants.env, self.config.limits.memory);
        let seed = self.config.deterministic.as_ref().map(|how| how.seed);
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

    /// Keeps an image in the cache if it can be, and opens it.
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

    /// The fence ended a child that this program made do what it has no right to. That is told as loudly as of a worker.
    fn violated(&self, role: Role, why: &str) -> Error {
        let role = role.as_str();
        self.warn(fence::violation(&format!("the {role}"), ""));
        self.refused(Refusal::new("sandbox-violation", format!("the {role} {why}")))
    }

    /// Chooses how the program is called. Refuses settings that would go nowhere, and a program that no instance of
    /// could exist within the limits.
    fn fit(&self, draft: Draft) -> Result<Report, Error> {
        let (name, config) = (self.program.name(), self.config);
        let report = draft.choose(config.call.as_deref()).map_err(|refusal| self.refused(refusal))?;
        check_for_commands(report.convention, self.program, config)?;
        check_isolation(&report, self.program, config)?;
        if let Some(signature) =
            report.signature().filter(|signature| !config.json_rows && !typed::takes_text(signature))
        {
            let what =
                "rows of text, as with --lines, --files and --once, need a function of a single string or list<u8>";
            return Err(Error::Config(format!("{name}: {what}; this one is {signature}")));
        }
        if config.init.is_some() {
            self.argument(&report)?;
        }
        let (needs, limit) = (report.resources.initial_memory, config.limits.memory);
        if needs <= limit {
            return Ok(report);
        }
        let message = format!(
            "starts with {} of memory, over the limit of {}; allow more with --memory",
            in_words(needs),
            in_words(limit)
        );
        Err(self.refused(Refusal::new("memory-limit", message)))
    }

    /// The argument of `init`. Refuses one that nobody would get.
    fn argument(&self, report: &Report) -> Result<Bytes, Error> {
        let Init { argument, .. } = self.init();
        let name = self.program.name();
        if report.init.is_none() {
            let what = "has no `init` to be called: a component exports `init: func(arg: list<u8>) -> result<_, string>`, \
                        a core module `wpool_init`";
            return Err(Error::Config(format!("{name} {what}")));
        }
        if !argument.is_empty() && report.is_deaf() {
            let what = "its `wpool_init` cannot be given an argument: it would read it from its standard input, and \
                        imports nothing of WASI";
            return Err(Error::Config(format!("{name}: {what}")));
        }
        if argument.len() > MAX_INPUT {
            let limit = in_words(MAX_INPUT as u64);
            return Err(Error::Config(format!("an argument for `init` over {limit} is not supported")));
        }
        Ok(argument)
    }
}

fn check_for_commands(convention: Convention, program: &Program, config: &PoolConfig) -> Result<(), Error> {
    let grants = &config.grants;
    let what = match () {
        () if convention == Convention::Command => return Ok(()),
        () if !grants.args.is_empty() => "takes no arguments",
        () if grants.stdin != Stdin::Row => "has no standard input (--stdin)",
        () if config.success_codes != [0] => "has no exit code (--success-codes)",
        () => return Ok(()),
    };
    Err(Error::Config(format!("{} {what}: its convention is {convention}, not command", program.name())))
}

fn check_isolation(report: &Report, program: &Program, config: &PoolConfig) -> Result<(), Error> {
    let why = match config.isolation {
        Isolation::Auto | Isolation::Fresh => return Ok(()),
        Isolation::Reset => {
            let (_, Err(why)) = config.settled_isolation(report) else { return Ok(()) };
            let what = "cannot have its instances put back (--isolation reset)";
            let advice = "--isolation auto gives each task a fresh one then";
            return Err(Error::Config(format!("{} {what}: {why}; {advice}", program.name())));
        }
        _ if report.convention == Convention::Command => {
            "is a command, which may be started only once in an instance that it has left: its language's library ends \
             with it; --isolation auto, reset or fresh will do"
        }
        Isolation::Checked if config.grants.has_writable_dir() || config.state.is_some() => {
            "may write to a directory or to shared state, and --isolation reuse=checked would have some tasks write twice"
        }
        Isolation::Reuse(_) | Isolation::Checked => return Ok(()),
    };
    Err(Error::Config(format!("{} {why}", program.name())))
}

/// What a child that makes something sends in the end: a report on it, as JSON, and the thing itself. `expected` names
/// both.
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

/// Whether a child died because it was given no more memory, as Rust says it.
fn is_out_of_memory(why: &str) -> bool {
    why.contains("memory allocation of")
}

/// An image that is kept nowhere.
fn in_memory(code: &[u8]) -> io::Result<OwnedFd> {
    let mut file = File::from(memfd_create("wpool-image", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?);
    file.write_all(code)?;
    fcntl_add_seals(file.as_fd(), SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
    Ok(file.into())
}
