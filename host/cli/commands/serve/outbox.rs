//! The frames that wait for the client to read them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tokio::sync::Notify;
use wpool::outcome::ErrorDetail;
use wpool::{Outcome, Status, TaskResult, inert};

use crate::cli::records::record::MeasuredRecord;

/// A frame of results takes no further result beyond this size.
const BATCH: usize = 1 << 20;
/// Events beyond this many waiting bytes are left out, and counted.
const MOST_EVENTS: usize = 1 << 20;

/// Kinds of frames from wpool.
#[derive(Clone, Copy, Debug)]
pub enum Reply {
    Ready = 0x81,
    Results,
    Error,
    Credit,
    Event,
    Cancelled,
    Registered,
    Stats,
    Closed,
}

/// Frames that wait, and a bell for those who write them.
#[derive(Debug, Default)]
pub struct Outbox {
    waiting: Mutex<Waiting>,
    pub changed: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    bytes: Vec<u8>,
    /// Where the frame of results begins that is the last one.
    results: Option<usize>,
    /// Tasks whose results were pushed since [`Outbox::take_settled`].
    settled: Vec<u64>,
    missed: u64,
}

impl Outbox {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Frames are appended whole, so a panic under the lock leaves none half written but the last.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends the result of a client's task.
    pub fn push_result(&self, id: u64, result: &TaskResult) {
        let mut waiting = self.lock();
        let begin = match waiting.results {
            Some(begin) if waiting.bytes.len() - begin < BATCH => begin,
            _ => waiting.begin(Reply::Results),
        };
        waiting.results = Some(begin);
        push_record(id, result, &mut waiting.bytes);
        waiting.end(begin);
        waiting.settled.push(id);
        drop(waiting);
        self.changed.notify_one();
    }

    /// Appends a frame with these bytes.
    pub fn push(&self, kind: Reply, body: &[u8]) {
        let mut waiting = self.lock();
        let begin = waiting.begin(kind);
        waiting.bytes.extend_from_slice(body);
        waiting.end(begin);
        drop(waiting);
        self.changed.notify_one();
    }

    /// Appends a frame with a value as JSON.
    pub fn push_json(&self, kind: Reply, value: &impl Serialize) {
        let mut body = Vec::new();
        // Plain data serializes.
        if inert::push_json(value, &mut body).is_ok() {
            self.push(kind, &body);
        }
    }

    /// Appends an event, unless too much waits already.
    pub fn push_event(&self, value: &impl Serialize) {
        let missed = {
            let mut waiting = self.lock();
            if waiting.bytes.len() > MOST_EVENTS {
                waiting.missed += 1;
                return;
            }
            std::mem::take(&mut waiting.missed)
        };
        if missed > 0 {
            self.push_json(Reply::Event, &serde_json::json!({"event": "missed", "count": missed}));
        }
        self.push_json(Reply::Event, value);
    }

    /// All frames so far.
    pub fn take(&self) -> Vec<u8> {
        let mut waiting = self.lock();
        waiting.results = None;
        std::mem::take(&mut waiting.bytes)
    }

    /// The tasks that have settled since the last call.
    pub fn take_settled(&self) -> Vec<u64> {
        std::mem::take(&mut self.lock().settled)
    }

    /// Bytes that wait.
    pub fn size(&self) -> usize {
        self.lock().bytes.len()
    }
}

impl Waiting {
    fn begin(&mut self, kind: Reply) -> usize {
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.push(kind as u8);
        self.results = None;
        begin
    }

    /// Writes the length of the frame. An output is at most 1 GiB, and a frame of results takes a single one beyond
    /// [`BATCH`], so a `u32` holds it.
    fn end(&mut self, begin: usize) {
        let length = (self.bytes.len() - begin - 4) as u32;
        self.bytes[begin..begin + 4].copy_from_slice(&length.to_le_bytes());
    }
}

fn push_record(id: u64, result: &TaskResult, bytes: &mut Vec<u8>) {
    let (outcome, receipt) = (&result.outcome, &result.receipt);
    let output = outcome.output().map_or(&[][..], |output| output);
    let mut detail = Vec::new();
    let parts = Detail::of(result);
    if parts != Detail::default() {
        // Plain data serializes.
        let _ = inert::push_json(&parts, &mut detail);
    }
    // Their numbers are their places in `ALL`.
    let (status, layer) = (outcome.status() as u8, receipt.layer as u8);
    bytes.extend_from_slice(&id.to_le_bytes());
    bytes.extend_from_slice(&[status, layer, u8::from(outcome.output().is_some()), 0]);
    for number in [receipt.attempts, receipt.slot.unwrap_or(u32::MAX)] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    for time in [receipt.wall, receipt.wait] {
        bytes.extend_from_slice(&(time.as_nanos() as u64).to_le_bytes());
    }
    for part in [output, &detail] {
        bytes.extend_from_slice(&(part.len() as u32).to_le_bytes());
    }
    bytes.extend_from_slice(output);
    bytes.extend_from_slice(&detail);
}

/// The members that few results have. Times are in microseconds, sizes in bytes.
#[derive(Default, PartialEq, Serialize)]
struct Detail<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a ErrorDetail>,
    #[serde(skip_serializing_if = "<[Status]>::is_empty")]
    retried: &'a [Status],
    #[serde(flatten)]
    measured: MeasuredRecord,
    #[serde(skip_serializing_if = "Option::is_none")]
    stderr: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
}

impl<'a> Detail<'a> {
    fn of(result: &'a TaskResult) -> Detail<'a> {
        let measured = result.receipt.measured.as_deref();
        let failure = match &result.outcome {
            Outcome::Ok(_) => None,
            Outcome::NotOk(failure) => Some(&**failure),
        };
        Detail {
            error: failure.map(|failure| &failure.error),
            truncated: failure.is_some_and(|failure| failure.truncated),
            retried: result.receipt.retried(),
            measured: MeasuredRecord::of(&result.receipt),
            stderr: measured.and_then(|measured| measured.stderr.as_deref()),
        }
    }
}

#[cfg(test)]
mod tests {
    use wpool::outcome::Layer;

    use super::*;

    #[test]
    fn the_numbers_of_layers_are_their_order() {
        for (at, layer) in Layer::ALL.iter().enumerate() {
            assert_eq!(*layer as usize, at);
        }
    }

    #[test]
    fn frames_have_their_lengths() {
        let outbox = Outbox::default();
        outbox.push(Reply::Cancelled, b"ab");
        outbox.push_event(&serde_json::json!({"a": 1}));
        assert_eq!(outbox.take(), b"\x03\0\0\0\x86ab\x08\0\0\0\x85{\"a\":1}");
    }
}
