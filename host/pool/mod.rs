//! The pool, the only asynchronous code. It consists of a queue (a pure state machine), one actor for each slot, which
//! attends to its worker, and the stream through which the caller feeds and drains both.

pub mod blocking;
mod builder;
mod finder;
mod handle;
mod inner;
mod lines;
mod queue;
mod results;
mod shared;
mod slot;
mod start;
mod stats;
mod stopper;
mod wait;
mod worker;

use std::sync::Arc;

use futures_core::Stream;
use tokio::task::JoinSet;

pub use builder::Builder;
pub use handle::TaskHandle;
pub use queue::{OkSpan, OkTask, Settled};
pub use results::Results;
pub use stats::{Running, Stats, TaskState};
pub use stopper::{Shutdown, Stopper};
pub use wait::{Completed, Until, Waited, as_completed, wait};

use crate::config::PoolConfig;
use crate::image::Image;
use crate::model::error::Error;
use crate::model::event::Event;
use crate::model::fence::Fence;
use crate::model::lock::lock;
use crate::model::outcome::ErrorDetail;
use crate::model::policy::Bound;
use crate::model::program::Program;
use crate::model::report::{Convention, Report};
use crate::model::settings::{Setting, SettingError};
use crate::model::span::Supply;
use crate::model::task::Input;
use crate::model::typed;
use crate::spawn::process::Spawner;
use queue::{Outbox, Queue, Rules, Ticket};
use shared::{Shared, Stop};

/// A fixed number of slots that run tasks of one program. Dropping it kills its workers, and settles the remaining
/// tasks as `cancelled` or `skipped`.
///
/// ```no_run
/// # async fn example() -> Result<(), wpool::Error> {
/// use wpool::{Pool, Program};
///
/// let pool = Pool::builder(Program::read("largest-prime-factor.wasm")?).build().await?;
/// let mut results = pool.map(["600851475143", "100913100913"]);
/// while let Some(result) = results.next().await? {
///     println!("{:?}: {:?}", result.id, result.outcome);
/// }
/// let handle = pool.submit("87178291199").await?;
/// println!("{:?}", handle.await.outcome);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Pool {
    shared: Arc<Shared>,
    actors: JoinSet<()>,
}

impl Pool {
    /// Builds a pool, beginning with the default settings.
    pub fn builder(program: Program) -> Builder {
        Builder::new(program)
    }

    async fn start(program: &Program, mut config: PoolConfig) -> Result<Pool, Error> {
        config.policy.check_program(program)?;
        for Bound { setting, from, to, file, line } in config.settle()? {
            let Some(from) = from else { continue };
            let what = format!("{setting} is {to} and not {from}, by the policy {}:{line}", file.display());
            config.observer.tell(&Event::Warning(what));
        }
        config.find_worker()?;
        let spawner = Spawner::start().map_err(|source| Error::Spawn { role: "spawner", source })?;
        let image = Image::obtain(program, &config, &spawner).await?;
        config.check_state(program.name(), image.report())?;
        if let (true, (_, Err(why))) = (config.task.verify_isolation, config.settled_isolation(image.report())) {
            let what = format!("there is no isolation to verify, because instances are not put back: {why}");
            config.observer.tell(&Event::Warning(what));
        }
        if let Some(dir) = config.task.grants.shared_dir().filter(|_| config.workers > 1) {
            let what = format!(
                "tasks that run at the same time share the directory {}, and find each other's files there; a scratch \
                 directory, or a directory for each row, would be a task's own",
                dir.host.display()
            );
            config.observer.tell(&Event::Warning(what));
        }
        let prints = image.report().convention == Convention::Command;
        let longest = config.longest_deadline();
        let rules = Rules { crash_limit: config.crash_limit, retry: config.retry.clone(), prints, longest };
        let queue = Queue::new(config.workers, rules, Outbox::new(config.observer.is_of_tasks()));
        let shared = Arc::new(Shared::new(config, image, program, spawner, queue));
        let mut actors = JoinSet::new();
        for slot in 0..shared.config.workers {
            actors.spawn(slot::run(shared.clone(), slot));
        }
        let keeper = shared.clone();
        actors.spawn(async move { keeper.keep_time().await });
        if shared.finder.is_there() {
            let shared = shared.clone();
            actors.spawn(async move { shared.find_lines().await });
        }
        if let Some(lifetime) = shared.config.lifetime {
            let stopper = Stopper { shared: shared.clone() };
            actors.spawn(async move { stopper.stop_after(lifetime).await });
        }
        Ok(Pool { shared, actors })
    }

    /// Starts a worker before there is a task for it, so that the first task need not wait for a start. Otherwise
    /// workers start when there is work. Must be called within a tokio runtime, and does not wait.
    pub fn warm_up(&self) {
        let mut first = lock(&self.shared.first);
        first.get_or_insert_with(|| self.shared.start_spare(0));
    }

    /// The compiler's report on the program.
    pub fn report(&self) -> &Report {
        self.shared.image.report()
    }

    /// Submits a task. Waits for room first: the number and the bytes of waiting tasks are bounded.
    ///
    /// # Errors
    /// When the pool was stopped or cannot go on.
    pub async fn submit(&self, input: impl Into<Input>) -> Result<TaskHandle, Error> {
        let mut input = Some(input.into());
        let shared = &self.shared;
        let submitted = shared.until(|state| {
            if !state.accepts() {
                return Some(Err(state.refusal()));
            }
            let input = if state.queue.has_room(None) { input.take()? } else { return None };
            let ticket = Arc::new(Ticket::default());
            let task = state.queue.submit(ticket.clone(), input, shared.now());
            Some(Ok(TaskHandle::new(ticket, shared, task)))
        });
        let handle = submitted.await?;
        shared.work.notify_one();
        Ok(handle)
    }

