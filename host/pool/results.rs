//! The stream that feeds a pool and drains it.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use super::queue::{RunId, Settled};
use super::shared::Shared;
use crate::model::error::Error;
use crate::model::span::{Span, Supply};
use crate::model::task::TaskResult;

/// The most inputs taken, or results returned, before a look at the other side.
const BATCH: usize = 1024;

/// The most results returned at once when they come as spans, which cost little.
const MANY: usize = 8 * BATCH;

/// Bytes of inputs after which a look at the other side is also due.
const BATCH_BYTES: usize = 1 << 20;

/// Results of [`crate::Pool::map`], in the order of the inputs. Polling takes inputs, too; nothing happens before.
/// Dropping it before its end cancels the rest of the run and leaves the pool as it is.
#[derive(Debug)]
pub struct Results<'p, S> {
    shared: &'p Shared,
    /// `None` when the inputs are exhausted or no longer wanted.
    inputs: Option<Pin<Box<S>>>,
    /// Inputs that were taken and had no room yet.
    rest: Option<Span>,
    ordered: bool,
    /// The id of the first task.
    first: u64,
    chunksize: usize,
    function: Option<u32>,
    /// Set by the first poll.
    run: Option<RunId>,
    ready: VecDeque<Settled>,
    finished: bool,
}

impl<'p, S> Results<'p, S> {
    pub(super) fn new(shared: &'p Shared, inputs: S, function: Option<u32>) -> Self {
        Results {
            shared,
            inputs: Some(Box::pin(inputs)),
            rest: None,
            ordered: true,
            first: 0,
            chunksize: usize::MAX,
            function,
            run: None,
            ready: VecDeque::new(),
            finished: false,
        }
    }

    /// Returns results as tasks settle. Has no effect after the first call for results.
    pub fn unordered(mut self) -> Self {
        self.ordered = false;
        self
    }

    /// Returns results as tasks settle, and counts the tasks from this number, so that events and results tell the
    /// tasks of several runs of a pool apart. Has no effect after the first call for results.
    pub fn numbered_from(mut self, first: u64) -> Self {
        (self.ordered, self.first) = (false, first);
        self
    }

    /// Sets the most tasks in one lease to a worker. By default, a lease is about 2 ms of work, within
    /// [`crate::PoolConfig::chunksize`]. Has no effect after the first call for results.
    pub fn chunksize(mut self, most: NonZeroUsize) -> Self {
        self.chunksize = most.get();
        self
    }
}

