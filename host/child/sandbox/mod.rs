//! Runs one task: makes a fresh instance, calls it by the program's convention, and judges the end.

mod access;
mod answer;
mod backtrace;
mod call;
mod component;
mod component_store;
mod contents;
mod context;
mod core;
mod core_store;
mod determinism;
mod exit;
mod function;
mod guard;
mod init;
mod interfaces;
mod isolation;
mod keyvalue;
mod kind;
pub(crate) mod link;
mod listing;
mod listings;
mod log;
mod log_component;
mod log_core;
mod parts;
mod pristine;
pub(crate) mod profiler;
mod random;
mod reading;
mod row_dirs;
mod scratch;
mod script;
mod sleep;
mod stdio;
mod task;
mod texts;
mod threads;
pub(crate) mod time;
mod values;
mod verdict;
mod world;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use wasmtime::Engine;

use self::answer::refused;
pub(crate) use self::answer::{Answered, Beside};
pub(crate) use self::call::NoFunction;
use self::call::{Call, CommandLine, Spent};
use self::component::ComponentProgram;
use self::context::TaskContext;
use self::core::CoreProgram;
use self::guard::Deadline;
pub(crate) use self::isolation::Keeper;
pub(crate) use self::keyvalue::state_link::StateLink;
use self::profiler::Profiler;
pub(crate) use self::scratch::ScratchRoot;
pub(crate) use self::stdio::Printed;
use self::task::Runner;
use self::time::{ActiveTime, thread_time};
use self::verdict::Judged;
use crate::child::engine::layer::Layer;
use crate::child::engine::memories::Memories;
use crate::child::engine::{Use, engine};
use crate::model::report::{Convention, Kind};
use crate::model::template::Row;
use crate::model::typed::{self, Parameters, RowError};
use crate::protocol::page::SharedPage;
use crate::protocol::roles::IMAGE_FD;
use crate::protocol::setup::{ChildError, Notice, WorkerSetup};
use crate::protocol::wire::Task;

/// Length of a row from which reading it takes longer than one more look at the clock. Such reading must not count as
/// time for making an instance.
const LONG_ROW: usize = 1 << 10;

/// Contents of the memories of instances.
#[derive(Debug, Default)]
pub(crate) struct Layers {
    /// Their first contents, if the image is made for memories of ours.
    pub start: Option<Layer>,
    /// The state of `init`, which is laid over each instance.
    pub prepared: Option<Layer>,
}

/// A loaded program, ready to run tasks.
pub(crate) struct Sandbox {
    engine: Engine,
    program: Program,
    context: TaskContext,
    keeper: Keeper,
}

enum Program {
    Core(Runner<CoreProgram>),
    Component(Runner<ComponentProgram>),
}

impl Sandbox {
    /// Maps the image from the host and prepares everything that all tasks share. Runs no guest code. `init` is the
    /// argument of the program's `init`, if it is to be called.
    pub fn load(
        setup: &WorkerSetup,
        init: Option<Bytes>,
        page: Arc<SharedPage>,
        layers: Layers,
    ) -> Result<Sandbox, ChildError> {
        let (report, task, settings) = (&setup.report, &setup.task, setup.image.settings);
        let Layers { start, prepared } = layers;
        let memories = Arc::new(Memories::new(start));
        let count = Keeper::instances(task);
        if settings.reset {
            memories
                .reserve((report.resources.memories * count) as usize)
                .map_err(|error| ChildError::Other(format!("cannot reserve address space for memories: {error}")))?;
        }
        let other = |error: wasmtime::Error| ChildError::Other(format!("{error:#}"));
        let is_deep = report.convention == Convention::Script && report.wasi;
        let post_mortem = task.post_mortem;
        let used = Use { resources: &report.resources, count, is_deep, post_mortem, memories: &memories };
        let engine = engine(settings, setup.image.proposals, Some(used)).map_err(other)?;
        let image = format!("/proc/self/fd/{IMAGE_FD}");
        let time = ActiveTime::default();
        let program = match report.kind {
            Kind::CoreModule => {
                let means =
                    link::Means { clock: task.deterministic.is_none().then(|| time.clone()), logs: task.receipts };
                let program = CoreProgram::load(&engine, image.as_ref(), report, (memories, prepared), means)?;
                Program::Core(Runner::new(program))
            }
            Kind::Component => {
                let program = ComponentProgram::load(&engine, image.as_ref(), setup, (memories, prepared))?;
                Program::Component(Runner::new(program))
            }
        };
        let runtime = report.wasi.then(|| threads::runtime(task.deterministic.is_some())).transpose();
        let context = TaskContext {
            program_name: setup.program_name.clone(),
            settings: task.clone(),
            convention: report.convention,
            init,
            epochs: settings.epochs,
            copying_fuel: report.copying_fuel.filter(|_| settings.reset).unwrap_or(0),
            counts_fuel: settings.fuel,
            spots: setup.image.spots,
            printed: Printed::default(),
            page,
            time,
            scratch: None,
            profiler: task.profile.map(Profiler::new),
            runtime: runtime.map_err(|error| ChildError::Other(error.to_string()))?,
        };
        let keeper = Keeper::new(task);
        Ok(Sandbox { engine, program, context, keeper })
    }

