//! Answers on their way to the host.

use std::fs::File;
use std::io::Write;
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use super::sandbox::Answered;
use crate::wire::{AnswerHead, Encoder, FRAME_TARGET, Kind};

/// Collects answers and sends them when there are enough, at the end of a lease, or when the clock says that they
/// have waited for a long task.
#[derive(Debug)]
pub(super) struct Outbox {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    pipe: File,
    frame: Encoder,
    /// Index of the first answer in the frame.
    first: u32,
    /// Since when the time spent has not been reported.
    since: Instant,
}

impl Outbox {
    pub fn new(pipe: File) -> Self {
        let inner = Inner { pipe, frame: Encoder::default(), first: 0, since: Instant::now() };
        Outbox { inner: Mutex::new(inner) }
    }

    /// A lease begins: its time counts from now, its indexes from `first`.
    pub fn begin(&self, first: u32) {
        let mut inner = self.lock();
        inner.first = first;
        inner.since = Instant::now();
    }

    /// Adds the next answer.
    pub fn push(&self, answer: &Answered, wall_us: u32, flush: bool) {
        let head = AnswerHead { status: answer.status, layer: answer.layer, wall_us };
        let mut inner = self.lock();
        inner.frame.push_answer(head, &answer.detail, &answer.output);
        if flush || inner.frame.len() >= FRAME_TARGET {
            inner.send();
        }
    }

    /// Sends what there is.
    pub fn flush(&self) {
        self.lock().send();
    }

    /// Sends what there is, and then a frame.
    pub fn send(&self, frame: &[u8]) {
        let mut inner = self.lock();
        inner.send();
        // As with answers: a host that is gone ends this process.
        let _ = inner.pipe.write_all(frame);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Inner {
    fn send(&mut self) {
        let count = self.frame.count();
        if count == 0 {
            return;
        }
        let now = Instant::now();
        let busy = now.duration_since(self.since).as_nanos() as u64;
        self.since = now;
        // A host that is gone will end this process; until then there is nobody to tell.
        let _ = self.pipe.write_all(self.frame.finish(Kind::Answers, self.first, busy));
        self.first = self.first.wrapping_add(count);
        self.frame.clear();
    }
}
