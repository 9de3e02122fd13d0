//! The host's side of a compiler process that looks up lines of source code.

use std::time::Duration;

use bytes::Bytes;

use super::bounds::Bounds;
use crate::config::PoolConfig;
use crate::model::fence;
use crate::model::limits::CompileLimits;
use crate::model::program::Program;
use crate::model::spot::Line;
use crate::protocol::lines::{self, Asked};
use crate::protocol::roles::{Role, label};
use crate::protocol::setup::{CompileSetup, Goal, ImageSettings};
use crate::protocol::wire::{Decoder, Kind, MAX_TEXT};
use crate::spawn::handshake::{Failed, set_up};
use crate::spawn::machine::explained;
use crate::spawn::process::Spawner;
use crate::spawn::within::within;

/// Processor time of a lookup. The debug information of large programs, some 100 MB, is read in a second.
const TIME: Duration = Duration::from_secs(10);

/// Memory of a lookup, beside the program and the frame that it comes in.
const MEMORY: u64 = 1 << 30;

/// Looks up lines of source code. A process that reads debug information, which is anybody's bytes, can only fail.
///
/// # Errors
/// The reason, for people.
pub(crate) async fn find(
    program: &Program,
    config: &PoolConfig,
    spawner: &Spawner,
    asked: &Asked,
) -> Result<Vec<Vec<Line>>, String> {
    let worker = config.worker_command().map_err(|error| error.to_string())?;
    let label = label(Role::Compiler, None, program.name());
    let spawned = spawner.spawn(worker, Role::Compiler, label, Vec::new()).await;
    let mut process = spawned.map_err(|error| format!("its process cannot be started: {error}"))?;
    let set = &config.compile_limits;
    let memory = set.memory.min(MEMORY + 2 * program.bytes().len() as u64);
    let limits = Bounds::of(&CompileLimits { time: set.time.min(TIME), memory }).limits;
    let settings = ImageSettings::of(&config.task.limits, false, false);
    let setup = CompileSetup { settings, limits, goal: Goal::Lines, sandbox: config.sandbox, threads: 1 };
    let question = serde_json::to_vec(asked).map_err(|error| error.to_string())?;
    let rest = vec![(Kind::Program, program.bytes().clone()), (Kind::Spots, Bytes::from(question))];
    let mut decoder = Decoder::new(MAX_TEXT);
    let looking = set_up(&mut process, setup, rest, &mut decoder, Kind::Lines);
    match within(2 * TIME, looking).await {
        None => Err(format!("it took longer than {:?}", 2 * TIME)),
        Some(Ok(frames)) => match frames.as_slice() {
            [answer] => lines::read(&answer.payload, asked.spots.len()),
            _ => Err("its answer has more parts than one".to_owned()),
        },
        Some(Err(Failed::Violated(why))) => Err(format!("{}: {why}", fence::violation("the compiler", ""))),
        Some(Err(Failed::Died(why))) => Err(explained(why)),
        Some(Err(failed)) => Err(failed.into_error(program.name(), Role::Compiler).to_string()),
    }
}
