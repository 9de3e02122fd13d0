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

mod decode;
mod encode;
mod error;
mod frame;
mod parts;
mod plain;

pub use self::decode::{Decoder, Frame};
pub use self::encode::Encoder;
pub use self::error::WireError;
pub use self::frame::{FRAME_TARGET, HEADER, Kind, MAX_TEXT, Times, frame, head, state_call};
pub use self::parts::{Answer, AnswerHead, Task, tasks};
pub use self::plain::{Answers, OkAnswers};

#[cfg(test)]
mod tests;
