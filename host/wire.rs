//! The frames between the host and its children: pure encoding and decoding, every size bounded.
//!
//! A frame is a 24-byte header and a payload. Tasks travel in batches, one frame a lease and one frame for as many
//! answers as were ready, because a header, a system call and a wake-up for each task would cost more than a small
//! task. All integers are little-endian. Neither side trusts the other's lengths: a header that announces more than
//! the receiver allows is an error before a byte of its payload is waited for.
//!
//! ```text
//! header   magic u16 · kind u8 · zero u8 · count u32 · first u32 · length u32 · busy u64
//! Lease    count × ( length u32 · [ name length u32 · name ] · bytes ), with a name where bit 31 of the length is set
//! Answers  count × ( status u8 · layer u8 · zero u16 · detail u32 · output u32 · wall µs u32 · detail · output )
//! others   JSON, or bytes
//! ```

use bytes::{Buf, BufMut, Bytes, BytesMut};
use thiserror::Error;

use crate::outcome::{Layer, Status};

const MAGIC: u16 = 0x5057;
/// Bytes of a frame's header.
pub const HEADER: usize = 24;
/// Bit of a task's length that says that it has a name. No length reaches it.
const NAMED: u32 = 1 << 31;
/// Bytes before the detail of each answer.
const ANSWER: usize = 16;

/// Size at which a worker sends the answers it has, and at which a lease is full: large enough that the cost of a
/// frame is lost among its tasks, small enough that two of them fit into a pipe of 128 KiB without blocking.
pub const FRAME_TARGET: usize = 64 << 10;

/// Largest JSON in a frame: setup, report, error detail. The largest real reports (thousands of exports) are 1 MiB.
pub const MAX_TEXT: usize = 8 << 20;

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Host to child: what to be, as JSON. The first frame.
    Setup = 1,
    /// Host to compiler: the program's bytes.
    Program = 2,
    /// Host to worker: tasks.
    Lease = 3,
    /// Child to host: set up, and willing to work.
    Ready = 4,
    /// Child to host: could not be set up, or refuses the program; JSON. The last frame.
    Refused = 5,
    /// Worker to host: what became of tasks.
    Answers = 6,
    /// Compiler to host: what the program is, as JSON.
    Report = 7,
    /// Compiler to host: the compiled image.
    Image = 8,
    /// Worker to host: what the running task, `first`, asks of shared state; see [`crate::state::codec`]. `busy` is what
    /// tasks waited for calls before this one and has not been told.
    StateCall = 9,
    /// Host to worker: what became of a call. A worker has one call at a time.
    StateReply = 10,
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Kind> {
        use Kind::*;
        const ALL: [Kind; 10] = [Setup, Program, Lease, Ready, Refused, Answers, Report, Image, StateCall, StateReply];
        ALL.into_iter().find(|&kind| kind as u8 == byte)
    }
}

/// A decoded header with its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub kind: Kind,
    /// Tasks in the payload.
    pub count: u32,
    /// Index of the first of them, counted within one worker's life; wraps around.
    pub first: u32,
    /// Nanoseconds the worker spent on these answers.
    pub busy: u64,
    pub payload: Bytes,
}

/// Bytes that are not the protocol.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum WireError {
    #[error("a frame without the magic number")]
    Magic,
    #[error("a frame of unknown kind {0}")]
    Kind(u8),
    #[error("a frame of {length} bytes, where {limit} are allowed")]
    TooLong { length: usize, limit: usize },
    #[error("a frame whose parts do not fill its length")]
    Length,
    #[error("an answer with status code {0}")]
    Status(u8),
    #[error("an answer with layer code {0}")]
    Layer(u8),
    #[error("a {0:?} frame, which has no place here")]
    Unexpected(Kind),
    #[error("an answer for task {got}, where {expected} is due")]
    Index { got: u32, expected: u32 },
    #[error("more answers than tasks")]
    TooMany,
    #[error("an output of {length} bytes, where {limit} are allowed")]
    Output { length: usize, limit: u64 },
    #[error("a call of shared state that is none")]
    StateCall,
    #[error("a call of shared state out of turn")]
    StateTurn,
    #[error("a name that is not UTF-8")]
    Name,
    #[error("text that does not parse: {0}")]
    Text(String),
}

