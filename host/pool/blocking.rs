//! Pools for programs without an asynchronous runtime. Each pool brings its own runtime of one thread.
//!
//! ```no_run
//! # fn example() -> Result<(), wpool::Error> {
//! let program = wpool::Program::read("largest-prime-factor.wasm")?;
//! let pool = wpool::Pool::builder(program).build_blocking()?;
//! for result in pool.map(["600851475143", "100913100913"]) {
//!     println!("{:?}", result?.outcome);
//! }
//! # Ok(())
//! # }
//! ```

use std::time::Duration;

use tokio::runtime::{self, Runtime};

use super::builder::Builder;
use super::stats::TaskState;
use super::stopper::{Shutdown, Stopper};
use super::{handle, results};
use crate::model::error::Error;
use crate::model::report::Report;
use crate::model::task::{Input, TaskId, TaskResult};

/// A [`crate::Pool`] whose methods wait.
#[derive(Debug)]
pub struct Pool {
    // Declared first, because the pool must be dropped before its runtime.
    pool: crate::pool::Pool,
    runtime: Runtime,
}

impl Pool {
    /// The compiler's report on the program.
    pub fn report(&self) -> &Report {
        self.pool.report()
    }

    /// Submits a task, waiting for room.
    ///
    /// # Errors
    /// As [`crate::Pool::submit`].
    pub fn submit(&self, input: impl Into<Input>) -> Result<TaskHandle, Error> {
        self.runtime.block_on(self.pool.submit(input)).map(|handle| self.handle(handle))
    }

    /// Submits a call of a function.
    ///
    /// # Errors
    /// As [`crate::Pool::submit_to`].
    pub fn submit_to(&self, function: &str, input: impl Into<Input>) -> Result<TaskHandle, Error> {
        self.runtime.block_on(self.pool.submit_to(function, input)).map(|handle| self.handle(handle))
    }

    fn handle(&self, handle: handle::TaskHandle) -> TaskHandle {
        TaskHandle { handle, runtime: self.runtime.handle().clone() }
    }

    /// Runs the program over inputs. Results come in the order of the inputs.
    pub fn map<I>(&self, inputs: I) -> Results<'_, I::IntoIter>
    where
        I: IntoIterator<Item: Into<Input>>,
    {
        Results { results: self.pool.map(inputs), runtime: &self.runtime }
    }

    /// A handle that can stop the pool from elsewhere.
    pub fn stopper(&self) -> Stopper {
        self.pool.stopper()
    }

    /// Ends the pool and waits until its workers are gone.
    pub fn shutdown(self, how: Shutdown) {
        self.runtime.block_on(self.pool.shutdown(how));
    }
}

impl Builder {
    /// [`Builder::build`] for programs without a runtime.
    ///
    /// # Errors
    /// As [`Builder::build`], and when threads cannot be started.
    ///
    /// # Panics
    /// When called within a tokio runtime, which it would block.
    pub fn build_blocking(self) -> Result<Pool, Error> {
        let runtime = runtime::Builder::new_multi_thread().worker_threads(1).thread_name("wpool").enable_all().build();
        let runtime = runtime.map_err(|source| Error::Spawn { role: "thread", source })?;
        let pool = runtime.block_on(self.build())?;
        Ok(Pool { pool, runtime })
    }
}

/// Results of [`Pool::map`].
#[derive(Debug)]
pub struct Results<'p, I> {
    results: results::Results<'p, results::Iter<I>>,
    runtime: &'p Runtime,
}

impl<I> Results<'_, I> {
    /// Returns results as tasks settle. Has no effect after the first call for results.
    pub fn unordered(self) -> Self {
        Results { results: self.results.unordered(), ..self }
    }
}

impl<I: Iterator<Item: Into<Input>>> Iterator for Results<'_, I> {
    type Item = Result<TaskResult, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.runtime.block_on(self.results.next()).transpose()
    }
}

/// A [`crate::TaskHandle`] whose methods wait.
#[derive(Clone, Debug)]
pub struct TaskHandle {
    handle: handle::TaskHandle,
    runtime: runtime::Handle,
}

impl TaskHandle {
    /// The task's position among those submitted to its pool.
    pub fn id(&self) -> TaskId {
        self.handle.id()
    }

    /// Where the task is now.
    pub fn state(&self) -> TaskState {
        self.handle.state()
    }

    /// Waits for the result.
    pub fn wait(self) -> TaskResult {
        self.runtime.block_on(self.handle)
    }

    /// Waits for the result, at most this long. A timeout leaves the task as it is.
    pub fn wait_for(&self, time: Duration) -> Option<TaskResult> {
        self.runtime.block_on(self.handle.wait_for(time))
    }

    /// Calls `callback` with the result, as [`crate::TaskHandle::on_done`].
    pub fn on_done(&self, callback: impl FnOnce(&TaskResult) + Send + 'static) {
        self.handle.on_done(callback);
    }

    /// Cancels the task, as [`crate::TaskHandle::cancel`].
    pub fn cancel(&self) {
        self.handle.cancel();
    }

    /// Cancels the task unless a worker runs it, as [`crate::TaskHandle::withdraw`].
    pub fn withdraw(&self) -> bool {
        self.handle.withdraw()
    }
}
