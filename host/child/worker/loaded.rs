//! A program that is loaded, behind its fence.

use std::sync::Arc;

use super::clock::Clock;
use super::memory::data_of_tasks;
use super::outbox::Outbox;
use crate::child::confine::{Confinement, Needs, without_rights};
use crate::child::pipes::Pipes;
use crate::child::sandbox::Sandbox;
use crate::model::fence::Fence;
use crate::protocol::page::SharedPage;
use crate::protocol::roles::Role;
use crate::protocol::setup::{ChildError, MAX_SNAPSHOT, WorkerSetup};
use crate::protocol::wire::Decoder;

/// An intruder's work on a row.
pub(in crate::child) type Intrusion = fn(&[u8]) -> Option<Vec<u8>>;

/// A program that is loaded, with all that runs beside it.
pub(super) struct Fenced {
    pub sandbox: Sandbox,
    pub outbox: Arc<Outbox>,
    pub clock: Clock,
    /// What a test of the fence does at the beginning of each task.
    pub intrusion: Option<Intrusion>,
}

/// Loads the program and raises the fence around this process. No guest code has run when this returns.
pub(super) fn fenced(
    pipes: &mut Pipes,
    decoder: &mut Decoder,
    role: Role,
    setup: &WorkerSetup,
    page: Arc<SharedPage>,
) -> Result<(Fenced, Fence), ChildError> {
    let other = |error: std::io::Error| ChildError::Other(format!("cannot give up its rights: {error}"));
    // The state that `init` leaves is copied out of an instance, which may have used up what tasks have.
    let state = if role == Role::Initializer { MAX_SNAPSHOT as u64 } else { 0 };
    let data = data_of_tasks(setup).saturating_add(state);
    let needs = Needs { role, host: pipes.host, dirs: &setup.task.grants.dirs, data: Some(data) };
    let mut fence = Confinement::new(setup.sandbox, needs);
    let argument = pipes.argument(setup, decoder)?;
    let mut sandbox = without_rights(|| Sandbox::load(setup, argument, page))?;
    // Both are mapped. The engine keeps a descriptor of the image of its own, and the page's file is closed.
    pipes.handed.clear();
    fence.around_one_thread().map_err(other)?;
    let outbox = Arc::new(Outbox::new(pipes.to_host.try_clone().map_err(other)?));
    let clock = Clock::start(sandbox.engine().clone(), sandbox.time().clone(), outbox.clone()).map_err(other)?;
    sandbox.start_threads().map_err(|error| ChildError::Other(error.to_string()))?;
    fence.around_all_threads();
    Ok((Fenced { sandbox, outbox, clock, intrusion: None }, fence.finish()?))
}