impl<S> Results<'_, S>
where
    S: Stream<Item: Into<Supply>>,
{
    /// The next result; `None` after the last.
    ///
    /// # Errors
    /// When the pool cannot go on, because workers cannot be started or the pool has ended before.
    pub async fn next(&mut self) -> Result<Option<TaskResult>, Error> {
        poll_fn(|cx| self.poll(cx)).await.transpose()
    }

    /// All results that are ready: at least one, at most some ten thousand; empty after the last.
    ///
    /// # Errors
    /// As [`Results::next`].
    pub async fn next_chunk(&mut self) -> Result<impl Iterator<Item = TaskResult>, Error> {
        Ok(self.next_settled().await?.flatten())
    }

    /// Like [`Results::next_chunk`], but keeps tasks together that came in one piece.
    ///
    /// # Errors
    /// As [`Results::next`].
    pub async fn next_settled(&mut self) -> Result<impl Iterator<Item = Settled>, Error> {
        poll_fn(|cx| self.fill(cx)).await?;
        Ok(self.ready.drain(..))
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<TaskResult, Error>>> {
        loop {
            match ready!(self.fill(cx)) {
                Ok(()) if self.ready.is_empty() => return Poll::Ready(None),
                Ok(()) => {}
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
            match self.ready.pop_front() {
                Some(Settled::One(result)) => return Poll::Ready(Some(Ok(result))),
                Some(Settled::Many(mut span)) => {
                    let result = span.pop();
                    if !span.is_empty() {
                        self.ready.push_front(Settled::Many(span));
                    }
                    if let Some(result) = result {
                        return Poll::Ready(Some(Ok(result)));
                    }
                }
                None => {}
            }
        }
    }

    /// Waits until a result is ready, or no more results can come.
    fn fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        loop {
            if !self.ready.is_empty() || self.finished {
                return Poll::Ready(Ok(()));
            }
            let run = match self.begin() {
                Ok(run) => run,
                Err(error) => {
                    self.finished = true;
                    return Poll::Ready(Err(error));
                }
            };
            let fed = self.feed(run, cx);
            let mut state = self.shared.lock();
            let mut tasks = 0;
            while self.ready.len() < BATCH
                && tasks < MANY
                && let Some(settled) = state.queue.pop(run)
            {
                tasks += settled.len();
                self.ready.push_back(settled);
            }
            if !self.ready.is_empty() {
                continue;
            }
            if state.gave_up {
                self.finished = true;
                return Poll::Ready(Err(state.refusal()));
            }
            if self.inputs.is_none() && self.rest.is_none() && state.queue.is_run_empty(run) {
                self.finished = true;
                continue;
            }
            state.queue.wake_on_result(run, cx.waker().clone());
            if fed {
                // More may be ready, but the slots on this thread get their turn first.
                cx.waker().wake_by_ref();
            }
            return Poll::Pending;
        }
    }

    fn begin(&mut self) -> Result<RunId, Error> {
        if let Some(run) = self.run {
            return Ok(run);
        }
        let mut state = self.shared.lock();
        if !state.accepts() {
            return Err(state.refusal());
        }
        let queue = &mut state.queue;
        let run = match self.first {
            0 => queue.begin_run(self.ordered, self.chunksize),
            first => queue.begin_numbered_run(self.chunksize, first),
        };
        Ok(*self.run.insert(run))
    }

    /// Moves inputs into the queue. Returns whether it moved any.
    fn feed(&mut self, run: RunId, cx: &mut Context<'_>) -> bool {
        if self.inputs.is_none() && self.rest.is_none() {
            return false;
        }
        let room = {
            let state = self.shared.lock();
            if !state.accepts() {
                (self.inputs, self.rest) = (None, None);
                return true;
            }
            if state.queue.has_room(Some(run)) { BATCH } else { 0 }
        };
        let (mut batch, mut tasks, mut bytes) = (Vec::new(), 0, 0);
        let mut ended = false;
        while tasks < room && bytes < BATCH_BYTES {
            match self.supply(cx, (room - tasks, BATCH_BYTES - bytes)) {
                Poll::Ready(Some(supply)) => {
                    tasks += supply.len();
                    bytes += supply.size();
                    batch.push(supply);
                }
                Poll::Ready(None) => {
                    ended = true;
                    break;
                }
                Poll::Pending => break,
            }
        }
        if batch.is_empty() {
            return ended;
        }
        let now = self.shared.now();
        let mut state = self.shared.lock();
        for supply in batch {
            match (supply, self.function) {
                (Supply::Many(span), None) => state.queue.push_span(run, span, now),
                (supply, None) => supply.into_inputs().for_each(|input| state.queue.push(run, input, now)),
                (supply, Some(function)) => {
                    supply.into_inputs().for_each(|input| state.queue.push(run, input.call(function), now));
                }
            }
        }
        drop(state);
        self.shared.work.notify_one();
        true
    }

    /// The next inputs: at least one, and more only within these numbers of inputs and bytes. `None` when there are no
    /// more.
    fn supply(&mut self, cx: &mut Context<'_>, (tasks, bytes): (usize, usize)) -> Poll<Option<Supply>> {
        let mut span = match self.rest.take() {
            Some(span) => span,
            None => {
                let Some(inputs) = &mut self.inputs else { return Poll::Ready(None) };
                loop {
                    match ready!(inputs.as_mut().poll_next(cx)).map(Into::into) {
                        Some(Supply::Many(span)) if span.is_empty() => {}
                        Some(Supply::Many(span)) => break span,
                        Some(one) => return Poll::Ready(Some(one)),
                        None => {
                            self.inputs = None;
                            return Poll::Ready(None);
                        }
                    }
                }
            }
        };
        let first = span.split_to(tasks.min(span.fitting(bytes)).max(1));
        self.rest = Some(span).filter(|span| !span.is_empty());
        Poll::Ready(Some(Supply::Many(first)))
    }
}

impl<S> Stream for Results<'_, S>
where
    S: Stream<Item: Into<Supply>>,
{
    type Item = Result<TaskResult, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll(cx)
    }
}

impl<S> Drop for Results<'_, S> {
    fn drop(&mut self) {
        if let Some(run) = self.run {
            self.shared.abandon(run);
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

// The iterator is never pinned: each call of `next` only borrows it.
impl<I> Unpin for Iter<I> {}

impl<I: Iterator> Stream for Iter<I> {
    type Item = I::Item;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<I::Item>> {
        Poll::Ready(self.get_mut().0.next())
    }
}