    /// Gives tasks access to the shared state, through `line`.
    pub fn share_state(&mut self, line: Arc<dyn StateLink>) {
        if let Program::Component(runner) = &mut self.program {
            runner.program.line = Some(line);
        }
    }

    /// Gives each task a directory in this file system.
    pub fn give_scratch(&mut self, scratch: Arc<ScratchRoot>) {
        self.context.scratch = Some(scratch);
    }

    /// Starts the threads that wait for files, if a directory is granted.
    pub fn start_threads(&mut self) -> io::Result<()> {
        let context = &mut self.context;
        let settings = &context.settings;
        if !settings.grants.dirs.is_empty() || settings.learn.is_some() || context.scratch.is_some() {
            let started = |runtime| threads::started(runtime, context.settings.deterministic.is_some());
            context.runtime = context.runtime.take().map(started).transpose()?;
        }
        Ok(())
    }

    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The time that deadlines count. The clock makes it pass.
    pub fn time(&self) -> &ActiveTime {
        &self.context.time
    }

    /// The sampler of the stacks of tasks, if they are sampled.
    pub fn profiler(&self) -> Option<&Profiler> {
        self.context.profiler.as_ref()
    }

    /// Runs one task, which began at `begun`, to its end. Passes the answer to `sink` before the instance is restored,
    /// so that the guest's output need not be copied out of its memory first.
    ///
    /// # Errors
    /// When the task names a function that does not exist: the host has broken the protocol.
    pub fn run(&mut self, task: Task<'_>, begun: Instant, sink: impl FnOnce(Answered<'_>)) -> Result<(), NoFunction> {
        let cpu = self.context.settings.receipts.then(thread_time);
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

    /// The text that `init` prints, for another thread.
    pub fn printed(&self) -> Printed {
        self.context.printed.clone()
    }

    /// Runs `init` in one instance. The output is the resulting state.
    pub fn freeze(&self) -> Answered<'static> {
        let context = &self.context;
        let call = context.call_of_no_task();
        let judged = match &self.program {
            Program::Core(runner) => runner.freeze(context, call),
            Program::Component(runner) => runner.freeze(context, call),
        };
        // Its printed text is reported only together with measurements.
        let spent = Spent { start: Duration::ZERO, cpu: Duration::ZERO };
        judged.answer(Some(spent))
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

    /// Compares the restored instance with a fresh one.
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

    /// Runs a task again in a fresh instance, in the rest of its time.
    fn compare(&mut self, kept: Judged<'static>, mut call: Call<'_>) -> (Judged<'static>, Option<Notice>) {
        let fresh = match &self.program {
            Program::Core(runner) => runner.run_alone(&self.context, &mut call),
            Program::Component(runner) => runner.run_alone(&self.context, &mut call),
        };
        // If the second run did not end in time, there is nothing to compare.
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
            Some(parameters) if self.context.settings.json_rows => {
                parameters.read(bytes, self.context.settings.text_values)?
            }
            Some(parameters) => parameters.text(bytes)?,
            None if self.context.settings.json_rows => typed::json_row(bytes).map(|()| Vec::new())?,
            None => Vec::new(),
        };
        let context = &self.context;
        let convention = task.function.map_or(context.convention, |_| Convention::Function);
        let row = Row { bytes, name: task.name, json: self.context.settings.json_rows, id: None };
        let dirs = row_dirs::open(&context.settings.grants.dirs, row)?;
        let command = match convention {
            Convention::Command => {
                let (args, stdin) = (context.arguments(row)?, context.settings.grants.input(row)?.into_owned().into());
                Some(Box::new(CommandLine { args, stdin }))
            }
            Convention::Task | Convention::Script | Convention::Function | Convention::Raw => None,
        };
        let deadline =
            task.deadline.or(context.settings.limits.deadline).map(|length| Deadline::new(length, &context.time));
        Ok(Call { task, convention, deadline, command, values, dirs })
    }
}
