//! Runs one task: a fresh instance, the call of the program's convention, and what became of it.

mod component;
mod context;
mod core;
mod determinism;
mod exit;
mod function;
mod guard;
mod init;
mod isolation;
mod keyvalue;
pub(crate) mod link;
mod parts;
mod pristine;
mod sleep;
pub(crate) mod state_link;
mod stdio;
mod task;
mod texts;
mod threads;
pub(crate) mod time;
mod values;
mod verdict;

use std::borrow::Cow;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustix::time::{ClockId, clock_gettime};
use wasmtime::{Engine, Memory};

use self::component::ComponentProgram;
use self::context::TaskContext;
use self::core::CoreProgram;
use self::guard::Deadline;
pub(crate) use self::isolation::Keeper;
use self::state_link::StateLink;
use self::task::Runner;
use self::time::ActiveTime;
use self::verdict::Judged;
use crate::child::engine::memories::Memories;
use crate::child::engine::{Use, engine};
use crate::model::isolation::Isolation;
use crate::model::outcome::{ErrorDetail, Layer, Status};
use crate::model::report::{Convention, Kind};
use crate::model::template::Row;
use crate::model::typed::{self, Parameters, RowError, Value};
use crate::protocol::page::SharedPage;
use crate::protocol::roles::IMAGE_FD;
use crate::protocol::setup::{AnswerDetail, ChildError, ImageSettings, Notice, WorkerSetup};
use crate::protocol::wire::{MAX_TEXT, Task};

/// Rows from this length on take longer to read than to look at the clock once more, and the reading is no part of
/// making an instance.
const LONG_ROW: usize = 1 << 10;

/// What became of a task, ready for the wire.
#[derive(Debug)]
pub(crate) struct Answered<'a> {
    pub status: Status,
    pub layer: Layer,
    pub output: Cow<'a, [u8]>,
    /// From the task's beginning until its instance was ready; zero when it never was.
    pub start: Duration,
    /// Nothing of most.
    pub beside: Option<Box<Beside>>,
}

/// What there is of an answer beside its output.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    /// [`AnswerDetail`] as JSON, or nothing.
    pub detail: Vec<u8>,
    /// Of a guest that trapped, when it is to be kept.
    pub core_dump: Option<Vec<u8>>,
    /// What people should know.
    pub notice: Option<Notice>,
}

impl Answered<'_> {
    /// [`Beside::detail`].
    pub fn detail(&self) -> &[u8] {
        self.beside.as_ref().map_or(&[], |beside| &beside.detail)
    }
}

/// A loaded program, ready to run tasks.
pub(crate) struct Sandbox {
    engine: Engine,
    program: Program,
    context: TaskContext,
    json_rows: bool,
    keeper: Keeper,
}

enum Program {
    Core(Runner<CoreProgram>),
    Component(Runner<ComponentProgram>),
}

/// A row, made ready for the program.
#[derive(Clone)]
struct Call<'a> {
    task: Task<'a>,
    convention: Convention,
    deadline: Option<Deadline>,
    /// What a command is started with.
    command: Option<Box<CommandLine>>,
    /// A function's arguments.
    values: Vec<Value>,
}

#[derive(Clone)]
struct CommandLine {
    args: Vec<String>,
    stdin: Bytes,
}

impl Call<'_> {
    /// For an instance that is made and not called.
    fn of_no_task(context: &TaskContext) -> Self {
        Call {
            task: Task::default(),
            convention: context.convention,
            deadline: context.limits.deadline.map(|length| Deadline::new(length, &context.time)),
            command: None,
            values: Vec::new(),
        }
    }
}

/// What is measured of a task only on request.
struct Spent {
    start: Duration,
    cpu: Duration,
}

/// How a task ended that was not stopped.
enum Returned {
    /// The guest's bytes.
    Output(Vec<u8>),
    /// Bytes that lie in the guest's memory, which is not called any more until they have been taken.
    Lent { memory: Memory, place: Range<usize> },
    /// The guest's `err`.
    Refused(String),
    /// A command that ended; its bytes are in its stdout.
    Command,
    /// A command component that returned `err`: it failed, without a code.
    CommandFailed,
}

/// A task names a function that its program does not have.
#[derive(Debug)]
pub(crate) struct NoFunction;

