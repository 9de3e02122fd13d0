//! Runs one task: a fresh instance, the call of the program's convention, and what became of it.

mod component;
mod core;
mod function;
mod guard;
mod keyvalue;
pub(crate) mod link;
mod stdio;
mod task;
mod values;
mod verdict;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use wasmtime::Engine;
use wasmtime::component::Val;
use wasmtime_wasi::{FsPerms, WasiCtxBuilder};

use self::component::ComponentProgram;
use self::core::CoreProgram;
use self::guard::Guard;
use self::stdio::Stdio;
use super::engine::engine;
use super::line::HostLine;
use crate::limits::{Limits, MAX_INPUT};
use crate::outcome::{ErrorDetail, Layer, Status};
use crate::process::IMAGE_FD;
use crate::report::{Convention, Kind};
use crate::setup::{AnswerDetail, ChildError, ImageSettings, WorkerSetup};
use crate::template::Row;
use crate::typed::{self, Parameters, RowError, Value};
use crate::wire::{LeasedTask, MAX_TEXT};

/// Most random bytes a guest may ask for at once; wasmtime's default of 64 MiB takes a quarter of a second.
const MAX_RANDOM: u64 = 1 << 20;

/// Host memory that one call across the component boundary may take beyond input and output: error strings, paths.
const HOSTCALL_SLACK: usize = 8 << 20;

/// What became of a task, ready for the wire.
#[derive(Debug)]
pub(super) struct Answered {
    pub status: Status,
    pub layer: Layer,
    /// [`AnswerDetail`] as JSON, or nothing.
    pub detail: Vec<u8>,
    pub output: Vec<u8>,
}

/// A loaded program, ready to run tasks.
pub(super) struct Sandbox {
    engine: Engine,
    program: Program,
    context: TaskContext,
    json_rows: bool,
    /// Of the function that is called, when the convention is that.
    parameters: Option<Parameters>,
    receipts: bool,
}

enum Program {
    Core(CoreProgram),
    Component(ComponentProgram),
}

/// A row, made ready for the program.
struct Call {
    /// What the guest is given.
    input: Bytes,
    /// A command's arguments.
    args: Vec<String>,
    /// A function's.
    values: Vec<Value>,
}

/// What is the same for every task of a run.
struct TaskContext {
    program_name: String,
    limits: Limits,
    grants: crate::setup::Grants,
    success_codes: Vec<i32>,
    convention: Convention,
    /// The program imports WASI: tasks run on an asynchronous stack, driven by this runtime of one thread.
    runtime: Option<tokio::runtime::Runtime>,
}

/// How a task ended that was not stopped.
enum Returned {
    /// The guest's bytes.
    Output(Vec<u8>),
    /// The guest's `err`.
    Refused(String),
    /// A command that ended; its bytes are in its stdout.
    Command,
    /// A command component that returned `err`: it failed, without a code.
    CommandFailed,
}

/// A task's result and what its store had to say at the end.
struct Finished {
    result: wasmtime::Result<Returned>,
    guard: Guard,
    /// There when the program imports WASI.
    stdio: Option<Stdio>,
}

impl Sandbox {
    /// Maps the image that was handed over and prepares everything that is the same for all tasks. Runs no guest code.
    pub fn load(setup: &WorkerSetup) -> Result<Sandbox, ChildError> {
        let report = &setup.report;
        let settings = ImageSettings { epochs: setup.limits.deadline.is_some() };
        let other = |error: wasmtime::Error| ChildError::Other(format!("{error:#}"));
        let engine = engine(settings, Some(&report.resources)).map_err(other)?;
        let image = format!("/proc/self/fd/{IMAGE_FD}");
        let program = match report.kind {
            Kind::CoreModule => Program::Core(CoreProgram::load(&engine, image.as_ref(), report)?),
            Kind::Component => Program::Component(ComponentProgram::load(&engine, image.as_ref(), setup)?),
        };
        let runtime = report.wasi.then(|| tokio::runtime::Builder::new_current_thread().enable_time().build());
        let context = TaskContext {
            program_name: setup.program_name.clone(),
            limits: setup.limits.clone(),
            grants: setup.grants.clone(),
            success_codes: setup.success_codes.clone(),
            convention: report.convention,
            runtime: runtime.transpose().map_err(|error| ChildError::Other(error.to_string()))?,
        };
        let parameters = report.signature().map(Parameters::new);
        Ok(Sandbox { engine, program, context, json_rows: setup.json_rows, parameters, receipts: setup.receipts })
    }

