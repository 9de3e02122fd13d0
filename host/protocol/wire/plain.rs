//! Plain answers: ok, with nothing but an output. Nearly all answers are plain. They are checked in one pass and stay
//! the bytes that came over the pipe.

use bytes::{Buf, Bytes};

use super::error::WireError;
use super::parts::{ANSWER, Answer, answer, unpack_nanos};
use crate::model::outcome::{Layer, Status};
use crate::model::span::own;

/// The answers of a frame, in their order.
#[derive(Debug)]
pub struct Answers {
    payload: Bytes,
    /// Bytes of the whole payload. Parts of it may be kept for long; see [`own`].
    whole: usize,
    left: u32,
}

/// The first bytes of a plain answer: its status, its layer, and no detail.
const PLAIN: [u8; 8] = [Status::Ok as u8, Layer::Guest as u8, 0, 0, 0, 0, 0, 0];

impl Answers {
    /// Answers from an untrusted payload.
    pub fn new(payload: Bytes, count: u32) -> Answers {
        Answers { whole: payload.len(), payload, left: count }
    }

    /// The next plain answers, at most `most`, up to the first that is not plain or has an output of more than `limit`
    /// bytes.
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

    /// An error is the last item. Answers that do not fill their frame exactly are an error.
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

/// Consecutive plain answers.
#[derive(Clone, Debug, Default)]
pub struct OkAnswers {
    bytes: Bytes,
    count: usize,
    output_bytes: usize,
    /// Sum of their times in nanoseconds.
    busy: u64,
    /// Sum of the nanoseconds that each of them waited for earlier ones.
    waited: u64,
}

impl OkAnswers {
    /// Number of answers.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are no answers.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes of all outputs together.
    pub fn output_bytes(&self) -> usize {
        self.output_bytes
    }

    /// Nanoseconds that all of them took together.
    pub fn busy(&self) -> u64 {
        self.busy
    }

    /// Nanoseconds that each of them waited for those before it, together.
    pub fn waited(&self) -> u64 {
        self.waited
    }

    /// Each output and its time in nanoseconds.
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

/// The output and the nanoseconds of the plain answer at the beginning of `bytes`, if it is plain.
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