impl Sandbox {
    /// Maps the image that was handed over and prepares everything that is the same for all tasks. Runs no guest code.
    /// `init` is the argument of the program's `init`, when it is to be called.
    pub fn load(setup: &WorkerSetup, init: Option<Bytes>, page: Arc<SharedPage>) -> Result<Sandbox, ChildError> {
        let report = &setup.report;
        let reset = setup.isolation == Isolation::Reset;
        let settings = ImageSettings { reset, ..ImageSettings::of(&setup.limits, setup.deterministic.is_some()) };
        let memories = Arc::<Memories>::default();
        let count = Keeper::instances(setup);
        if reset {
            memories
                .reserve((report.resources.memories * count) as usize)
                .map_err(|error| ChildError::Other(format!("cannot reserve address space for memories: {error}")))?;
        }
        let other = |error: wasmtime::Error| ChildError::Other(format!("{error:#}"));
        let used = Use { resources: &report.resources, count, post_mortem: setup.post_mortem, memories: &memories };
        let engine = engine(settings, Some(used)).map_err(other)?;
        let image = format!("/proc/self/fd/{IMAGE_FD}");
        let time = ActiveTime::default();
        let program = match report.kind {
            Kind::CoreModule => {
                let clock = setup.deterministic.is_none().then(|| time.clone());
                let program = CoreProgram::load(&engine, image.as_ref(), report, memories, clock)?;
                Program::Core(Runner::new(program))
            }
            Kind::Component => {
                let program = ComponentProgram::load(&engine, image.as_ref(), setup, memories)?;
                Program::Component(Runner::new(program))
            }
        };
        let runtime = report.wasi.then(|| threads::runtime(setup.deterministic.is_some())).transpose();
        let context = TaskContext {
            program_name: setup.program_name.clone(),
            limits: setup.limits.clone(),
            grants: setup.grants.clone(),
            deterministic: setup.deterministic.clone(),
            receipts: setup.receipts,
            success_codes: setup.success_codes.clone(),
            post_mortem: setup.post_mortem,
            convention: report.convention,
            init,
            epochs: settings.epochs,
            page,
            time,
            runtime: runtime.map_err(|error| ChildError::Other(error.to_string()))?,
        };
        let keeper = Keeper::new(setup);
        Ok(Sandbox { engine, program, context, json_rows: setup.json_rows, keeper })
    }

    /// Gives tasks the shared state at the other end of the line.
    pub fn share_state(&mut self, line: Arc<dyn StateLink>) {
        if let Program::Component(runner) = &mut self.program {
            runner.program.line = Some(line);
        }
    }

    /// Starts the threads that wait for files, if a directory is granted.
    pub fn start_threads(&mut self) -> io::Result<()> {
        let context = &mut self.context;
        if !context.grants.dirs.is_empty() {
            let started = |runtime| threads::started(runtime, context.deterministic.is_some());
            context.runtime = context.runtime.take().map(started).transpose()?;
        }
        Ok(())
    }

    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The time by which deadlines are kept; the clock makes it pass.
    pub fn time(&self) -> &ActiveTime {
        &self.context.time
    }

