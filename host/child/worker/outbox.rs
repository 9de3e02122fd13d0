//! Answers on their way to the host.

use std::fs::File;
use std::io::Write;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use crate::child::sandbox::Answered;
use crate::model::lock::lock;
use crate::protocol::setup::Notice;
use crate::protocol::wire::{self, AnswerHead, Encoder, FRAME_TARGET, Kind, Times};

/// Collects answers. Sends them when there are enough, at the end of a lease, or when the clock reports that they have
/// waited for a long task.
#[derive(Debug)]
pub(super) struct Outbox {
    inner: Mutex<Inner>,
}

/// Where an answer went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    /// It went to the host at once, which can take a while.
    Sent,
    /// It waits alone.
    First,
    /// It waits behind others.
    Behind,
}

#[derive(Debug)]
struct Inner {
    pipe: File,
    frame: Encoder,
    /// Index of the first answer in the frame.
    first: u32,
    times: Times,
}

impl Outbox {
    pub fn new(pipe: File) -> Self {
        let inner = Inner { pipe, frame: Encoder::default(), first: 0, times: Times::default() };
        Outbox { inner: Mutex::new(inner) }
    }

    /// Begins a lease with the task of this index.
    pub fn begin(&self, first: u32) {
        self.lock().first = first;
    }

    /// Adds the next answer, from a task that took `wall`.
    pub fn push(&self, answer: &Answered<'_>, wall: Duration, flush: bool) -> Pushed {
        let head = AnswerHead { status: answer.status, layer: answer.layer, wall };
        let mut inner = self.lock();
        inner.frame.push_answer(head, answer.detail(), &answer.output);
        inner.times.busy += wall.as_nanos() as u64;
        inner.times.start += answer.start.as_nanos() as u64;
        if flush || inner.frame.len() >= FRAME_TARGET {
            inner.send();
            return Pushed::Sent;
        }
        if inner.frame.count() == 1 { Pushed::First } else { Pushed::Behind }
    }

    /// Whether no answer waits to be sent.
    pub fn is_empty(&self) -> bool {
        self.lock().frame.count() == 0
    }

    /// Sends a notice to the host at once.
    pub fn tell(&self, notice: &Notice) {
        let text = serde_json::to_vec(notice).unwrap_or_default();
        self.send(&[&wire::frame(Kind::Notice, &text)]);
    }

    /// Sends all waiting answers.
    pub fn flush(&self) {
        self.lock().send();
    }

    /// Sends all waiting answers, and then a frame, part by part.
    pub fn send(&self, frame: &[&[u8]]) {
        let mut inner = self.lock();
        inner.send();
        // As with answers, a host that is gone will end this process.
        let _ = frame.iter().try_for_each(|part| inner.pipe.write_all(part));
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }
}

impl Inner {
    fn send(&mut self) {
        let count = self.frame.count();
        if count == 0 {
            return;
        }
        let times = std::mem::take(&mut self.times);
        // A host that is gone will end this process. Until then nobody can be told.
        let _ = self.pipe.write_all(self.frame.finish(Kind::Answers, self.first, times));
        self.first = self.first.wrapping_add(count);
        self.frame.clear();
    }
}
