//! The host's side of the compiler process.

use bytes::Bytes;

use super::{Maker, is_out_of_memory, parse};
use crate::model::error::{Error, Refusal};
use crate::model::limits::in_words;
use crate::model::report::Draft;
use crate::model::settings::Setting;
use crate::protocol::roles::Role;
use crate::protocol::setup::{CompileSetup, Goal};
use crate::protocol::wire::{Decoder, Kind};
use crate::spawn::handshake::{Failed, set_up};

/// Largest image. Machine code is some four times its WebAssembly, so this is far above the images of
/// [`crate::model::program::MAX_PROGRAM`] programs that real machines can compile.
const MAX_IMAGE: usize = 2 << 30;

impl Maker<'_> {
    /// Compiles the program, with the state that `init` left if this is the goal. Takes the state, because the image
    /// holds it, too.
    pub(super) async fn compile(&self, goal: Goal, state: Option<Bytes>) -> Result<(Draft, Bytes), Error> {
        let spawned = self.spawner.spawn(self.worker, Role::Compiler, Vec::new()).await;
        let mut process = spawned.map_err(|source| Error::Spawn { role: "compiler", source })?;
        let limits = self.config.compile_limits.clone();
        let wall = limits.time.saturating_mul(2);
        let setup = CompileSetup { settings: self.settings, limits, goal, sandbox: self.config.sandbox };
        let mut decoder = Decoder::new(MAX_IMAGE);
        let program = (Kind::Program, self.program.bytes().clone());
        let rest = [program].into_iter().chain(state.map(|state| (Kind::Snapshot, state))).collect();
        let compiling = set_up(&mut process, setup, rest, &mut decoder, Kind::Image);
        let frames = match tokio::time::timeout(wall, compiling).await {
            Ok(frames) => frames,
            Err(_) => Err(Failed::Died(format!("it took longer than {wall:?}"))),
        };
        match frames {
            Ok(frames) => {
                parse(frames, "a report and an image").map_err(|why| Error::ChildFailed { role: "compiler", why })
            }
            Err(Failed::Died(why)) => Err(self.gave_up(&why)),
            Err(Failed::Violated(why)) => Err(self.violated(Role::Compiler, &why)),
            Err(failed) => Err(failed.into_error(self.program.name(), Role::Compiler)),
        }
    }

    /// The refusal of a program under which the compiler dies.
    fn gave_up(&self, why: &str) -> Error {
        let limits = &self.config.compile_limits;
        let (time, memory) = (limits.time, in_words(limits.memory));
        // The kernel's signal for a process that has used up its time.
        let (message, settings) = if why.contains("SIGXCPU") {
            let message = format!("compiling it takes more than {time:?} of CPU time; allow more");
            (message, &[Setting::CompileTime][..])
        } else if is_out_of_memory(why) {
            (format!("compiling it takes more than {memory}; allow more"), &[Setting::CompileMemory][..])
        } else {
            let message = format!("the compiler gave up on it: {why} (limits: {time:?} of CPU time, {memory})");
            (message, &[Setting::CompileTime, Setting::CompileMemory][..])
        };
        self.refused(Refusal::new("compile-limit", message).about(settings))
    }
}
