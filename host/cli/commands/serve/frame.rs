//! The frames that a client sends, parsed. Pure, and every length is bounded. `docs/design/serve.md` describes them.

use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use wpool::Shutdown;
use wpool::limits::{MAX_INPUT, MAX_PROGRAM};

/// The version of the frames.
pub const VERSION: u32 = 1;
/// Longest first frame: a program, and settings with the argument of `init` in base64.
pub const MAX_HELLO: usize = MAX_PROGRAM as usize + (128 << 20);
/// Longest frame behind the first: the longest row, and what stands around it.
pub const MAX_REQUEST: usize = MAX_INPUT + (1 << 20);
/// Longest name of a function.
const MAX_NAME: usize = 4096;

/// A breach of the protocol by the client, in a sentence.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Violation(pub String);

fn violation<T>(what: impl Into<String>) -> Result<T, Violation> {
    Err(Violation(what.into()))
}

/// The first frame.
#[derive(Debug, PartialEq, Eq)]
pub struct Hello {
    /// JSON.
    pub settings: Bytes,
    /// The program, unless the settings name a file.
    pub program: Bytes,
}

/// A frame behind the first.
#[derive(Debug, PartialEq, Eq)]
pub enum Request {
    Submit(Vec<Task>),
    Register { key: u32, name: String },
    Cancel { id: u64, running: bool },
    Stats,
    Shutdown(Shutdown),
}

/// A task of a client.
#[derive(Debug, PartialEq, Eq)]
pub struct Task {
    /// The client's own number.
    pub id: u64,
    /// The key of a registered function, or 0 for the program's own entry.
    pub function: u32,
    pub deadline: Option<Duration>,
    pub row: Bytes,
}

/// Bytes from a client that are not parsed yet.
#[derive(Debug, Default)]
pub struct Inbox {
    pub bytes: BytesMut,
}

impl Inbox {
    /// The first frame, once it is there.
    pub fn hello(&mut self) -> Result<Option<Hello>, Violation> {
        match self.frame(MAX_HELLO)? {
            None => Ok(None),
            Some((1, body)) => hello(body).map(Some),
            Some((kind, _)) => violation(format!("the first frame must be a hello (1), not {kind}")),
        }
    }

    /// The next frame, once it is there.
    pub fn request(&mut self) -> Result<Option<Request>, Violation> {
        self.frame(MAX_REQUEST)?.map(|(kind, body)| request(kind, body)).transpose()
    }

    /// Kind and body of the next frame. A length out of range is refused before its bytes are there.
    fn frame(&mut self, most: usize) -> Result<Option<(u8, Bytes)>, Violation> {
        let Some(head) = self.bytes.first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_le_bytes(*head) as usize;
        if !(1..=most).contains(&length) {
            return violation(format!("a frame here has from 1 to {most} bytes, not {length}"));
        }
        if self.bytes.len() < 4 + length {
            return Ok(None);
        }
        self.bytes.advance(4);
        let mut body = self.bytes.split_to(length).freeze();
        Ok(Some((body.get_u8(), body)))
    }
}

fn hello(mut body: Bytes) -> Result<Hello, Violation> {
    let version = number(&mut body)?;
    if version != VERSION {
        return violation(format!("the client speaks version {version} of the frames, and this wpool {VERSION}"));
    }
    let length = number(&mut body)? as usize;
    Ok(Hello { settings: part(&mut body, length)?, program: body })
}

fn request(kind: u8, mut body: Bytes) -> Result<Request, Violation> {
    let request = match kind {
        2 => Request::Submit(tasks(&mut body)?),
        3 => Request::Register { key: key(&mut body)?, name: name(&mut body)? },
        4 => Request::Cancel { id: long(&mut body)?, running: flag(&mut body)? },
        5 => Request::Stats,
        6 => Request::Shutdown(shutdown(&mut body)?),
        1 => return violation("a hello comes once"),
        _ => return violation(format!("there is no frame of kind {kind}")),
    };
    if body.is_empty() { Ok(request) } else { violation(format!("a frame of kind {kind} is too long")) }
}

fn tasks(body: &mut Bytes) -> Result<Vec<Task>, Violation> {
    let mut tasks = Vec::new();
    while !body.is_empty() {
        let (id, function, micros, length) = (long(body)?, number(body)?, long(body)?, number(body)?);
        let deadline = (micros > 0).then(|| Duration::from_micros(micros));
        tasks.push(Task { id, function, deadline, row: part(body, length as usize)? });
    }
    Ok(tasks)
}

