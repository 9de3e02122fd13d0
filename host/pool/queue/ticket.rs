//! Where a submitted task's result waits for its handles.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard};
use std::task::Waker;

use crate::model::lock::lock;
use crate::model::task::TaskResult;

/// A function that is called with a result.
type Callback = Box<dyn FnOnce(&TaskResult) + Send>;

/// Where a task's result waits for its handles.
#[derive(Default)]
pub(in crate::pool) struct Ticket {
    inner: Mutex<Inner>,
}

/// The content of a ticket, under its lock.
#[derive(Default)]
pub(in crate::pool) struct Inner {
    pub result: Option<TaskResult>,
    /// The wakers of waiting handles, by their numbers.
    pub wakers: Vec<(u64, Waker)>,
    /// Handles that have waited so far.
    pub waiters: u64,
    pub callbacks: Vec<Callback>,
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticket")
    }
}

impl Ticket {
    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }

    /// Hands over the result. Must be called without any other lock, because callbacks may do anything.
    pub fn settle(&self, result: TaskResult) {
        let mut inner = self.lock();
        let callbacks = std::mem::take(&mut inner.callbacks);
        let wakers = std::mem::take(&mut inner.wakers);
        inner.result = Some(result.clone());
        drop(inner);
        wakers.into_iter().for_each(|(_, waker)| waker.wake());
        for callback in callbacks {
            // A panic of one callback must not harm the others.
            let _ = catch_unwind(AssertUnwindSafe(|| callback(&result)));
        }
    }
}
