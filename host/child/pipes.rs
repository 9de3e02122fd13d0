//! A child's ends of its pipes.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::protocol::roles::BUILD;
use crate::protocol::setup::{ChildError, Hello, WorkerSetup};
use crate::protocol::wire::{self, Decoder, Frame, Kind, MAX_TEXT, WireError};

/// Most bytes of the message of a refusal, which may list all exports of a program. A byte takes up to six in JSON.
const MAX_MESSAGE: usize = MAX_TEXT / 8;

/// Exit code of a child that could not be set up, after it reported the reason.
pub(crate) const REFUSED: i32 = 3;

/// Exit code of a child that failed: it panicked, or its host sent nonsense.
pub(crate) const BROKEN: i32 = 70;

/// A child's ends of its pipes.
#[derive(Debug)]
pub(crate) struct Pipes {
    pub from_host: File,
    pub to_host: File,
    /// Descriptors from the host, from 3 on.
    pub handed: Vec<OwnedFd>,
    /// The process id of the host.
    pub host: i32,
    /// A buffer for reads. Reading into the free end of a decoder's buffer would need clearing it each time. For a
    /// worker that wakes up for one row this takes longer than everything else.
    pub block: Box<[u8]>,
}

impl Pipes {
    /// Reads the next frame; `None` if the host has closed the pipe.
    pub fn next(&mut self, decoder: &mut Decoder) -> Result<Option<Frame>, WireError> {
        loop {
            if let Some(frame) = decoder.pop()? {
                return Ok(Some(frame));
            }
            // A pipe that cannot be read means that the host has gone.
            let count = self.from_host.read(&mut self.block).unwrap_or(0);
            if count == 0 {
                return Ok(None);
            }
            decoder.space().extend_from_slice(&self.block[..count]);
        }
    }

    /// Reads the setup, if the host is of this build.
    pub fn setup<T: DeserializeOwned>(&mut self, decoder: &mut Decoder) -> Result<T, ChildError> {
        let nonsense = |why: String| ChildError::Other(format!("cannot read its setup: {why}"));
        let frame = self.next(decoder).map_err(|error| nonsense(error.to_string()))?;
        let frame = frame.ok_or_else(|| nonsense("the pipe was closed".into()))?;
        let hello: Hello<serde_json::Value> =
            serde_json::from_slice(&frame.payload).map_err(|error| nonsense(error.to_string()))?;
        if hello.build != BUILD {
            return Err(ChildError::Build(BUILD.to_owned()));
        }
        serde_json::from_value(hello.setup).map_err(|error| nonsense(error.to_string()))
    }

    /// Reads the argument of `init`, if `init` is to be called.
    pub fn argument(&mut self, setup: &WorkerSetup, decoder: &mut Decoder) -> Result<Option<Bytes>, ChildError> {
        if !setup.init {
            return Ok(None);
        }
        let frame = self.next(decoder).map_err(|error| ChildError::Other(error.to_string()))?;
        let frame = frame.filter(|frame| frame.kind == Kind::Argument);
        frame.map(|frame| Some(frame.payload)).ok_or_else(|| ChildError::Other("it was given no argument".into()))
    }

    /// Sends a frame of JSON. A failure to send is ignored: the host has gone then.
    pub fn send(&mut self, kind: Kind, value: &impl Serialize) {
        self.send_bytes(kind, &serde_json::to_vec(value).unwrap_or_default());
    }

    /// Sends a frame of bytes.
    pub fn send_bytes(&mut self, kind: Kind, payload: &[u8]) {
        let sent = self.to_host.write_all(&wire::head(kind, payload));
        let _ = sent.and_then(|()| self.to_host.write_all(payload));
    }

    /// Reports why this child cannot run. Returns its exit code.
    pub fn refuse(&mut self, why: ChildError) -> i32 {
        refuse(&self.to_host, why)
    }
}

/// Reports why a child cannot run, at its end of the pipe to its host. Returns its exit code.
pub(crate) fn refuse(mut to_host: &File, mut why: ChildError) -> i32 {
    if let ChildError::Program(refusal) = &mut why {
        refusal.message.truncate(refusal.message.floor_char_boundary(MAX_MESSAGE));
    }
    let payload = serde_json::to_vec(&why).unwrap_or_default();
    let sent = to_host.write_all(&wire::head(Kind::Refused, &payload));
    let _ = sent.and_then(|()| to_host.write_all(&payload));
    REFUSED
}
