//! The frames between the host and its children: pure encoding and decoding, every size bounded.
//!
//! A frame is a 32-byte header and a payload. Tasks travel in batches: a lease is one frame, and so are all answers
//! that are ready. A header, a system call and a wake-up for each task would cost more than a small task. All integers
//! are little-endian. Neither side trusts the other's lengths: a header that announces more than the receiver allows is
//! an error before the receiver waits for its payload.
//!
//! ```text
//! header   magic u16 · kind u8 · zero u8 · count u32 · first u32 · length u32 · busy u64 · start u64
//! Lease    count × ( length u32 · [ name length u32 ] · [ deadline ms u32 ] · [ function u32 ] · [ occurrence u32 ] ·
//!          [ name ] · bytes ); the parts in brackets are present if bit 31, 30, 29 or 28 of the length is set
//! Answers  count × ( status u8 · layer u8 · zero u16 · detail u32 · output u32 · wall u32 · detail · output )
//! others   JSON, or bytes
//! ```

mod encode;
mod parts;
mod plain;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use thiserror::Error;

pub use self::encode::Encoder;
pub use self::parts::{Answer, AnswerHead, Task, tasks};
pub use self::plain::{Answers, OkAnswers};

const MAGIC: u16 = 0x5057;
/// Bytes of a frame's header.
pub const HEADER: usize = 32;

/// Size at which a worker sends its answers, and at which a lease is full. It is large enough that the cost of a frame
/// is lost among its tasks, and small enough that two frames fit into a pipe of 128 KiB without blocking.
pub const FRAME_TARGET: usize = 64 << 10;

/// Largest JSON in a frame: setup, report, error detail. The largest real reports (thousands of exports) are 1 MiB.
pub const MAX_TEXT: usize = 8 << 20;

/// A payload shorter than this is copied out of its receive buffer, which is used again. Otherwise a reader of small
/// frames would keep a whole buffer for each.
const SMALL: usize = FRAME_TARGET / 4;

/// The content of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Host to child: its setup, as JSON. The first frame.
    Setup = 1,
    /// Host to compiler: the program's bytes.
    Program = 2,
    /// Host to worker: tasks.
    Lease = 3,
    /// Child to host: the child is set up.
    Ready = 4,
    /// Child to host: the setup failed, or the program is refused; JSON. The last frame.
    Refused = 5,
    /// Worker to host: outcomes of tasks.
    Answers = 6,
    /// Compiler to host: the report on the program, as JSON.
    Report = 7,
    /// Compiler to host: the compiled image.
    Image = 8,
    /// Worker to host, besides answers: a notice for people, as JSON.
    Notice = 9,
    /// Host to worker: the argument of `init`.
    Argument = 10,
    /// Worker to host, host to compiler: the state that `init` left.
    Snapshot = 11,
    /// Worker to host: a call of shared state by the running task, `first`; see [`crate::protocol::state_calls`].
    /// `busy` is the time that tasks waited for earlier calls and that no frame has reported yet.
    StateCall = 12,
    /// Host to worker: the reply to a call. A worker has one call at a time.
    StateReply = 13,
    /// Worker to host, before the answer of a task that trapped: its core dump.
    CoreDump = 14,
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Kind> {
        use Kind::*;
        const ALL: [Kind; 14] = [
            Setup, Program, Lease, Ready, Refused, Answers, Report, Image, Notice, Argument, Snapshot, StateCall,
            StateReply, CoreDump,
        ];
        ALL.into_iter().find(|&kind| kind as u8 == byte)
    }

    /// Most bytes of a child's frame of this kind, within the receiver's `limit` for all kinds: JSON takes many times
    /// its length when it is parsed.
    fn most(self, limit: usize) -> usize {
        match self {
            Kind::Ready | Kind::Refused | Kind::Report | Kind::Notice => limit.min(MAX_TEXT),
            _ => limit,
        }
    }
}

