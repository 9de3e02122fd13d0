//! Frames: their sizes, their kinds and their header.

use bytes::BufMut;

pub(super) const MAGIC: u16 = 0x5057;

/// Bytes of a frame's header.
pub const HEADER: usize = 32;

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
    /// Worker to host, beside answers: something that people should know; JSON.
    Notice = 9,
    /// Host to worker: the argument of `init`.
    Argument = 10,
    /// Worker to host, host to compiler: what `init` left behind.
    Snapshot = 11,
    /// Worker to host: what the running task, `first`, asks of shared state; see [`crate::protocol::state_calls`]. `busy` is
    /// what tasks waited for calls before this one and has not been told.
    StateCall = 12,
    /// Host to worker: what became of a call. A worker has one call at a time.
    StateReply = 13,
    /// Worker to host, before the answer of a task that trapped: its core dump.
    CoreDump = 14,
}

impl Kind {
    pub(super) fn from_byte(byte: u8) -> Option<Kind> {
        use Kind::*;
        const ALL: [Kind; 14] = [
            Setup, Program, Lease, Ready, Refused, Answers, Report, Image, Notice, Argument, Snapshot, StateCall,
            StateReply, CoreDump,
        ];
        ALL.into_iter().find(|&kind| kind as u8 == byte)
    }

    /// Most bytes of a child's frame of this kind, of the `limit` that its receiver has for all: what is parsed as JSON
    /// takes many times its length.
    pub(super) fn most(self, limit: usize) -> usize {
        match self {
            Kind::Ready | Kind::Refused | Kind::Report | Kind::Notice => limit.min(MAX_TEXT),
            _ => limit,
        }
    }
}

/// What the answers of a frame took together, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// From beginning to end.
    pub busy: u64,
    /// Of it, making their instances.
    pub start: u64,
}

/// A call of shared state by the task at `first`, after tasks waited so many nanoseconds for others.
pub fn state_call(first: u32, waited: u64, payload: &[u8]) -> Vec<u8> {
    let times = Times { busy: waited, start: 0 };
    let mut bytes = header(Kind::StateCall, 0, first, payload.len(), times).to_vec();
    bytes.extend_from_slice(payload);
    bytes
}

/// What goes before a payload that is one piece. Both are written one after the other, because a payload may be as large as
/// a program, and a frame that is put together would be a second copy of it.
pub fn head(kind: Kind, payload: &[u8]) -> [u8; HEADER] {
    header(kind, 0, 0, payload.len(), Times::default())
}

/// A frame whose payload is one piece, and short: a text.
pub fn frame(kind: Kind, payload: &[u8]) -> Vec<u8> {
    [&head(kind, payload), payload].concat()
}

pub(super) fn header(kind: Kind, count: u32, first: u32, length: usize, times: Times) -> [u8; HEADER] {
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

/// Every length that is encoded was bounded far below 4 GiB when its bytes were accepted.
pub(super) fn length_u32(length: usize) -> u32 {
    u32::try_from(length).expect("lengths are bounded by MAX_INPUT, MAX_NAME and MAX_OUTPUT")
}
