//! Frames on their way in.

use bytes::{Buf, Bytes, BytesMut};

use super::error::WireError;
use super::frame::{FRAME_TARGET, HEADER, Kind, MAGIC, Times};

/// A payload shorter than this is copied out of the buffer that it was received in, which is used again: a reader that is
/// given few answers at a time would otherwise keep a whole buffer for each of these times.
pub(super) const SMALL: usize = FRAME_TARGET / 4;

/// A decoded header with its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The meaning of the payload.
    pub kind: Kind,
    /// Tasks in the payload.
    pub count: u32,
    /// Index of the first of them, counted within one worker's life. It wraps around.
    pub first: u32,
    /// The times of its answers.
    pub times: Times,
    /// All that follows the header.
    pub payload: Bytes,
}

/// Collects bytes and gives frames. A partial frame stays inside and never blocks anybody.
#[derive(Debug)]
pub struct Decoder {
    pub(super) buffer: BytesMut,
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
