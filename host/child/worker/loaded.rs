//! A program that is loaded, behind its fence.

use std::sync::Arc;
use std::time::Duration;

use super::clock::{Clock, Overdue};
use super::memory::data_of_tasks;
use super::outbox::Outbox;
use crate::child::confine::{Confinement, Needs, file_system, without_rights};
use crate::child::engine::layer::Layer;
use crate::child::pipes::Pipes;
use crate::child::sandbox::time::TICK;
use crate::child::sandbox::{Layers, Sandbox, ScratchRoot};
use crate::model::fence::Fence;
use crate::protocol::contents::{MAX_SNAPSHOT, Span};
use crate::protocol::page::SharedPage;
use crate::protocol::roles::{IMAGE_FD, Role, STATE_FD};
use crate::protocol::setup::{ChildError, WorkerSetup};
use crate::protocol::wire::Decoder;

/// More wake-ups a second would take much of a core.
const SHORTEST_TICK: Duration = Duration::from_micros(100);

/// An intruder's work on a row.
pub(in crate::child) type Intrusion = fn(&[u8]) -> Option<Vec<u8>>;

/// A program that is loaded, with all that runs beside it.
pub(super) struct Fenced {
    pub sandbox: Sandbox,
    pub outbox: Arc<Outbox>,
    pub clock: Clock,
    /// The work of a test of the fence at the beginning of each task.
    pub intrusion: Option<Intrusion>,
}

/// Loads the program and raises the fence around this process. No guest code has run when this returns.
pub(super) fn fenced(
    pipes: &mut Pipes,
    decoder: &mut Decoder,
    role: Role,
    setup: &WorkerSetup,
    page: Arc<SharedPage>,
    overdue: impl FnOnce(&Sandbox) -> Option<Overdue>,
) -> Result<(Fenced, Fence), ChildError> {
    let other = |error: std::io::Error| ChildError::Other(format!("cannot give up its rights: {error}"));
    // The state that `init` leaves is copied out of an instance, which may have used up what tasks have.
    let state = if role == Role::Initializer { MAX_SNAPSHOT as u64 } else { 0 };
    let data = data_of_tasks(setup).saturating_add(state);
    let scratch = setup.task.grants.scratch.as_ref().filter(|_| role == Role::Worker);
    let scratch = scratch.map(|scratch| file_system(scratch).and_then(ScratchRoot::new)).transpose();
    let scratch = scratch.map_err(|error| ChildError::Scratch(error.to_string()))?.map(Arc::new);
    let root = scratch.as_ref().map(|scratch| scratch.root());
    let (dirs, empty_dir) = (&*setup.task.grants.dirs, setup.task.learn.as_deref());
    let needs = Needs { role, host: pipes.host, dirs, empty_dir, scratch: root, data: Some(data) };
    let mut fence = Confinement::new(setup.sandbox, needs);
    let argument = pipes.argument(setup, decoder)?;
    let layers =
        layers(pipes, setup).map_err(|error| ChildError::Image(format!("cannot read its contents: {error}")))?;
    let mut sandbox = without_rights(|| Sandbox::load(setup, argument, page, layers))?;
    // All are mapped. The engine keeps a descriptor of the image of its own, and so do contents. The page's file is closed.
    pipes.handed.clear();
    fence.around_one_thread().map_err(other)?;
    if let Some(scratch) = &scratch {
        sandbox.give_scratch(scratch.clone());
    }
    let outbox = Arc::new(Outbox::new(pipes.to_host.try_clone().map_err(other)?));
    let overdue = overdue(&sandbox);
    let tick = setup.task.profile.map_or(TICK, |interval| interval.clamp(SHORTEST_TICK, TICK));
    let clock = Clock::start(sandbox.engine().clone(), sandbox.time().clone(), tick, outbox.clone(), overdue);
    let clock = clock.map_err(other)?;
    sandbox.start_threads().map_err(|error| ChildError::Other(error.to_string()))?;
    fence.around_all_threads();
    Ok((Fenced { sandbox, outbox, clock, intrusion: None }, fence.finish()?))
}

/// The contents of memories, from the descriptors that the host has handed over.
fn layers(pipes: &Pipes, setup: &WorkerSetup) -> std::io::Result<Layers> {
    let open = |descriptor: i32, span: Option<Span>| {
        let Some(span) = span else { return Ok(None) };
        let file = pipes.handed.get((descriptor - IMAGE_FD) as usize);
        let file = file.ok_or_else(|| std::io::Error::other("it was given no file for them"))?;
        Layer::open(file.try_clone()?, span).map(Some)
    };
    Ok(Layers { start: open(IMAGE_FD, setup.image.start)?, prepared: open(STATE_FD, setup.image.prepared)? })
}