fn key(body: &mut Bytes) -> Result<u32, Violation> {
    match number(body)? {
        0 => violation("key 0 means the program's own entry"),
        key => Ok(key),
    }
}

fn name(body: &mut Bytes) -> Result<String, Violation> {
    if body.len() > MAX_NAME {
        return violation(format!("a name of a function has {MAX_NAME} bytes at most"));
    }
    let name = part(body, body.len())?;
    String::from_utf8(name.into()).map_err(|_| Violation("a name of a function is not UTF-8".into()))
}

fn flag(body: &mut Bytes) -> Result<bool, Violation> {
    match byte(body)? {
        0 => Ok(false),
        1 => Ok(true),
        other => violation(format!("a flag is 0 or 1, not {other}")),
    }
}

fn shutdown(body: &mut Bytes) -> Result<Shutdown, Violation> {
    match byte(body)? {
        0 => Ok(Shutdown::Drain),
        1 => Ok(Shutdown::Cancel),
        2 => Ok(Shutdown::Kill),
        other => violation(format!("a shutdown is 0, 1 or 2, not {other}")),
    }
}

fn part(body: &mut Bytes, length: usize) -> Result<Bytes, Violation> {
    if body.len() < length { violation("a frame ends within a part of it") } else { Ok(body.split_to(length)) }
}

fn byte(body: &mut Bytes) -> Result<u8, Violation> {
    Ok(part(body, 1)?.get_u8())
}

fn number(body: &mut Bytes) -> Result<u32, Violation> {
    Ok(part(body, 4)?.get_u32_le())
}

fn long(body: &mut Bytes) -> Result<u64, Violation> {
    Ok(part(body, 8)?.get_u64_le())
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn inbox(bytes: &[u8]) -> Inbox {
        Inbox { bytes: BytesMut::from(bytes) }
    }

    /// Frames with a length that is right, and bodies that may be.
    fn frames() -> impl Strategy<Value = Vec<u8>> {
        let word = prop_oneof![Just(0), Just(1), Just(2), any::<u8>()];
        let frame = (0..8u8, vec(word, 0..40)).prop_map(|(kind, body)| {
            let length = (body.len() as u32 + 1).to_le_bytes();
            [&length[..], &[kind], &body].concat()
        });
        vec(frame, 0..4).prop_map(|frames| frames.concat())
    }

    #[test]
    fn a_length_out_of_range_is_refused_before_its_bytes_come() {
        for length in [0, MAX_REQUEST as u32 + 1, u32::MAX] {
            assert!(inbox(&length.to_le_bytes()).request().is_err(), "{length}");
        }
        assert_eq!(inbox(&(MAX_REQUEST as u32).to_le_bytes()).request(), Ok(None));
    }

    #[test]
    fn tasks_are_read_as_they_were_written() {
        let mut body = vec![2];
        for (id, function, micros, row) in [(7u64, 0u32, 0u64, &b"one"[..]), (8, 3, 1_500, b"")] {
            body.extend([&id.to_le_bytes()[..], &function.to_le_bytes(), &micros.to_le_bytes()].concat());
            body.extend([&(row.len() as u32).to_le_bytes()[..], row].concat());
        }
        let frame = [&(body.len() as u32).to_le_bytes()[..], &body].concat();
        let deadline = Some(Duration::from_micros(1_500));
        let expected = vec![
            Task { id: 7, function: 0, deadline: None, row: "one".into() },
            Task { id: 8, function: 3, deadline, row: "".into() },
        ];
        assert_eq!(inbox(&frame).request(), Ok(Some(Request::Submit(expected))));
    }

    proptest! {
        #![proptest_config(crate::cases::many())]

        #[test]
        fn any_bytes_are_frames_or_a_violation(bytes in prop_oneof![frames(), vec(any::<u8>(), 0..64)], first: bool) {
            let mut inbox = inbox(&bytes);
            if first {
                let _ = inbox.hello();
            }
            let mut left = inbox.bytes.len();
            while let Ok(Some(_)) = inbox.request() {
                prop_assert!(inbox.bytes.len() < left, "a frame takes its bytes");
                left = inbox.bytes.len();
            }
        }
    }
}
