//! Answers of the plain kind, which nearly all are: ok, and nothing to tell but the output. They are checked in one pass
//! and stay the bytes that they came as.

use bytes::{Buf, Bytes};

use super::error::WireError;
use super::parts::{ANSWER, Answer, answer, unpack_nanos};
use crate::model::outcome::{Layer, Status};
use crate::model::span::own;

/// The answers of a frame, in their order.
#[derive(Debug)]
pub struct Answers {
    payload: Bytes,
    /// Bytes that the payload had when it was whole. What is taken out of it may be kept for long; see [`own`].
    whole: usize,
    left: u32,
}

/// The first bytes of a plain answer: its status, its layer, and no detail.
const PLAIN: [u8; 8] = [Status::Ok as u8, Layer::Guest as u8, 0, 0, 0, 0, 0, 0];

impl Answers {
    /// Takes no byte of `payload` for granted.
    pub fn new(payload: Bytes, count: u32) -> Answers {
        Answers { whole: payload.len(), payload, left: count }
    }

    /// The plain answers that come next, up to the first that is not plain or has more than `limit` bytes of output, and
    /// `most` of them.
    pub fn plain(&mut self, most: usize, limit: u64) -> OkAnswers {
        let most = most.min(self.left as usize);
        let (mut at, mut found) = (0, OkAnswers::default());
        while found.count < most {
            let Some((output, wall)) = plain(&self.payload[at..]) else { break };
            if output.len() as u64 > limit {
                break;
            }
            at += ANSWER + output.len();
            found.count += 1;
            found.output_bytes += output.len();
            found.waited = found.waited.saturating_add(found.busy);
            found.busy = found.busy.saturating_add(wall);
        }
        found.bytes = own(self.payload.split_to(at), self.whole);
        self.left -= found.count as u32;
        found
    }
}

impl Iterator for Answers {
    type Item = Result<Answer, WireError>;

    /// After an error there is nothing more. One is that the answers do not fill their frame exactly.
    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            let rest = std::mem::take(&mut self.payload);
            return (!rest.is_empty()).then_some(Err(WireError::Length));
        }
        self.left -= 1;
        let answer = answer(&mut self.payload);
        if answer.is_err() {
            self.left = 0;
            self.payload.clear();
        }
        Some(answer.map(|answer| Answer { output: own(answer.output, self.whole), ..answer }))
    }
}

/// Plain answers, one after the other.
#[derive(Clone, Debug, Default)]
pub struct OkAnswers {
    bytes: Bytes,
    count: usize,
    output_bytes: usize,
    /// Nanoseconds of all of them together.
    busy: u64,
    /// Nanoseconds that each of them waited for those before it, together.
    waited: u64,
}

impl OkAnswers {
    pub fn len(&self) -> usize {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub fn output_bytes(&self) -> usize {
        self.output_bytes
    }

    pub fn busy(&self) -> u64 {
        self.busy
    }

    pub fn waited(&self) -> u64 {
        self.waited
    }

    /// Each output, and the nanoseconds that it took.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], u64)> {
        let mut rest = &self.bytes[..];
        std::iter::from_fn(move || {
            let (output, wall) = plain(rest)?;
            rest = &rest[ANSWER + output.len()..];
            Some((output, wall))
        })
    }

    /// Takes the first one out.
    pub fn pop(&mut self) -> Option<(Bytes, u64)> {
        let (length, wall) = plain(&self.bytes).map(|(output, wall)| (output.len(), wall))?;
        self.bytes.advance(ANSWER);
        self.count -= 1;
        self.output_bytes -= length;
        Some((self.bytes.split_to(length), wall))
    }
}

/// The output and the nanoseconds of the plain answer that `bytes` begin with, if they do.
fn plain(bytes: &[u8]) -> Option<(&[u8], u64)> {
    let (head, rest) = bytes.split_first_chunk::<ANSWER>()?;
    let (&kind, lengths) = head.split_first_chunk::<8>()?;
    let (&length, wall) = lengths.split_first_chunk::<4>()?;
    let wall = u32::from_le_bytes(*wall.first_chunk()?);
    if kind != PLAIN {
        return None;
    }
    let output = rest.get(..u32::from_le_bytes(length) as usize)?;
    Some((output, unpack_nanos(wall)))
}
