//! What runs in the child processes: the entrance, and a worker's life.

mod allocator;
mod clock;
pub(crate) mod confine;
pub(crate) mod engine;
mod faults;
mod initialize;
mod line;
mod memories;
mod outbox;
mod sandbox;
mod serve;
mod stacks;
pub(crate) mod state_access;
mod watch;

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::exit;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use self::allocator::Allocator;
use self::clock::Clock;
use self::confine::{Confinement, Needs};
use self::outbox::Outbox;
pub(crate) use self::sandbox::link;
pub(crate) use self::watch::MAX_WATCHED;
use crate::command::{BUILD, CHILD_ARGUMENT};
use crate::fence::Fence;
use crate::limits::MAX_INPUT;
use crate::page::{Cause, SharedPage};
use crate::process::Role;
use crate::setup::{ChildError, Hello, MAX_SNAPSHOT, WorkerSetup};
use crate::wire::{self, Decoder, FRAME_TARGET, Frame, Kind, MAX_TEXT, WireError};

/// The interface through which the state of an instrumented component is read, as the library that makes it calls it.
pub(crate) const ACCESS: &str = "wasmtime:wizer/access";
/// The export under which the compiler puts the constructors of a core module that has an `init`.
pub(crate) const CONSTRUCTORS: &str = "__wpool_constructors";

/// What the names begin with under which the compiler exports a core module's memories and mutable globals.
pub(crate) const STATE: &str = "__wpool_state_";

/// Most bytes of the message of a refusal, which may list all that a program exports. A byte takes up to six in JSON.
const MAX_MESSAGE: usize = MAX_TEXT / 8;

/// Exit code of a child that could not be set up, after it said why.
const REFUSED: i32 = 3;
/// Exit code of a child that broke: it panicked, or its host spoke nonsense.
const BROKEN: i32 = 70;

/// Makes this process a worker or a compiler when a pool started it as one, and returns otherwise. It must be the
/// first line of `main` in a program that uses [`crate::WorkerCommand::this_program`].
pub fn enter() {
    enter_with(None);
}

/// [`enter`], with something that every worker does at the beginning of each task, in place of the guest if it gives an
/// output. It is for tests of the fence: what it does, a guest could do that has broken out of the engine.
#[doc(hidden)]
pub fn enter_as_intruder(act: fn(&[u8]) -> Option<Vec<u8>>) {
    enter_with(Some(act));
}

/// What an intruder does with a row.
pub(crate) type Intrusion = fn(&[u8]) -> Option<Vec<u8>>;

fn enter_with(intrusion: Option<Intrusion>) {
    let args: Vec<OsString> = std::env::args_os().collect();
    // The whole command line and nothing less: what a user passes on to a guest may hold these words, too.
    let [_, mark, role, host] = args.as_slice() else { return };
    if mark != CHILD_ARGUMENT {
        return;
    }
    let role = [Role::Worker, Role::Initializer, Role::Compiler].into_iter().find(|known| role == known.as_str());
    let (Some(role), Some(host)) = (role, host.to_str().and_then(|pid| pid.parse().ok())) else { return };
    let Ok(pipes) = confine::begin(role, host) else { exit(BROKEN) };
    exit(match role {
        Role::Worker => work(pipes, intrusion),
        Role::Initializer => initialize::initialize(pipes),
        Role::Compiler => crate::compiler::compile(pipes),
    })
}

/// A child's ends of its pipes.
#[derive(Debug)]
pub(crate) struct Pipes {
    pub from_host: File,
    pub to_host: File,
    /// Descriptors that were handed over, from 3 on.
    pub handed: Vec<OwnedFd>,
    /// The process id of the host.
    pub host: i32,
    /// What is read comes here first: the free end of a decoder's buffer would have to be cleared for each read, which takes
    /// a worker that is woken up for one row longer than all else.
    block: Box<[u8]>,
}

impl Pipes {
    /// Reads the next frame; `None` when the host has closed the pipe.
    pub fn next(&mut self, decoder: &mut Decoder) -> Result<Option<Frame>, WireError> {
        loop {
            if let Some(frame) = decoder.pop()? {
                return Ok(Some(frame));
            }
            // A pipe that cannot be read is a host that is gone.
            let count = self.from_host.read(&mut self.block).unwrap_or(0);
            if count == 0 {
                return Ok(None);
            }
            decoder.space().extend_from_slice(&self.block[..count]);
        }
    }

    /// Reads the setup, when the host is of this build.
    pub fn setup<T: DeserializeOwned>(&mut self, decoder: &mut Decoder) -> Result<T, ChildError> {
        let nonsense = |why: String| ChildError::Other(format!("cannot read its setup: {why}"));
        let frame = self.next(decoder).map_err(|error| nonsense(error.to_string()))?;
        let frame = frame.ok_or_else(|| nonsense("the pipe was closed".into()))?;
        let hello: Hello<serde_json::Value> =
            serde_json::from_slice(&frame.payload).map_err(|error| nonsense(error.to_string()))?;
        if hello.build != BUILD {
            return Err(ChildError::Build(BUILD.to_owned()));
        }
        serde_json::from_value(hello.setup).map_err(|error| nonsense(error.to_string()))
    }

