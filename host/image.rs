//! A program's compiled image: made by the compiler process, kept by the host, mapped by each worker.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

use crate::cache::Cache;
use crate::config::PoolConfig;
use crate::error::{Error, Refusal};
use crate::event::Event;
use crate::handshake::{Failed, set_up};
use crate::limits::in_words;
use crate::process::{Role, Spawner};
use crate::program::Program;
use crate::report::{Convention, Draft, Report};
use crate::setup::{CompileSetup, ImageSettings, Stdin};
use crate::typed;
use crate::wire::{self, Decoder, Frame, Kind};

/// Largest image. Machine code is some four times its WebAssembly, so this is far over [`crate::program::MAX_PROGRAM`]
/// programs that real machines compile.
const MAX_IMAGE: usize = 2 << 30;

/// An image, as an open file, and the report that came with it.
#[derive(Debug)]
pub(crate) struct Image {
    report: Report,
    file: OwnedFd,
}

impl Image {
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// A descriptor for one worker. Workers never get a path.
    pub fn descriptor(&self) -> io::Result<OwnedFd> {
        self.file.try_clone()
    }

    /// The image of a program: from the cache, or compiled now.
    ///
    /// # Errors
    /// [`Error::ProgramRefused`] when the program is none that wpool runs or takes more to compile than it may, and
    /// what can go wrong with a child process.
    pub async fn obtain(program: &Program, config: &PoolConfig, spawner: &Spawner) -> Result<Image, Error> {
        let settings = ImageSettings { epochs: config.limits.deadline.is_some() };
        let warn = |text: String| config.observer.tell(&Event::Warning(text));
        let cache = config.cache.as_deref().and_then(|dir| {
            Cache::open(dir).map_err(|why| warn(format!("not using the cache {}: {why}", dir.display()))).ok()
        });
        let key = crate::cache::key(program, config.worker_command()?, settings);
        if let Some(cache) = &cache {
            match cache.load(&key) {
                Ok(Some((draft, file))) => return fit(draft, file.into(), program, config),
                Ok(None) => {}
                Err(why) => warn(format!("ignoring the cache entry {}: {why}", cache.path(&key).display())),
            }
        }
        let (draft, code) = compile(program, config, spawner, settings).await?;
        let kept = cache.map(|cache| cache.store(&key, &draft, &code));
        let file = match kept {
            Some(Ok(file)) => file.into(),
            failed => {
                if let Some(Err(why)) = failed {
                    warn(format!("cannot keep the compiled program in the cache: {why}"));
                }
                in_memory(&code).map_err(|source| Error::Spawn { role: "worker", source })?
            }
        };
        fit(draft, file, program, config)
    }
}

/// Chooses how the program is called. Refuses settings that would go nowhere, and a program that no instance of could
/// exist within the limits.
fn fit(draft: Draft, file: OwnedFd, program: &Program, config: &PoolConfig) -> Result<Image, Error> {
    let name = program.name();
    let refused = |refusal| Error::ProgramRefused { name: name.to_owned(), refusal };
    let report = draft.choose(config.call.as_deref()).map_err(refused)?;
    check_for_commands(report.convention, program, config)?;
    if let Some(signature) = report.signature().filter(|signature| !config.json_rows && !typed::takes_text(signature)) {
        let what = "rows of text, as with --lines, --files and --once, need a function of a single string or list<u8>";
        return Err(Error::Config(format!("{name}: {what}; this one is {signature}")));
    }
    let (needs, limit) = (report.resources.initial_memory, config.limits.memory);
    if needs <= limit {
        return Ok(Image { report, file });
    }
    let message = format!(
        "starts with {} of memory, over the limit of {}; allow more with --memory",
        in_words(needs),
        in_words(limit)
    );
    Err(refused(Refusal::new("memory-limit", message)))
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

async fn compile(
    program: &Program,
    config: &PoolConfig,
    spawner: &Spawner,
    settings: ImageSettings,
) -> Result<(Draft, bytes::Bytes), Error> {
    let spawned = spawner.spawn(config.worker_command()?, Role::Compiler, Vec::new()).await;
    let mut process = spawned.map_err(|source| Error::Spawn { role: "compiler", source })?;
    let setup = CompileSetup { settings, limits: config.compile_limits.clone() };
    let mut decoder = Decoder::new(MAX_IMAGE);
    let code = wire::frame(Kind::Program, program.bytes());
    let wall = config.compile_limits.time * 2;
    let compiling = set_up(&mut process, setup, &code, &mut decoder, Kind::Image);
    let frames = match tokio::time::timeout(wall, compiling).await {
        Ok(frames) => frames,
        Err(_) => Err(Failed::Died(format!("it took longer than {wall:?}"))),
    };
    match frames {
        Ok(frames) => parse(frames).map_err(|why| Error::ChildFailed { role: "compiler", why }),
        Err(Failed::Died(why)) => Err(gave_up(program, config, &why)),
        Err(failed) => Err(failed.into_error(program.name(), Role::Compiler)),
    }
}

/// A compiler that dies is a program that makes it die.
fn gave_up(program: &Program, config: &PoolConfig, why: &str) -> Error {
    let limits = &config.compile_limits;
    let message = format!(
        "the compiler gave up on it: {why} (limits: {:?} of CPU time, {}; see --compile-timeout and --compile-memory)",
        limits.time,
        in_words(limits.memory)
    );
    Error::ProgramRefused { name: program.name().to_owned(), refusal: Refusal::new("compile-limit", message) }
}

fn parse(frames: Vec<Frame>) -> Result<(Draft, bytes::Bytes), String> {
    match <[Frame; 2]>::try_from(frames) {
        Ok([report, image]) if report.kind == Kind::Report => {
            let report =
                serde_json::from_slice(&report.payload).map_err(|e| format!("its report does not parse: {e}"))?;
            Ok((report, image.payload))
        }
        _ => Err("it did not send a report and an image".to_owned()),
    }
}

/// An image that is kept nowhere.
fn in_memory(code: &[u8]) -> io::Result<OwnedFd> {
    let mut file = File::from(memfd_create("wpool-image", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?);
    file.write_all(code)?;
    fcntl_add_seals(file.as_fd(), SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
    Ok(file.into())
}