/// Collects bytes and gives frames. A partial frame stays inside and never blocks anybody.
#[derive(Debug)]
pub struct Decoder {
    buffer: BytesMut,
    limit: usize,
}

impl Decoder {
    /// A decoder that refuses payloads longer than `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Decoder { buffer: BytesMut::new(), limit }
    }

    /// Where to append what was received, with room for at least a full frame.
    pub fn space(&mut self) -> &mut BytesMut {
        self.buffer.reserve(FRAME_TARGET);
        &mut self.buffer
    }

    /// Whether a frame has begun and not ended.
    pub fn is_partial(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// The next whole frame, or `None` until more bytes are there.
    pub fn pop(&mut self) -> Result<Option<Frame>, WireError> {
        if self.buffer.len() < HEADER {
            return Ok(None);
        }
        let mut header = &self.buffer[..HEADER];
        if header.get_u16_le() != MAGIC {
            return Err(WireError::Magic);
        }
        let kind = header.get_u8();
        let kind = Kind::from_byte(kind).ok_or(WireError::Kind(kind))?;
        header.advance(1);
        let (count, first) = (header.get_u32_le(), header.get_u32_le());
        let length = header.get_u32_le() as usize;
        let busy = header.get_u64_le();
        if length > self.limit {
            return Err(WireError::TooLong { length, limit: self.limit });
        }
        if self.buffer.len() < HEADER + length {
            self.buffer.reserve(HEADER + length - self.buffer.len());
            return Ok(None);
        }
        self.buffer.advance(HEADER);
        let payload = self.buffer.split_to(length).freeze();
        Ok(Some(Frame { kind, count, first, busy, payload }))
    }
}

/// Builds a frame in place: a header is reserved first and filled in at the end.
#[derive(Debug)]
pub struct Encoder {
    buffer: Vec<u8>,
    count: u32,
}

impl Default for Encoder {
    fn default() -> Self {
        Encoder { buffer: vec![0; HEADER], count: 0 }
    }
}

impl Encoder {
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Tasks or answers in the frame.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Bytes of the frame so far, its header included.
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Appends one task to a lease.
    pub fn push_task(&mut self, input: &[u8], name: Option<&str>) {
        let length = length_u32(input.len());
        match name {
            None => self.buffer.put_u32_le(length),
            Some(name) => {
                self.buffer.put_u32_le(length | NAMED);
                self.buffer.put_u32_le(length_u32(name.len()));
                self.buffer.extend_from_slice(name.as_bytes());
            }
        }
        self.buffer.extend_from_slice(input);
        self.count += 1;
    }

    /// Appends one answer.
    pub fn push_answer(&mut self, head: AnswerHead, detail: &[u8], output: &[u8]) {
        self.buffer.put_u8(head.status as u8);
        self.buffer.put_u8(head.layer as u8);
        self.buffer.put_u16_le(0);
        self.buffer.put_u32_le(length_u32(detail.len()));
        self.buffer.put_u32_le(length_u32(output.len()));
        self.buffer.put_u32_le(head.wall_us);
        self.buffer.extend_from_slice(detail);
        self.buffer.extend_from_slice(output);
        self.count += 1;
    }

    /// The finished frame; the encoder is ready for the next one once [`Encoder::clear`] was called.
    pub fn finish(&mut self, kind: Kind, first: u32, busy: u64) -> &[u8] {
        let header = header(kind, self.count, first, self.buffer.len() - HEADER, busy);
        self.buffer[..HEADER].copy_from_slice(&header);
        &self.buffer
    }

    /// A part of the finished frame, to be written.
    pub fn part(&self, range: &std::ops::Range<usize>) -> &[u8] {
        &self.buffer[range.clone()]
    }

    /// Empties the frame, and gives back memory that one large answer took.
    pub fn clear(&mut self) {
        self.count = 0;
        self.buffer.truncate(HEADER);
        self.buffer.shrink_to(4 * FRAME_TARGET);
    }
}

/// A call of shared state by the task at `first`.
pub fn state_call(first: u32, waited: u64, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(Kind::StateCall, 0, first, payload.len(), waited).to_vec();
    bytes.extend_from_slice(payload);
    bytes
}