    /// Runs one task, which began at `begun`, to its end, and gives what became of it to `sink` before its instance is put
    /// back, so that what the guest has returned need not be copied out of its memory first.
    ///
    /// # Errors
    /// When the task names a function that there is not: the host breaks the protocol.
    pub fn run(&mut self, task: Task<'_>, begun: Instant, sink: impl FnOnce(Answered<'_>)) -> Result<(), NoFunction> {
        let cpu = self.context.receipts.then(thread_time);
        let parameters = match (&self.program, task.function) {
            (Program::Component(runner), function) => runner.program.parameters(function)?,
            (Program::Core(_), None) => None,
            (Program::Core(_), Some(_)) => return Err(NoFunction),
        };
        let is_long = task.bytes.len() >= LONG_ROW;
        let call = match self.prepare(task, parameters) {
            Ok(call) => call,
            Err(error) => {
                sink(refused(error.into()));
                return Ok(());
            }
        };
        let begun = if is_long { Instant::now() } else { begun };
        self.judge(call, |judged, notice| {
            let start = judged.ready.map_or(Duration::ZERO, |ready| ready - begun);
            let spent = cpu.map(|before| Spent { start, cpu: thread_time().saturating_sub(before) });
            let mut answered = Answered { start, ..judged.answer(spent) };
            if notice.is_some() {
                answered.beside.get_or_insert_default().notice = notice;
            }
            sink(answered);
        });
        Ok(())
    }

    fn judge(&mut self, mut call: Call<'_>, sink: impl FnOnce(Judged<'_>, Option<Notice>)) {
        let again = self.keeper.begin().then(|| call.clone());
        if again.is_none() && !self.keeper.verifies() {
            return self.run_kept(&mut call, |judged| sink(judged, None));
        }
        let judged = self.run_kept(&mut call, |judged| judged.into_owned());
        let (judged, notice) = match again {
            Some(call) => self.compare(judged, call),
            None => (judged, self.verify()),
        };
        sink(judged, notice);
    }

    fn run_kept<R>(&mut self, call: &mut Call<'_>, sink: impl FnOnce(Judged<'_>) -> R) -> R {
        match &mut self.program {
            Program::Core(runner) => runner.run(&self.context, call, &mut self.keeper, sink),
            Program::Component(runner) => runner.run(&self.context, call, &mut self.keeper, sink),
        }
    }

    /// Compares the instance that was put back with a fresh one.
    fn verify(&mut self) -> Option<Notice> {
        let difference = match &mut self.program {
            Program::Core(runner) => runner.verify(&self.context),
            Program::Component(runner) => runner.verify(&self.context),
        };
        difference.map(|what| {
            self.keeper.give_up();
            Notice::NotPutBack(what)
        })
    }

    /// Runs a task again in a fresh instance, in what is left of its time.
    fn compare(&mut self, kept: Judged<'static>, mut call: Call<'_>) -> (Judged<'static>, Option<Notice>) {
        let fresh = match &self.program {
            Program::Core(runner) => runner.run_alone(&self.context, &mut call),
            Program::Component(runner) => runner.run_alone(&self.context, &mut call),
        };
        // Where the second run came to no end in time, there is nothing to compare.
        if fresh.is_timeout() || fresh.is_as(&kept) {
            return (kept, None);
        }
        match &mut self.program {
            Program::Core(runner) => runner.forget(),
            Program::Component(runner) => runner.forget(),
        }
        self.keeper.give_up();
        (fresh, Some(Notice::Impure))
    }

    fn prepare<'a>(&self, task: Task<'a>, parameters: Option<&Parameters>) -> Result<Call<'a>, RowError> {
        let bytes = task.bytes;
        let values = match parameters {
            Some(parameters) if self.json_rows => parameters.read(bytes)?,
            Some(parameters) => parameters.text(bytes)?,
            None if self.json_rows => typed::json_row(bytes).map(|()| Vec::new())?,
            None => Vec::new(),
        };
        let context = &self.context;
        let convention = task.function.map_or(context.convention, |_| Convention::Function);
        let command = match convention {
            Convention::Command => {
                let row = Row { bytes, name: task.name, json: self.json_rows, id: None };
                let (args, stdin) = (context.arguments(row)?, context.grants.input(row)?.into_owned().into());
                Some(Box::new(CommandLine { args, stdin }))
            }
            Convention::Task | Convention::Function | Convention::Raw => None,
        };
        let deadline = task.deadline.or(context.limits.deadline).map(|length| Deadline::new(length, &context.time));
        Ok(Call { task, convention, deadline, command, values })
    }
}

fn refused(error: ErrorDetail) -> Answered<'static> {
    let detail = encode(AnswerDetail { error: Some(error), ..AnswerDetail::default() });
    let beside = Some(Box::new(Beside { detail, ..Beside::default() }));
    Answered { status: Status::InvalidInput, layer: Layer::Host, beside, ..Answered::ok(Cow::default()) }
}

/// Processor time of this thread, on which guests run.
fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

/// A detail for the wire, cut down when it would not fit.
fn encode(mut detail: AnswerDetail) -> Vec<u8> {
    let text = serde_json::to_vec(&detail).unwrap_or_default();
    if text.len() <= MAX_TEXT {
        return text;
    }
    // A byte takes up to six in JSON.
    let most = MAX_TEXT / 6 / 4;
    let cut = |text: &mut String| *text = texts::ends(std::mem::take(text), most);
    detail.stderr.iter_mut().for_each(cut);
    if let Some(error) = &mut detail.error {
        error.stderr.iter_mut().for_each(cut);
        let mut left = most;
        error.backtrace.retain(|name| {
            left = left.saturating_sub(name.len());
            left > 0
        });
    }
    serde_json::to_vec(&detail).unwrap_or_default()
}
