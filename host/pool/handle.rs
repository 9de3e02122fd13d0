//! A submitted task, as its caller holds it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use super::queue::Ticket;
use super::shared::Shared;
use super::stats::TaskState;
use crate::model::task::{TaskId, TaskResult};

/// A submitted task: a future of its result, which clones share. Dropping it does not cancel the task.
pub struct TaskHandle {
    ticket: Arc<Ticket>,
    shared: Weak<Shared>,
    key: u64,
    id: TaskId,
    /// The number of its waker, once it has waited.
    waiter: Option<u64>,
}

impl Clone for TaskHandle {
    fn clone(&self) -> Self {
        let (ticket, shared) = (self.ticket.clone(), self.shared.clone());
        TaskHandle { ticket, shared, key: self.key, id: self.id, waiter: None }
    }
}

impl Drop for TaskHandle {
    fn drop(&mut self) {
        if let Some(waiter) = self.waiter {
            self.ticket.lock().wakers.retain(|(of, _)| *of != waiter);
        }
    }
}

impl fmt::Debug for TaskHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskHandle").field("id", &self.id).field("state", &self.state()).finish()
    }
}

impl TaskHandle {
    pub(super) fn new(ticket: Arc<Ticket>, shared: &Arc<Shared>, (key, id): (u64, TaskId)) -> Self {
        TaskHandle { ticket, shared: Arc::downgrade(shared), key, id, waiter: None }
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

    /// Waits for the result, at most this long. A timeout leaves the task as it is.
    pub async fn wait_for(&self, time: Duration) -> Option<TaskResult> {
        tokio::time::timeout(time, self.clone()).await.ok()
    }

    /// Calls `callback` with the result when the task settles, or at once if it has settled. A task of the pool's own
    /// makes the call, and the pool waits while it runs. A callback that panics harms no other.
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

    /// Cancels the task wherever it is. A task that has not begun is `skipped`. A running task is `cancelled`: its
    /// worker is killed and replaced, and no other task is lost. A settled task stays as it is.
    pub fn cancel(&self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.cancel(self.key);
        }
    }

    /// Cancels the task unless a worker runs it: true if it will not run any more. It is then `skipped`, or `cancelled`
    /// if it waited for another attempt.
    pub fn withdraw(&self) -> bool {
        self.shared.upgrade().is_some_and(|shared| shared.withdraw(self.key))
    }
}

impl Future for TaskHandle {
    type Output = TaskResult;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<TaskResult> {
        let ticket = self.ticket.clone();
        let mut inner = ticket.lock();
        if let Some(result) = &inner.result {
            return Poll::Ready(result.clone());
        }
        let waiter = *self.waiter.get_or_insert_with(|| {
            inner.waiters += 1;
            inner.waiters
        });
        let waker = cx.waker().clone();
        match inner.wakers.iter_mut().find(|(of, _)| *of == waiter) {
            Some((_, old)) => *old = waker,
            None => inner.wakers.push((waiter, waker)),
        }
        Poll::Pending
    }
}
