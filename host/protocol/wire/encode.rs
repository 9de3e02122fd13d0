//! Frames that are sent.

use bytes::BufMut;

use super::frame::{FRAME_TARGET, HEADER, Kind, Times, header, length_u32};
use super::parts::{AnswerHead, Task, pack};
use crate::model::span::Span;

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
    /// Whether no task has been added.
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
    pub fn push_task(&mut self, task: &Task<'_>) {
        task.encode(&mut self.buffer);
        self.count += 1;
    }

    /// Appends rows of a span as plain tasks until the frame is full or has `most` of them. Returns how many. A long
    /// row gets a frame of its own, so that a frame is bounded by its target and one row.
    pub fn push_rows(&mut self, rows: &Span, most: usize) -> usize {
        let before = self.count;
        for (row, _) in rows.iter().take(most) {
            let full = self.buffer.len() + row.len() > FRAME_TARGET;
            if full && !self.is_empty() || self.buffer.len() >= FRAME_TARGET {
                break;
            }
            self.push_task(&Task { bytes: row, ..Task::default() });
        }
        (self.count - before) as usize
    }

    /// Appends one answer.
    pub fn push_answer(&mut self, head: AnswerHead, detail: &[u8], output: &[u8]) {
        self.buffer.put_u8(head.status as u8);
        self.buffer.put_u8(head.layer as u8);
        self.buffer.put_u16_le(0);
        self.buffer.put_u32_le(length_u32(detail.len()));
        self.buffer.put_u32_le(length_u32(output.len()));
        self.buffer.put_u32_le(pack(head.wall));
        self.buffer.extend_from_slice(detail);
        self.buffer.extend_from_slice(output);
        self.count += 1;
    }

    /// The finished frame. [`Encoder::clear`] makes the encoder ready for the next one.
    pub fn finish(&mut self, kind: Kind, first: u32, times: Times) -> &[u8] {
        let header = header(kind, self.count, first, self.buffer.len() - HEADER, times);
        self.buffer[..HEADER].copy_from_slice(&header);
        &self.buffer
    }

    /// A part of the finished frame.
    pub fn part(&self, range: &std::ops::Range<usize>) -> &[u8] {
        &self.buffer[range.clone()]
    }

    /// Empties the frame, and frees memory that a large answer took.
    pub fn clear(&mut self) {
        self.count = 0;
        self.buffer.truncate(HEADER);
        self.buffer.shrink_to(4 * FRAME_TARGET);
    }
}
