//! Waiting for several submitted tasks.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::handle::TaskHandle;
use crate::model::outcome::Status;
use crate::model::task::TaskResult;

/// When [`wait`] has waited long enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// One task has settled.
    FirstCompleted,
    /// One task has settled and is not ok, or all have settled.
    FirstFailed,
    /// All have settled.
    All,
}

/// Submitted tasks, split by whether they have settled.
#[derive(Debug, Default)]
pub struct Waited {
    /// In the order in which they were passed.
    pub done: Vec<TaskHandle>,
    /// In the order in which they were passed.
    pub pending: Vec<TaskHandle>,
}

/// Waits for submitted tasks, also of several pools. For a time limit, use [`tokio::time::timeout`]: to stop waiting
/// leaves the tasks as they are.
pub async fn wait(handles: &[TaskHandle], until: Until) -> Waited {
    let mut completed = as_completed(handles.iter().cloned());
    while let Some(result) = completed.next().await {
        match until {
            Until::FirstCompleted => break,
            Until::FirstFailed if result.outcome.status() != Status::Ok => break,
            Until::FirstFailed | Until::All => {}
        }
    }
    let (done, pending) = handles.iter().cloned().partition(|handle| handle.result().is_some());
    Waited { done, pending }
}

/// The results of submitted tasks in the order in which they settle. Dropping the stream leaves the tasks as they are.
pub fn as_completed(handles: impl IntoIterator<Item = TaskHandle>) -> Completed {
    Completed(handles.into_iter().collect())
}

/// The stream of [`as_completed`].
#[derive(Debug)]
pub struct Completed(FuturesUnordered<TaskHandle>);

impl Completed {
    /// The next result; `None` after the last.
    pub async fn next(&mut self) -> Option<TaskResult> {
        self.0.next().await
    }
}

impl Stream for Completed {
    type Item = TaskResult;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<TaskResult>> {
        self.0.poll_next_unpin(cx)
    }
}
