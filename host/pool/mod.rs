//! The pool: the only asynchronous code. A queue that is a pure state machine, one actor per slot that attends to its
//! worker, and the stream through which the caller feeds and drains both.

pub mod blocking;
mod builder;
mod handle;
mod inner;
mod queue;
mod results;
pub(crate) mod settled;
mod shared;
mod slot;
mod start;
mod stats;
mod stopper;
mod wait;

use std::sync::Arc;

use futures_core::Stream;
use tokio::task::JoinSet;

pub use builder::Builder;
pub use handle::{TaskHandle, TaskState};
pub use results::Results;
pub use stats::{Running, Stats};
pub use stopper::{Shutdown, Stopper};
pub use wait::{Completed, Until, Waited, as_completed, wait};

use crate::config::{MAX_WORKERS, PoolConfig};
use crate::image::Image;
use crate::model::error::Error;
use crate::model::event::Event;
use crate::model::fence::Fence;
use crate::model::limits::{MAX_MEMORY, MAX_OUTPUT};
use crate::model::outcome::ErrorDetail;
use crate::model::program::Program;
use crate::model::report::{Kind, Report};
use crate::model::span::Supply;
use crate::model::task::Input;
use crate::model::typed;
use crate::spawn::process::Spawner;
use handle::Ticket;
use queue::{Outbox, Queue, Rules};
use shared::{Shared, Stop};

/// A fixed number of slots that run tasks of one program. Dropping it kills its workers, and settles what had not
/// settled as `cancelled` or `skipped`.
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
    /// The settings of a pool to be, beginning with the defaults.
    pub fn builder(program: Program) -> Builder {
        Builder::new(program)
    }

    async fn start(program: &Program, mut config: PoolConfig) -> Result<Pool, Error> {
        check(&config)?;
        config.settle()?;
        config.find_worker()?;
        let spawner = Spawner::start().map_err(|source| Error::Spawn { role: "spawner", source })?;
        let image = Image::obtain(program, &config, &spawner).await?;
        check_state(&config, image.report())?;
        if let (true, (_, Err(why))) = (config.verify_isolation, config.settled_isolation(image.report())) {
            let what =
                format!("there is nothing to verify (--verify-isolation), because instances are not put back: {why}");
            config.observer.tell(&Event::Warning(what));
        }
        let rules = Rules { crash_limit: config.crash_limit, retry: config.retry.clone() };
        let queue = Queue::new(config.workers, rules, Outbox::new(config.observer.is_of_tasks()));
        let shared = Arc::new(Shared::new(config, image, program.name().to_owned(), spawner, queue));
        let mut actors = JoinSet::new();
        for slot in 0..shared.config.workers {
            actors.spawn(slot::run(shared.clone(), slot));
        }
        let keeper = shared.clone();
        actors.spawn(async move { keeper.keep_time().await });
        Ok(Pool { shared, actors })
    }

    /// Starts a worker before there is a task for it, so that the first task need not wait until it is ready. Otherwise
    /// workers start as there is work. Must be called within a tokio runtime, and does not wait.
    pub fn warm_up(&self) {
        let mut first = self.shared.first.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        first.get_or_insert_with(|| self.shared.start_spare(0));
    }

    /// The compiler's report on the program.
    pub fn report(&self) -> &Report {
        self.shared.image.report()
    }

    /// Submits a task, once there is room for it: what waits for a worker is bounded in number and bytes.
    ///
    /// # Errors
    /// When the pool was told to stop or cannot go on.
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

    /// Submits a call of a function that the program exports, as `function` or `interface.function`. All functions share
    /// one pool and one compiled image.
    ///
    /// # Errors
    /// When there is no such function, a row cannot be made into a call of it, or as for [`Pool::submit`].
    pub async fn submit_to(&self, function: &str, input: impl Into<Input>) -> Result<TaskHandle, Error> {
        let function = self.function(function)?;
        self.submit(input.into().call(function)).await
    }

    fn function(&self, name: &str) -> Result<u32, Error> {
        let refused = |refusal| Error::ProgramRefused { name: self.shared.program_name.clone(), refusal };
        let at = self.report().function_named(name).map_err(refused)?;
        let function = &self.report().functions[at as usize];
        match &function.signature {
            Ok(signature) if !self.shared.config.json_rows && !typed::takes_text(signature) => Err(Error::Config(
                format!("`{name}` takes {signature}, not text: inputs must be JSON, see PoolConfig::json_rows"),
            )),
            _ => Ok(at),
        }
    }

    /// Runs the program over inputs, as the results are asked for; the results come in the inputs' order unless
    /// [`Results::unordered`] says otherwise. No more inputs are taken than there is room for. Several runs can go on at
    /// a time, each with ids of its own from 0 on.
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

    /// [`Pool::map`] over a stream, of inputs or of [`crate::Span`]s, which cost less to hand around.
    pub fn map_stream<S>(&self, inputs: S) -> Results<'_, S>
    where
        S: Stream<Item: Into<Supply>>,
    {
        Results::new(&self.shared, inputs, None)
    }

    /// [`Pool::map`] for a function that the program exports, as [`Pool::submit_to`].
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

    /// A hold on the pool from elsewhere.
    pub fn stopper(&self) -> Stopper {
        Stopper { shared: self.shared.clone() }
    }

    /// What the pool has done so far.
    pub fn stats(&self) -> Stats {
        self.stopper().stats()
    }

    /// What stands of the fence around workers, as the first that lacks something tells it, or else the last; `None` before
    /// there was one.
    pub fn fence(&self) -> Option<Fence> {
        self.shared.lock().fence.clone()
    }

    /// What runs now, by slot.
    pub fn running(&self) -> Vec<Running> {
        self.stopper().running()
    }

    /// Ends the pool and waits until its workers are gone. Every task that was submitted has settled then.
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
        // Nobody will reap the workers' numbers from here on but the system.
        state.places.iter_mut().for_each(|place| place.pid = None);
        state.end(&ErrorDetail::new("cancelled", "its pool was dropped"));
    }
}

/// Whether the program has a way to reach the state that it is given.
fn check_state(config: &PoolConfig, report: &Report) -> Result<(), Error> {
    if config.state.is_none() {
        return Ok(());
    }
    if report.kind == Kind::CoreModule {
        let what = "shared state is for components, which import it as wasi:keyvalue; a core module has no way to \
                    reach it: build the program as a component, or run it without shared state";
        return Err(Error::Config(what.into()));
    }
    if !report.imports.iter().any(|import| import.starts_with("wasi:keyvalue/")) {
        let what = "there is shared state, and the program does not import wasi:keyvalue to reach it".into();
        config.observer.tell(&Event::Warning(what));
    }
    Ok(())
}

fn check(config: &PoolConfig) -> Result<(), Error> {
    let refuse = |what: String| Err(Error::Config(what));
    let limits = &config.limits;
    if !(1..=MAX_WORKERS).contains(&config.workers) {
        return refuse(format!("workers must be from 1 to {MAX_WORKERS}, not {}", config.workers));
    }
    if limits.deadline.is_some_and(|deadline| deadline.is_zero()) {
        return refuse("the deadline must be over 0".into());
    }
    if limits.memory > MAX_MEMORY {
        return refuse(format!("a memory limit over {} GiB is more than a guest can address", MAX_MEMORY >> 30));
    }
    if limits.output > MAX_OUTPUT {
        return refuse(format!("an output limit over {} MiB is not supported", MAX_OUTPUT >> 20));
    }
    if config.crash_limit == 0 {
        return refuse("crash_limit must be at least 1".into());
    }
    Ok(())
}
