//! A submitted task, as its caller holds it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::shared::Shared;
use crate::task::{TaskId, TaskResult};

type Callback = Box<dyn FnOnce(&TaskResult) + Send>;

/// Where a task's result waits for its handles.
#[derive(Default)]
pub(super) struct Ticket {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    result: Option<TaskResult>,
    wakers: Vec<Waker>,
    callbacks: Vec<Callback>,
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticket")
    }
}

impl Ticket {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Hands the result over. Must be called without any other lock, since callbacks may do anything.
    pub fn settle(&self, result: TaskResult) {
        let mut inner = self.lock();
        let callbacks = std::mem::take(&mut inner.callbacks);
        let wakers = std::mem::take(&mut inner.wakers);
        inner.result = Some(result.clone());
        drop(inner);
        wakers.into_iter().for_each(Waker::wake);
        callbacks.into_iter().for_each(|callback| callback(&result));
    }
}

/// Where a submitted task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskState {
    /// It waits: for a worker, or for another attempt.
    Queued,
    /// A worker has begun it.
    Running,
    /// It has settled.
    Done,
}

/// A task that was submitted: a future of its result, which clones share. Dropping it does not cancel the task.
#[derive(Clone)]
pub struct TaskHandle {
    ticket: Arc<Ticket>,
    shared: Weak<Shared>,
    key: u64,
    id: TaskId,
}

impl fmt::Debug for TaskHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskHandle").field("id", &self.id).field("state", &self.state()).finish()
    }
}

impl TaskHandle {
    pub(super) fn new(ticket: Arc<Ticket>, shared: &Arc<Shared>, (key, id): (u64, TaskId)) -> Self {
        TaskHandle { ticket, shared: Arc::downgrade(shared), key, id }
    }

    /// The task's position among those submitted to its pool.
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// Where the task is now.
    pub fn state(&self) -> TaskState {
        if self.ticket.lock().result.is_some() {
            return TaskState::Done;
        }
        match self.shared.upgrade() {
            Some(shared) => shared.lock().task_state(self.key),
            None => TaskState::Done,
        }
    }

    /// The result, when the task has settled.
    pub fn result(&self) -> Option<TaskResult> {
        self.ticket.lock().result.clone()
    }

    /// Waits for the result at most this long, which leaves the task as it is.
    pub async fn wait_for(&self, time: Duration) -> Option<TaskResult> {
        tokio::time::timeout(time, self.clone()).await.ok()
    }

    /// Calls `callback` with the result once the task has settled, at once if it has. It is called by one of the
    /// pool's own tasks and holds up the pool while it runs. A callback that panics harms no other.
    pub fn on_done(&self, callback: impl FnOnce(&TaskResult) + Send + 'static) {
        let mut inner = self.ticket.lock();
        match inner.result.clone() {
            None => inner.callbacks.push(Box::new(callback)),
            Some(result) => {
                drop(inner);
                callback(&result);
            }
        }
    }

    /// Cancels the task wherever it is. One that has not begun is `skipped`; one that is running is `cancelled`: its
    /// worker is killed and replaced, and no other task is lost. One that has settled stays as it is.
    pub fn cancel(&self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.cancel(self.key);
        }
    }
}

impl Future for TaskHandle {
    type Output = TaskResult;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<TaskResult> {
        let mut inner = self.ticket.lock();
        if let Some(result) = &inner.result {
            return Poll::Ready(result.clone());
        }
        if !inner.wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
            inner.wakers.push(cx.waker().clone());
        }
        Poll::Pending
    }
}
