//! Frames: their sizes, their kinds and their header.

use bytes::BufMut;

pub(super) const MAGIC: u16 = 0x5057;

/// Bytes of a frame's header.
pub const HEADER: usize = 32;

/// Size at which a worker sends its answers, and at which a lease is full. It is large enough that the cost of a frame
/// is lost among its tasks, and small enough that two frames fit into a pipe of 128 KiB without blocking.
pub const FRAME_TARGET: usize = 64 << 10;

/// Largest JSON in a frame: setup, report, error detail. The largest real reports (thousands of exports) are 1 MiB.
pub const MAX_TEXT: usize = 8 << 20;

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
    /// Worker to host, before the answer of a task: its profile, as JSON.
    Profile = 15,
    /// Host to compiler, after the program: places of frames, as JSON; see `protocol::lines`.
    Spots = 16,
    /// Compiler to host: lines of source code, as JSON.
    Lines = 17,
}

impl Kind {
    pub(super) fn from_byte(byte: u8) -> Option<Kind> {
        use Kind::*;
        const ALL: [Kind; 17] = [
            Setup, Program, Lease, Ready, Refused, Answers, Report, Image, Notice, Argument, Snapshot, StateCall,
            StateReply, CoreDump, Profile, Spots, Lines,
        ];
        ALL.into_iter().find(|&kind| kind as u8 == byte)
    }

    /// Most bytes of a child's frame of this kind, of the `limit` that its receiver has for all: what is parsed as JSON
    /// takes many times its length.
    pub(super) fn most(self, limit: usize) -> usize {
        match self {
            Kind::Ready | Kind::Refused | Kind::Report | Kind::Notice | Kind::Profile | Kind::Lines => {
                limit.min(MAX_TEXT)
            }
            _ => limit,
        }
    }
}

/// The time that the answers of a frame took together, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// From beginning to end.
    pub busy: u64,
    /// The part of it for making their instances.
    pub start: u64,
}

/// A call of shared state by the task at `first`, after tasks waited so many nanoseconds for others.
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
