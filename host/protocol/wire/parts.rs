//! The contents of frames: tasks and answers.

use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};

use super::error::WireError;
use super::frame::{MAX_TEXT, length_u32};
use crate::model::outcome::{Layer, Status};

/// Bits of a task's length for the parts besides its bytes. Lengths stay below them.
pub(super) const NAMED: u32 = 1 << 31;
const DEADLINE: u32 = 1 << 30;
const FUNCTION: u32 = 1 << 29;
const OCCURRENCE: u32 = 1 << 28;
const _: () = assert!(crate::model::limits::MAX_INPUT < OCCURRENCE as usize);
/// Bytes before the detail of each answer.
pub(super) const ANSWER: usize = 16;

/// Bits of a time that is not in nanoseconds.
const MICROS: u32 = 0b10 << 30;
const MILLIS: u32 = 0b11 << 30;
/// The number beside these bits is below this.
const UNIT: u32 = 1 << 30;

/// The fixed part of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerHead {
    /// The status of the task.
    pub status: Status,
    /// The layer that ended it.
    pub layer: Layer,
    /// Time from the task's beginning to its answer. The wire keeps nanoseconds of times below two seconds, then
    /// microseconds up to 17 minutes, then milliseconds up to 12 days.
    pub wall: Duration,
}

/// An answer after its receipt. The detail is JSON from the worker: the host parses it and never forwards it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The fixed part.
    pub head: AnswerHead,
    /// JSON with what else there is to say, or nothing.
    pub detail: Bytes,
    /// The guest's bytes.
    pub output: Bytes,
}

/// A task on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Task<'a> {
    /// The row.
    pub bytes: &'a [u8],
    /// The name of the input, such as that of its file.
    pub name: Option<&'a str>,
    /// A deadline of its own instead of the pool's, in whole milliseconds.
    pub deadline: Option<Duration>,
    /// Index, in the report, of the function to call instead of the pool's entry.
    pub function: Option<u32>,
    /// Its number among the inputs with the same bytes. The wire leaves out a 0.
    pub occurrence: u32,
}

impl Task<'_> {
    pub(super) fn encode(&self, buffer: &mut Vec<u8>) {
        let bit = |bit, is_set| if is_set { bit } else { 0 };
        let bits = bit(NAMED, self.name.is_some())
            | bit(DEADLINE, self.deadline.is_some())
            | bit(FUNCTION, self.function.is_some())
            | bit(OCCURRENCE, self.occurrence != 0);
        buffer.put_u32_le(length_u32(self.bytes.len()) | bits);
        let name_length = self.name.map(|name| length_u32(name.len()));
        let occurrence = (self.occurrence != 0).then_some(self.occurrence);
        for word in [name_length, self.deadline.map(millis), self.function, occurrence].into_iter().flatten() {
            buffer.put_u32_le(word);
        }
        buffer.extend_from_slice(self.name.unwrap_or_default().as_bytes());
        buffer.extend_from_slice(self.bytes);
    }
}

/// Whole milliseconds, rounded up and at least 1.
fn millis(time: Duration) -> u32 {
    u32::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX).max(1)
}

/// The tasks of a lease, which must fill `payload` exactly. An error is the last item.
pub fn tasks(mut payload: &[u8], count: u32) -> impl Iterator<Item = Result<Task<'_>, WireError>> {
    let mut left = count;
    std::iter::from_fn(move || {
        if left == 0 {
            let rest = std::mem::take(&mut payload);
            return (!rest.is_empty()).then_some(Err(WireError::Length));
        }
        left -= 1;
        let task = task(&mut payload);
        if task.is_err() {
            (left, payload) = (0, &[]);
        }
        Some(task)
    })
}

fn task<'a>(payload: &mut &'a [u8]) -> Result<Task<'a>, WireError> {
    let head = word(payload)?;
    let part = |payload: &mut &'a [u8], length: u32| payload.split_off(..length as usize).ok_or(WireError::Length);
    if head < OCCURRENCE {
        return Ok(Task { bytes: part(payload, head)?, ..Task::default() });
    }
    let mut optional = |bit| if head & bit == 0 { Ok(None) } else { word(payload).map(Some) };
    let (name, deadline, function) = (optional(NAMED)?, optional(DEADLINE)?, optional(FUNCTION)?);
    let occurrence = optional(OCCURRENCE)?.unwrap_or(0);
    let name = name.map(|length| part(payload, length)).transpose()?;
    let name = name.map(str::from_utf8).transpose().map_err(|_| WireError::Name)?;
    let bytes = part(payload, head & (OCCURRENCE - 1))?;
    let deadline = deadline.map(|ms| Duration::from_millis(ms.into()));
    Ok(Task { bytes, name, deadline, function, occurrence })
}

fn word(payload: &mut &[u8]) -> Result<u32, WireError> {
    payload.try_get_u32_le().map_err(|_| WireError::Length)
}

/// Takes the first answer off `payload`.
pub(super) fn answer(payload: &mut Bytes) -> Result<Answer, WireError> {
    if payload.len() < ANSWER {
        return Err(WireError::Length);
    }
    let (status, layer) = (worker_status(payload.get_u8())?, layer(payload.get_u8())?);
    payload.advance(2);
    let (detail, output) = (payload.get_u32_le(), payload.get_u32_le());
    if detail as usize > MAX_TEXT {
        return Err(WireError::TooLong { length: detail as usize, limit: MAX_TEXT });
    }
    let head = AnswerHead { status, layer, wall: unpack(payload.get_u32_le()) };
    Ok(Answer { head, detail: take(payload, detail)?, output: take(payload, output)? })
}

fn take(payload: &mut Bytes, length: u32) -> Result<Bytes, WireError> {
    let length = length as usize;
    if length > payload.len() {
        return Err(WireError::Length);
    }
    Ok(payload.split_to(length))
}

/// A status that a worker may send. The other statuses belong to the host.
pub(super) fn worker_status(code: u8) -> Result<Status, WireError> {
    Status::ALL
        .into_iter()
        .find(|&status| status as u8 == code)
        .filter(|status| !matches!(status, Status::Crash | Status::Cancelled | Status::Skipped))
        .ok_or(WireError::Status(code))
}

pub(super) fn layer(code: u8) -> Result<Layer, WireError> {
    Layer::from_wire(code).ok_or(WireError::Layer(code))
}

/// A time in 32 bits: up to 31 of nanoseconds, or 30 of [`MICROS`] or [`MILLIS`].
pub(super) fn pack(time: Duration) -> u32 {
    let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    if nanos < u64::from(MICROS) {
        return nanos as u32;
    }
    match (nanos / 1_000, nanos / 1_000_000) {
        (micros, _) if micros < u64::from(UNIT) => MICROS | micros as u32,
        (_, millis) => MILLIS | millis.min(u64::from(UNIT - 1)) as u32,
    }
}

/// A time from the wire: any 32 bits are a bounded time.
pub(super) fn unpack(word: u32) -> Duration {
    Duration::from_nanos(unpack_nanos(word))
}

/// The time in nanoseconds, at most 2⁵⁰.
pub(super) fn unpack_nanos(word: u32) -> u64 {
    let number = u64::from(word & (UNIT - 1));
    match word & MILLIS {
        MILLIS => number * 1_000_000,
        MICROS => number * 1_000,
        _ => word.into(),
    }
}