/// A frame whose payload is one piece.
pub fn frame(kind: Kind, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(kind, 0, 0, payload.len(), 0).to_vec();
    bytes.extend_from_slice(payload);
    bytes
}

fn header(kind: Kind, count: u32, first: u32, length: usize, busy: u64) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    let mut at = &mut bytes[..];
    at.put_u16_le(MAGIC);
    at.put_u8(kind as u8);
    at.put_u8(0);
    at.put_u32_le(count);
    at.put_u32_le(first);
    at.put_u32_le(length_u32(length));
    at.put_u64_le(busy);
    bytes
}

/// Every length that is encoded was bounded far below 4 GiB when its bytes were accepted.
fn length_u32(length: usize) -> u32 {
    u32::try_from(length).expect("lengths are bounded by MAX_INPUT, MAX_NAME and MAX_OUTPUT")
}

/// The fixed part of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerHead {
    pub status: Status,
    pub layer: Layer,
    /// Microseconds from instantiation to answer, saturating.
    pub wall_us: u32,
}

/// One answer as it was received. The detail is JSON of the worker's making, to be parsed and never forwarded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub head: AnswerHead,
    pub detail: Bytes,
    pub output: Bytes,
}

/// One task as it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeasedTask {
    pub bytes: Bytes,
    pub name: Option<String>,
}

/// The tasks of a lease.
pub fn tasks(payload: Bytes, count: u32) -> impl Iterator<Item = Result<LeasedTask, WireError>> {
    parts(payload, count, |payload| {
        let mut word = || payload.try_get_u32_le().map_err(|_| WireError::Length);
        let length = word()?;
        let name = if length & NAMED == 0 { None } else { Some(word()?) };
        let name = name.map(|length| take(payload, length)).transpose()?;
        let name = name.map(|name| String::from_utf8(name.into())).transpose().map_err(|_| WireError::Name)?;
        Ok(LeasedTask { bytes: take(payload, length & !NAMED)?, name })
    })
}

/// The answers of a frame.
pub fn answers(payload: Bytes, count: u32) -> impl Iterator<Item = Result<Answer, WireError>> {
    parts(payload, count, |payload| {
        if payload.len() < ANSWER {
            return Err(WireError::Length);
        }
        let head = AnswerHead { status: worker_status(payload.get_u8())?, layer: layer(payload.get_u8())?, wall_us: 0 };
        payload.advance(2);
        let (detail, output) = (payload.get_u32_le(), payload.get_u32_le());
        let head = AnswerHead { wall_us: payload.get_u32_le(), ..head };
        Ok(Answer { head, detail: take(payload, detail)?, output: take(payload, output)? })
    })
}

/// Reads `count` parts that must fill `payload` exactly; after an error there is nothing more.
fn parts<T>(
    mut payload: Bytes,
    count: u32,
    mut part: impl FnMut(&mut Bytes) -> Result<T, WireError>,
) -> impl Iterator<Item = Result<T, WireError>> {
    let mut left = count;
    std::iter::from_fn(move || {
        if left == 0 {
            let rest = std::mem::take(&mut payload);
            return (!rest.is_empty()).then_some(Err(WireError::Length));
        }
        left -= 1;
        let result = part(&mut payload);
        if result.is_err() {
            left = 0;
            payload.clear();
        }
        Some(result)
    })
}

fn take(payload: &mut Bytes, length: u32) -> Result<Bytes, WireError> {
    let length = length as usize;
    if length > payload.len() {
        return Err(WireError::Length);
    }
    Ok(payload.split_to(length))
}

/// A worker knows of what happens inside it; the rest of the statuses are the host's to give.
fn worker_status(code: u8) -> Result<Status, WireError> {
    Status::ALL
        .into_iter()
        .find(|&status| status as u8 == code)
        .filter(|status| !matches!(status, Status::Crash | Status::Cancelled | Status::Skipped))
        .ok_or(WireError::Status(code))
}

fn layer(code: u8) -> Result<Layer, WireError> {
    Layer::from_wire(code).ok_or(WireError::Layer(code))
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
