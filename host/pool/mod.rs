//! The pool: the only asynchronous code. A queue that is a pure state machine, one actor per slot that attends to its
//! worker, and the stream through which the caller feeds and drains both.

mod end;
mod in_flight;
mod queue;
mod results;
mod settled;
mod shared;
mod sizer;
mod slot;
mod state_calls;
mod watch;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_core::Stream;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::config::{MAX_WORKERS, PoolConfig};
use crate::error::Error;
use crate::event::Event;
use crate::image::Image;
use crate::limits::{MAX_MEMORY, MAX_OUTPUT};
use crate::process::Spawner;
use crate::program::Program;
use crate::report::{Kind, Report};
use crate::state::{SharedState, StateStats};
use crate::task::Input;
pub use results::Results;
use shared::{Shared, State, Stop};

/// A fixed number of slots that run tasks of one program. Dropping it kills its workers.
///
/// ```no_run
/// # async fn example() -> Result<(), wpool::Error> {
/// use wpool::{Pool, PoolConfig, Program, WorkerCommand};
///
/// let program = Program::read("largest-prime-factor.wasm")?;
/// let mut pool = Pool::start(&program, PoolConfig::new(WorkerCommand::wpool()?)).await?;
/// let mut results = pool.map_iter(["600851475143", "100913100913"]);
/// while let Some(result) = results.next().await? {
///     println!("{:?}: {:?}", result.id, result.outcome);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Pool {
    shared: Arc<Shared>,
    slots: JoinSet<()>,
}

/// What a pool has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Time that workers spent on tasks, together.
    pub busy: Duration,
    /// Workers that died or had to be killed.
    pub deaths: u64,
    /// What tasks did with shared state, if there is any.
    pub state: Option<StateStats>,
}

impl Pool {
    /// Compiles the program, or finds it in the cache, and makes the slots. Workers start when there is work.
    /// Must be called within a tokio runtime with time and I/O enabled.
    ///
    /// # Errors
    /// When the program is refused, a setting cannot be had, or the compiler process cannot be started.
    pub async fn start(program: &Program, config: PoolConfig) -> Result<Pool, Error> {
        check(&config)?;
        let spawner = Spawner::start().map_err(|source| Error::Spawn { role: "spawner", source })?;
        let image = Image::obtain(program, &config, &spawner).await?;
        check_state(&config, image.report())?;
        let workers = config.workers;
        let state = State {
            queue: queue::Queue::new(workers, config.ordered, config.crash_limit),
            pages: vec![None; workers],
            consumer: None,
            starting: 0,
            failures: None,
            gave_up: false,
            cause: None,
            busy: Duration::ZERO,
            deaths: 0,
        };
        let shared = Arc::new(Shared {
            config,
            image,
            program_name: program.name().to_owned(),
            spawner,
            state: Mutex::new(state),
            work: Notify::new(),
            stop: tokio::sync::watch::Sender::new(Stop::Go),
        });
        let mut slots = JoinSet::new();
        for slot in 0..workers {
            slots.spawn(slot::run(shared.clone(), slot));
        }
        Ok(Pool { shared, slots })
    }

    /// The compiler's report on the program.
    pub fn report(&self) -> &Report {
        self.shared.image.report()
    }

    /// Runs the program over inputs, as they come. No more are taken than the window has room for, and nothing moves
    /// unless the results are polled. Dropping the results before their end stops the pool.
    pub fn map<S>(&mut self, inputs: S) -> Results<'_, S>
    where
        S: Stream<Item: Into<Input>>,
    {
        Results::new(&self.shared, inputs)
    }

    /// [`Pool::map`] over an iterator.
    pub fn map_iter<I>(&mut self, inputs: I) -> Results<'_, results::Iter<I::IntoIter>>
    where
        I: IntoIterator<Item: Into<Input>>,
    {
        self.map(results::Iter::new(inputs.into_iter()))
    }

    /// A handle that stops the pool from elsewhere.
    pub fn stopper(&self) -> Stopper {
        Stopper { shared: self.shared.clone() }
    }

    pub fn stats(&self) -> Stats {
        let state = self.shared.lock();
        let shared = self.shared.config.state.as_ref().map(SharedState::stats);
        Stats { busy: state.busy, deaths: state.deaths, state: shared }
    }

    /// Ends the workers and waits until they are gone.
    pub async fn close(mut self) {
        self.shared.raise_stop(Stop::Close);
        while self.slots.join_next().await.is_some() {}
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // Dropping the JoinSet aborts the slots, and with them go the workers.
        self.shared.raise_stop(Stop::Cancel);
    }
}

/// Stops a pool; further calls only make it stop harder. A pool that was stopped stays so.
#[derive(Clone, Debug)]
pub struct Stopper {
    shared: Arc<Shared>,
}

impl Stopper {
    /// No more input is taken, running tasks finish, and those not begun are `skipped`.
    pub fn drain(&self) {
        {
            let mut state = self.shared.lock();
            state.queue.stop();
            (0..self.shared.config.workers).for_each(|slot| state.recall(slot));
            state.wake_consumer();
        }
        self.shared.raise_stop(Stop::Drain);
    }

    /// As [`Stopper::drain`], and running tasks are killed: they are `cancelled`.
    pub fn cancel(&self) {
        self.drain();
        self.shared.raise_stop(Stop::Cancel);
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
        config.observer.tell(Event::Warning(what));
    }
    Ok(())
}

fn check(config: &PoolConfig) -> Result<(), Error> {
    let refuse = |what: String| Err(Error::Config(what));
    let limits = &config.limits;
    if !(1..=MAX_WORKERS).contains(&config.workers) {
        return refuse(format!("{} workers: a pool has between 1 and {MAX_WORKERS}", config.workers));
    }
    if limits.deadline.is_some_and(|deadline| deadline.is_zero()) {
        return refuse("a deadline of 0 lets no task finish".into());
    }
    if limits.memory > MAX_MEMORY {
        return refuse(format!("a memory limit over {} GiB is more than a guest can address", MAX_MEMORY >> 30));
    }
    if limits.output > MAX_OUTPUT {
        return refuse(format!("an output limit over {} MiB is not supported", MAX_OUTPUT >> 20));
    }
    if config.crash_limit == 0 {
        return refuse("a crash limit of 0 would blame tasks that no worker died under".into());
    }
    Ok(())
}