    /// Gives tasks the shared state at the other end of the line.
    pub fn share_state(&mut self, line: &Arc<HostLine>) {
        if let Program::Component(program) = &mut self.program {
            program.line = Some(line.clone());
        }
    }

    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Runs one task to its end.
    pub fn run(&mut self, task: &LeasedTask) -> Answered {
        let call = match self.prepare(task) {
            Ok(call) => call,
            Err(error) => return refused(error.into()),
        };
        let finished = match &self.program {
            Program::Core(program) => program.run(&self.context, call),
            Program::Component(program) => program.run(&self.context, call),
        };
        verdict::answer(finished, &self.context, self.receipts)
    }

    fn prepare(&self, task: &LeasedTask) -> Result<Call, RowError> {
        let bytes = &task.bytes;
        let values = match &self.parameters {
            Some(parameters) if self.json_rows => parameters.read(bytes)?,
            Some(parameters) => parameters.text(bytes)?,
            None if self.json_rows => typed::json_row(bytes).map(|()| Vec::new())?,
            None => Vec::new(),
        };
        let row = Row { bytes, name: task.name.as_deref(), json: self.json_rows, id: None };
        let args = self.context.arguments(row)?;
        Ok(Call { input: self.context.grants.input(bytes, row)?, args, values })
    }
}

fn refused(error: ErrorDetail) -> Answered {
    Answered {
        status: Status::InvalidInput,
        layer: Layer::Host,
        detail: encode(&AnswerDetail { error: Some(error), ..AnswerDetail::default() }),
        output: Vec::new(),
    }
}

/// A detail for the wire, cut down when it would not fit.
fn encode(detail: &AnswerDetail) -> Vec<u8> {
    let text = serde_json::to_vec(detail).unwrap_or_default();
    if text.len() <= MAX_TEXT {
        return text;
    }
    let code = detail.error.as_ref().map_or("", |error| error.code.as_str());
    let short = ErrorDetail::new(code, "the details are too long to be reported");
    serde_json::to_vec(&AnswerDetail { error: Some(short), ..AnswerDetail::default() }).unwrap_or_default()
}

impl TaskContext {
    /// Host memory that calls across the component boundary may take in one task: for input and output, which a function
    /// gives in parts that are a value of the engine each, be it for a byte.
    fn hostcall_memory(&self) -> usize {
        let part = if self.convention == Convention::Function { size_of::<Val>() } else { 1 };
        self.limits.output as usize * part + MAX_INPUT + HOSTCALL_SLACK
    }

    fn arguments(&self, row: Row<'_>) -> Result<Vec<String>, RowError> {
        if self.convention != Convention::Command {
            return Ok(Vec::new());
        }
        let mut args = vec![self.program_name.clone()];
        args.extend(self.grants.arguments(row)?);
        Ok(args)
    }

    /// The task's guard; its deadline counts from now.
    fn guard(&self) -> Guard {
        Guard::new(self.limits.memory, self.limits.deadline.map(|deadline| Instant::now() + deadline))
    }

    /// The streams of one task, when the program has a way to reach them.
    fn stdio(&self, row: &Bytes) -> Option<Stdio> {
        self.runtime.as_ref()?;
        Some(match self.convention {
            Convention::Command => Stdio::command(row.clone(), &self.limits),
            Convention::Task | Convention::Function | Convention::Raw => Stdio::silent(&self.limits),
        })
    }

    /// The WASI world of one task: its streams, its arguments and what was granted, nothing else.
    fn wasi(&self, stdio: &Stdio, args: &[String]) -> wasmtime::Result<WasiCtxBuilder> {
        let mut wasi = WasiCtxBuilder::new();
        wasi.stdin(stdio.input.clone()).stdout(stdio.output.clone()).stderr(stdio.diagnostics.clone());
        wasi.args(args).envs(&self.grants.env).max_random_size(MAX_RANDOM);
        for dir in &self.grants.dirs {
            let permissions = if dir.writable { FsPerms::ReadWrite } else { FsPerms::ReadOnly };
            wasi.preopened_dir(&dir.host, &dir.guest, permissions)?;
        }
        Ok(wasi)
    }

    /// Runs a task's future. Where the program can wait in a host call, a timer runs beside it; where it cannot, the
    /// future never waits either.
    fn drive<T>(
        &self,
        deadline: Option<Instant>,
        task: impl Future<Output = wasmtime::Result<T>>,
    ) -> wasmtime::Result<T> {
        let Some(runtime) = &self.runtime else {
            return match pin!(task).poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(result) => result,
                Poll::Pending => Err(wasmtime::Error::msg("a program without imports waited for something")),
            };
        };
        runtime.block_on(async {
            let Some(deadline) = deadline else { return task.await };
            let elapsed = tokio::time::timeout_at(deadline.into(), task).await;
            elapsed.unwrap_or_else(|_| Err(guard::Stopped::Timer.into()))
        })
    }
}