    /// Reads the argument of `init`, when it is to be called.
    pub fn argument(&mut self, setup: &WorkerSetup, decoder: &mut Decoder) -> Result<Option<Bytes>, ChildError> {
        if !setup.init {
            return Ok(None);
        }
        let frame = self.next(decoder).map_err(|error| ChildError::Other(error.to_string()))?;
        let frame = frame.filter(|frame| frame.kind == Kind::Argument);
        frame.map(|frame| Some(frame.payload)).ok_or_else(|| ChildError::Other("it was given no argument".into()))
    }

    /// Sends a frame of JSON. A host that is gone gets nothing more, and will not miss it.
    pub fn send(&mut self, kind: Kind, value: &impl Serialize) {
        self.send_bytes(kind, &serde_json::to_vec(value).unwrap_or_default());
    }

    /// Sends a frame of bytes.
    pub fn send_bytes(&mut self, kind: Kind, payload: &[u8]) {
        let sent = self.to_host.write_all(&wire::head(kind, payload));
        let _ = sent.and_then(|()| self.to_host.write_all(payload));
    }

    /// Says why this child does not go on.
    pub fn refuse(&mut self, mut why: ChildError) -> i32 {
        if let ChildError::Program(refusal) = &mut why {
            refusal.message.truncate(refusal.message.floor_char_boundary(MAX_MESSAGE));
        }
        self.send(Kind::Refused, &why);
        REFUSED
    }
}

fn work(mut pipes: Pipes, intrusion: Option<Intrusion>) -> i32 {
    let mut decoder = Decoder::new(MAX_TEXT.max(MAX_INPUT + 2 * FRAME_TARGET));
    let (setup, page) = match prepare(&mut pipes, &mut decoder) {
        Ok(prepared) => prepared,
        Err(why) => return pipes.refuse(why),
    };
    let (mut fenced, fence) = match fenced(&mut pipes, &mut decoder, Role::Worker, &setup, page.clone()) {
        Ok(ready) => ready,
        Err(why) => return pipes.refuse(why),
    };
    fenced.intrusion = intrusion;
    if let Err(error) = faults::tell_sent_from_raised() {
        return pipes.refuse(ChildError::Other(format!("cannot watch its faults: {error}")));
    }
    // Everything that needs more than a guest does is done; from here on this process is the guest's.
    pipes.send(Kind::Ready, &fence);
    match serve::serve(&setup, fenced, page.clone(), pipes, decoder) {
        Ok(()) => 0,
        Err(error) => {
            page.set_cause(Cause::Protocol);
            confine::last_words(&error.to_string());
            BROKEN
        }
    }
}

fn prepare(pipes: &mut Pipes, decoder: &mut Decoder) -> Result<(WorkerSetup, Arc<SharedPage>), ChildError> {
    let setup = pipes.setup(decoder)?;
    let page_file = pipes.handed.last().ok_or_else(|| ChildError::Other("it was given no page".into()))?;
    let page = SharedPage::map(page_file.as_fd()).map_err(|error| ChildError::Other(error.to_string()))?;
    let page = Arc::new(page);
    confine::report_panics_to(page.clone());
    allocator::report_to(page.clone());
    Ok((setup, page))
}

/// A program that is loaded, with all that runs beside it.
pub(super) struct Fenced {
    sandbox: sandbox::Sandbox,
    outbox: Arc<Outbox>,
    clock: Clock,
    /// What a test of the fence does at the beginning of each task.
    intrusion: Option<Intrusion>,
}

/// Loads the program and raises the fence around this process. No guest code has run when this returns.
fn fenced(
    pipes: &mut Pipes,
    decoder: &mut Decoder,
    role: Role,
    setup: &WorkerSetup,
    page: Arc<SharedPage>,
) -> Result<(Fenced, Fence), ChildError> {
    let other = |error: std::io::Error| ChildError::Other(format!("cannot give up its rights: {error}"));
    // The state that `init` leaves is copied out of an instance, which may have used up what tasks have.
    let state = if role == Role::Initializer { MAX_SNAPSHOT as u64 } else { 0 };
    let data = confine::data_of_tasks(setup).saturating_add(state);
    let needs = Needs { role, host: pipes.host, dirs: &setup.grants.dirs, data: Some(data) };
    let mut fence = Confinement::new(setup.sandbox, needs);
    let argument = pipes.argument(setup, decoder)?;
    let mut sandbox = confine::without_rights(|| sandbox::Sandbox::load(setup, argument, page))?;
    // Both are mapped. The engine keeps a descriptor of the image of its own, and the page's file is closed.
    pipes.handed.clear();
    fence.around_one_thread().map_err(other)?;
    let outbox = Arc::new(Outbox::new(pipes.to_host.try_clone().map_err(other)?));
    let clock = Clock::start(sandbox.engine().clone(), sandbox.time().clone(), outbox.clone()).map_err(other)?;
    sandbox.start_threads().map_err(|error| ChildError::Other(error.to_string()))?;
    fence.around_all_threads();
    Ok((Fenced { sandbox, outbox, clock, intrusion: None }, fence.finish()?))
}
