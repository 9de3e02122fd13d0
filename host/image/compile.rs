//! The host's side of the compiler process.

use std::pin::pin;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::bounds::{Bounds, Met};
use super::{Maker, is_out_of_memory, parse};
use crate::model::error::{Error, Refusal, RefusalCode};
use crate::model::event::Event;
use crate::model::limits::in_words;
use crate::model::settings::Setting;
use crate::protocol::roles::{Role, label};
use crate::protocol::setup::{CompileSetup, Compiled, Goal, ImageSettings};
use crate::protocol::wire::{Decoder, Kind};
use crate::spawn::handshake::{Failed, set_up};
use crate::spawn::machine::explained;
use crate::spawn::within::within;

/// Largest image. Machine code is some four times its WebAssembly, so this is far above the images of
/// [`crate::model::program::MAX_PROGRAM`] programs that real machines can compile.
const MAX_IMAGE: usize = 2 << 30;

/// Time between two events of a compiler that is at work.
const SECOND: Duration = Duration::from_secs(1);

/// A smaller program is compiled before threads would have started.
const LEAST_FOR_THREADS: usize = 512 << 10;

/// A smaller program is compiled about as quickly as another process looks at it, which takes 10 ms.
const LEAST_FOR_A_LOOK: usize = 64 << 10;

/// Most threads that compile. Beyond this the parts that one thread does take longer than the others.
const MOST_THREADS: usize = 16;

/// Memory that a thread may take beside the others: its stack, and the largest functions.
const MEMORY_OF_A_THREAD: u64 = 256 << 20;

impl Maker<'_> {
    /// Compiles the program, with the state that `init` left if this is the goal. A program that is refused is refused
    /// before machine code is made of it, as far as this can be seen.
    pub(super) async fn compile(&self, goal: Goal, state: Option<Bytes>) -> Result<(Compiled, Bytes), Error> {
        if goal != Goal::Snapshot && self.program.bytes().len() >= LEAST_FOR_A_LOOK {
            self.fit(self.look().await?)?;
        }
        self.in_compiler(goal, state).await
    }

    /// Has a compiler process reach a goal, or finds that it has refused the program before. Takes the state, because the
    /// image holds it, too.
    pub(super) async fn in_compiler(&self, goal: Goal, state: Option<Bytes>) -> Result<(Compiled, Bytes), Error> {
        if let Some(refusal) = self.remembered() {
            return Err(self.refused(refusal));
        }
        let made = self.asked(goal, state).await;
        made.inspect_err(|error| self.remember(error))
    }

    async fn asked(&self, goal: Goal, state: Option<Bytes>) -> Result<(Compiled, Bytes), Error> {
        let label = label(Role::Compiler, None, self.program.name());
        let spawned = self.spawner.spawn(self.worker, Role::Compiler, label, Vec::new()).await;
        let mut process = spawned.map_err(|source| Error::Spawn { role: "compiler", source })?;
        let bounds = Bounds::of(&self.config.compile_limits);
        let wall = self.config.compile_limits.time.saturating_mul(2);
        let setup = CompileSetup {
            settings: self.settings,
            limits: bounds.limits.clone(),
            goal,
            sandbox: self.config.sandbox,
            threads: self.threads(&bounds),
        };
        let mut decoder = Decoder::new(MAX_IMAGE);
        let program = (Kind::Program, self.program.bytes().clone());
        let rest = [program].into_iter().chain(state.map(|state| (Kind::Snapshot, state))).collect();
        let compiling = set_up(&mut process, setup, rest, &mut decoder, Kind::Image);
        let compiling = within(wall, compiling);
        let frames = if goal == Goal::Look { compiling.await } else { self.watched(compiling).await };
        let frames = match frames {
            Some(frames) => frames,
            None => Err(Failed::Died(format!("it took longer than {wall:?}"))),
        };
        match frames {
            Ok(frames) => {
                parse(frames, "a report and an image").map_err(|why| Error::ChildFailed { role: "compiler", why })
            }
            Err(Failed::Died(why)) => Err(self.gave_up(&bounds, why)),
            Err(Failed::Violated(why)) => Err(self.violated(Role::Compiler, &why)),
            Err(failed) => Err(failed.into_error(self.program.name(), Role::Compiler)),
        }
    }

    /// Compiles, and tells how long it takes.
    async fn watched<T>(&self, compiling: impl Future<Output = T>) -> T {
        let mut compiling = pin!(compiling);
        let (began, again_for) = (Instant::now(), self.again_for());
        let tell = |ended| {
            let (elapsed, again_for) = (began.elapsed(), again_for.clone());
            self.config.observer.tell(&Event::Compiling { elapsed, again_for, ended });
        };
        loop {
            match tokio::time::timeout(SECOND, &mut compiling).await {
                Ok(done) => {
                    tell(true);
                    return done;
                }
                Err(_) => tell(false),
            }
        }
    }

    /// The settings in which the new image differs from a similar one in the cache.
    fn again_for(&self) -> Vec<Setting> {
        let Some(cache) = &self.cache else { return Vec::new() };
        let all = (0..16_u8).map(|bits| ImageSettings {
            epochs: bits & 1 != 0,
            fuel: bits & 2 != 0,
            deterministic: bits & 4 != 0,
            reset: bits & 8 != 0,
        });
        let others = all.filter(|other| *other != self.settings && cache.has(&self.key(*other, None)));
        others.map(|other| self.settings.differences(other)).min_by_key(Vec::len).unwrap_or_default()
    }

    /// Threads for compiling: one for each core, as far as the program has work and the memory suffices.
    fn threads(&self, bounds: &Bounds) -> usize {
        if self.program.bytes().len() < LEAST_FOR_THREADS {
            return 1;
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let memory = usize::try_from(bounds.limits.memory / MEMORY_OF_A_THREAD).unwrap_or(MOST_THREADS);
        cores.min(memory).clamp(1, MOST_THREADS)
    }

    /// The refusal of a program under which the compiler dies.
    fn gave_up(&self, bounds: &Bounds, why: String) -> Error {
        let met = if bounds.ended_by_time(&why) {
            bounds.out_of_time()
        } else if is_out_of_memory(&why) {
            bounds.out_of_memory()
        } else {
            let (time, memory) = (bounds.limits.time, in_words(bounds.limits.memory));
            let why = explained(why);
            let message = format!("the compiler gave up on it: {why} (limits: {time:?} of CPU time, {memory})");
            Met::Limit(message, &[Setting::CompileTime, Setting::CompileMemory])
        };
        match met {
            Met::Limit(message, settings) => {
                self.refused(Refusal::new(RefusalCode::CompileLimit, message).about(settings))
            }
            Met::Process(why) => Error::TooLittle { role: Role::Compiler.as_str(), why },
        }
    }
}