/// A decoded header with its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub kind: Kind,
    /// Tasks in the payload.
    pub count: u32,
    /// Index of the first of them, counted within one worker's life. It wraps around.
    pub first: u32,
    pub times: Times,
    pub payload: Bytes,
}

/// Times of the answers in a frame together, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// From beginning to end.
    pub busy: u64,
    /// The part of it for making their instances.
    pub start: u64,
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
    #[error("a call of shared state that does not parse")]
    StateCall,
    #[error("a call of shared state out of turn")]
    StateTurn,
    #[error("a name that is not UTF-8")]
    Name,
    #[error("a task for a function that the program does not have")]
    Function,
    #[error("text that does not parse: {0}")]
    Text(String),
}

/// Collects bytes and returns frames. A partial frame stays inside and never blocks anybody.
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

    /// Space for received bytes, with room for at least a full frame.
    pub fn space(&mut self) -> &mut BytesMut {
        self.buffer.reserve(FRAME_TARGET);
        &mut self.buffer
    }

    /// Whether a frame has begun and not ended.
    pub fn is_partial(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// The next whole frame, or `None` if bytes are missing.
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
        let times = Times { busy: header.get_u64_le(), start: header.get_u64_le() };
        let limit = kind.most(self.limit);
        if length > limit {
            return Err(WireError::TooLong { length, limit });
        }
        if self.buffer.len() < HEADER + length {
            // Room for a read beyond the end of the frame. Without it, the last read would double a large buffer.
            let beyond = if length > FRAME_TARGET { FRAME_TARGET } else { 0 };
            self.buffer.reserve(HEADER + length - self.buffer.len() + beyond);
            return Ok(None);
        }
        self.buffer.advance(HEADER);
        let payload = self.take(length);
        Ok(Some(Frame { kind, count, first, times, payload }))
    }

    /// The next bytes, without keeping a much larger buffer alive.
    fn take(&mut self, length: usize) -> Bytes {
        if length < SMALL {
            let payload = Bytes::copy_from_slice(&self.buffer[..length]);
            self.buffer.advance(length);
            return payload;
        }
        let payload = self.buffer.split_to(length).freeze();
        if length > FRAME_TARGET {
            // Bytes that follow would keep the buffer of this large payload alive.
            self.buffer = BytesMut::from(&self.buffer[..]);
        }
        payload
    }
}

/// A call of shared state by the task at `first`; tasks have waited `waited` nanoseconds for earlier calls.
pub fn state_call(first: u32, waited: u64, payload: &[u8]) -> Vec<u8> {
    let times = Times { busy: waited, start: 0 };
    let mut bytes = header(Kind::StateCall, 0, first, payload.len(), times).to_vec();
    bytes.extend_from_slice(payload);
    bytes
}

/// The header of a frame with a payload in one piece. The two are written one after the other: a payload may be as
/// large as a program, and joining them would copy it.
pub fn head(kind: Kind, payload: &[u8]) -> [u8; HEADER] {
    header(kind, 0, 0, payload.len(), Times::default())
}

/// A whole frame, for a payload that is short and in one piece.
pub fn frame(kind: Kind, payload: &[u8]) -> Vec<u8> {
    [&head(kind, payload), payload].concat()
}

fn header(kind: Kind, count: u32, first: u32, length: usize, times: Times) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    let mut at = &mut bytes[..];
    at.put_u16_le(MAGIC);
    at.put_u8(kind as u8);
    at.put_u8(0);
    at.put_u32_le(count);
    at.put_u32_le(first);
    at.put_u32_le(length_u32(length));
    at.put_u64_le(times.busy);
    at.put_u64_le(times.start);
    bytes
}

/// A length in the wire's type. Lengths were bounded far below 4 GiB when their bytes were accepted.
fn length_u32(length: usize) -> u32 {
    u32::try_from(length).expect("lengths are bounded by MAX_INPUT, MAX_NAME and MAX_OUTPUT")
}

#[cfg(test)]
mod tests;
