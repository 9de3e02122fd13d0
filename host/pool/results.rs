//! The stream that feeds a pool and drains it.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use super::shared::{Shared, Stop};
use crate::error::Error;
use crate::task::{Input, TaskResult};

/// Inputs taken from the caller's stream, and results given, between two looks at the other side.
const BATCH: usize = 1024;

/// Bytes of inputs after which such a look is due, too.
const BATCH_BYTES: usize = 1 << 20;

/// Results of [`crate::Pool::map`], in the pool's order. Polling it takes inputs, too.
#[derive(Debug)]
pub struct Results<'p, S> {
    shared: &'p Shared,
    /// `None` when the inputs are exhausted or no more are wanted.
    inputs: Option<Pin<Box<S>>>,
    ready: std::collections::VecDeque<TaskResult>,
    /// The pool had ended before this run.
    refused: bool,
    finished: bool,
}

impl<'p, S> Results<'p, S>
where
    S: Stream<Item: Into<Input>>,
{
    pub(super) fn new(shared: &'p Shared, inputs: S) -> Self {
        let mut state = shared.lock();
        state.queue.restart();
        let refused = state.queue.is_stopped() || state.gave_up;
        Results { shared, inputs: Some(Box::pin(inputs)), ready: Default::default(), refused, finished: false }
    }

    /// The next result; `None` after the last.
    ///
    /// # Errors
    /// When the pool cannot go on, because workers cannot be started, or has ended before.
    pub async fn next(&mut self) -> Result<Option<TaskResult>, Error> {
        poll_fn(|cx| self.poll(cx)).await.transpose()
    }

    /// All results that are ready, at least one and at most about a thousand; empty after the last.
    ///
    /// # Errors
    /// As [`Results::next`].
    pub async fn next_chunk(&mut self) -> Result<impl Iterator<Item = TaskResult>, Error> {
        let first = self.next().await?;
        Ok(first.into_iter().chain(self.ready.drain(..)))
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<TaskResult, Error>>> {
        loop {
            if let Some(result) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(result)));
            }
            if self.finished {
                return Poll::Ready(None);
            }
            if self.refused {
                self.finished = true;
                return Poll::Ready(Some(Err(Error::Ended)));
            }
            let fed = self.feed(cx);
            let mut state = self.shared.lock();
            self.ready.extend(std::iter::from_fn(|| state.queue.pop()).take(BATCH));
            if !self.ready.is_empty() {
                continue;
            }
            if state.gave_up {
                self.finished = true;
                return Poll::Ready(Some(Err(state.cause.take().unwrap_or(Error::Ended))));
            }
            if self.inputs.is_none() && state.queue.is_empty() {
                self.finished = true;
                continue;
            }
            state.consumer = Some(cx.waker().clone());
            if fed {
                // There may be more to take, but the slots on this thread get their turn first.
                cx.waker().wake_by_ref();
            }
            return Poll::Pending;
        }
    }

    /// Moves inputs into the queue. Says whether it moved any.
    fn feed(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(inputs) = &mut self.inputs else { return false };
        let room = {
            let state = self.shared.lock();
            if state.queue.is_stopped() {
                self.inputs = None;
                return true;
            }
            if state.queue.has_room() { BATCH } else { 0 }
        };
        let mut batch = Vec::new();
        let mut bytes = 0;
        let mut ended = false;
        while batch.len() < room && bytes < BATCH_BYTES {
            match inputs.as_mut().poll_next(cx) {
                Poll::Ready(Some(input)) => {
                    let input: Input = input.into();
                    bytes += input.size();
                    batch.push(input);
                }
                Poll::Ready(None) => {
                    ended = true;
                    break;
                }
                Poll::Pending => break,
            }
        }
        if ended {
            self.inputs = None;
        }
        if batch.is_empty() {
            return ended;
        }
        let mut state = self.shared.lock();
        batch.into_iter().for_each(|input| state.queue.push(input));
        drop(state);
        self.shared.work.notify_one();
        true
    }
}

impl<S> Stream for Results<'_, S>
where
    S: Stream<Item: Into<Input>>,
{
    type Item = Result<TaskResult, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll(cx)
    }
}

impl<S> Drop for Results<'_, S> {
    fn drop(&mut self) {
        if !self.finished {
            self.shared.lock().queue.stop();
            self.shared.raise_stop(Stop::Cancel);
        }
    }
}

/// An iterator as a stream.
#[derive(Debug)]
pub struct Iter<I>(I);

impl<I> Iter<I> {
    pub(super) fn new(iterator: I) -> Self {
        Iter(iterator)
    }
}

// The iterator is never pinned itself: it is only ever borrowed for one call of `next`.
impl<I> Unpin for Iter<I> {}

impl<I: Iterator> Stream for Iter<I> {
    type Item = I::Item;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<I::Item>> {
        Poll::Ready(self.get_mut().0.next())
    }
}