    /// Submits a call of a function that the program exports, as `function` or `interface.function`. All functions
    /// share one pool and one compiled image.
    ///
    /// # Errors
    /// When there is no such function, a row cannot be made into a call of it, or as for [`Pool::submit`].
    pub async fn submit_to(&self, function: &str, input: impl Into<Input>) -> Result<TaskHandle, Error> {
        let function = self.function(function)?;
        self.submit(input.into().call(function)).await
    }

    /// Checks that [`Pool::submit_to`] takes this function.
    ///
    /// # Errors
    /// When there is no such function, or a row cannot be made into a call of it.
    pub fn check_function(&self, function: &str) -> Result<(), Error> {
        self.function(function).map(drop)
    }

    fn function(&self, name: &str) -> Result<u32, Error> {
        let refused = |refusal| Error::ProgramRefused { name: self.shared.program_name.clone(), refusal };
        let at = self.report().function_named(name).map_err(refused)?;
        let function = &self.report().functions[at as usize];
        match &function.signature {
            Ok(signature) if !self.shared.config.task.json_rows && !typed::takes_text(signature) => {
                let why = format!("takes {signature}, not text: inputs must be JSON (TaskSettings::json_rows)");
                Err(SettingError::Program { setting: Setting::JsonRows, program: format!("`{name}`"), why }.into())
            }
            _ => Ok(at),
        }
    }

    /// Runs the program over inputs. Takes inputs only as results are asked for, and only while there is room. Results
    /// come in the order of the inputs unless [`Results::unordered`] is called. Several runs can be active at a time;
    /// the ids of each count from 0.
    ///
    /// Several iterables are zipped into rows for a function of several parameters with [`Input::json`]:
    ///
    /// ```no_run
    /// # async fn example(pool: wpool::Pool) -> Result<(), wpool::Error> {
    /// let rows = std::iter::zip([1, 2, 3], ["a", "b", "c"]).map(|row| wpool::Input::json(&row));
    /// let mut results = pool.map(rows);
    /// # Ok(())
    /// # }
    /// ```
    pub fn map<I>(&self, inputs: I) -> Results<'_, results::Iter<I::IntoIter>>
    where
        I: IntoIterator<Item: Into<Supply>>,
    {
        self.map_stream(results::Iter::new(inputs.into_iter()))
    }

    /// Like [`Pool::map`], over a stream of inputs or of [`crate::bulk::Span`]s, which cost less to move.
    pub fn map_stream<S>(&self, inputs: S) -> Results<'_, S>
    where
        S: Stream<Item: Into<Supply>>,
    {
        Results::new(&self.shared, inputs, None)
    }

    /// Like [`Pool::map`], for a function that the program exports, named as in [`Pool::submit_to`].
    ///
    /// # Errors
    /// When there is no such function, or a row cannot be made into a call of it.
    pub fn map_to<I>(&self, function: &str, inputs: I) -> Result<Results<'_, results::Iter<I::IntoIter>>, Error>
    where
        I: IntoIterator<Item: Into<Input>>,
    {
        let function = self.function(function)?;
        Ok(Results::new(&self.shared, results::Iter::new(inputs.into_iter()), Some(function)))
    }

    /// A handle that can stop the pool from elsewhere.
    pub fn stopper(&self) -> Stopper {
        Stopper { shared: self.shared.clone() }
    }

    /// The counters of the pool so far.
    pub fn stats(&self) -> Stats {
        self.stopper().stats()
    }

    /// The state of the fence around workers, as reported by the first worker whose fence lacks something, or else by
    /// the last worker. `None` before the first report.
    pub fn fence(&self) -> Option<Fence> {
        self.shared.lock().fence.clone()
    }

    /// The running tasks, by slot.
    pub fn running(&self) -> Vec<Running> {
        self.stopper().running()
    }

    /// Ends the pool and waits until its workers are gone. Every submitted task has settled then.
    pub async fn shutdown(mut self, how: Shutdown) {
        self.stopper().stop(how);
        self.shared.until(|state| (state.queue.is_idle() || state.gave_up).then_some(())).await;
        self.shared.raise_stop(Stop::Close);
        while self.actors.join_next().await.is_some() {}
        if let Some(first) = self.shared.take_first() {
            first.end().await;
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // Dropping the JoinSet aborts the actors, and with them go the workers.
        self.shared.raise_stop(Stop::Kill);
        drop(self.shared.take_first());
        let mut state = self.shared.lock();
        state.closed = true;
        // From here on only the system reaps the workers, so their process ids are not safe to use.
        state.places.iter_mut().for_each(|place| place.pid = None);
        state.end(&ErrorDetail::new("cancelled", "its pool was dropped"));
    }
}

impl Builder {
    /// Compiles the program, or finds it in the cache, and makes the slots. Workers start when there is work. Must be
    /// called within a tokio runtime with time and I/O enabled.
    ///
    /// # Errors
    /// When the program is refused, a setting is not possible, or the compiler process cannot be started.
    pub async fn build(self) -> Result<Pool, Error> {
        let policy = self.policy.and(&self.config.policy);
        Pool::start(&self.program, PoolConfig { policy, ..self.config }).await
    }
}
