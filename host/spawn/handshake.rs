//! The first frames between a host and a child: the child's build and setup, and its answer.

use bytes::Bytes;
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStdin, ChildStdout};

use crate::model::error::{Error, Refusal};
use crate::protocol::roles::BUILD;
use crate::protocol::roles::Role;
use crate::protocol::setup::{ChildError, Hello};
use crate::protocol::wire::{self, Decoder, Frame, Kind, WireError};
use crate::spawn::process::Process;
use crate::spawn::signal;

/// The reason why a child did not become ready.
#[derive(Debug)]
pub(crate) enum Failed {
    /// The program is refused.
    Program(Refusal),
    /// The image does not fit the engine; compile again.
    Image(String),
    /// An error that would happen again at each attempt.
    Fatal(Error),
    /// It died or sent nonsense; another child may succeed.
    Died(String),
    /// Its fence ended it, for a forbidden system call.
    Violated(String),
}

/// Most frames of a child's first answer: a report and its object. A child that has run a guest could send frames
/// without end.
const MOST_FRAMES: usize = 2;

/// Sends the setup and the payloads after it, then reads frames until one of kind `until`, at most [`MOST_FRAMES`]. A
/// payload is freed as soon as the child has it, because the child's result may be as large.
pub(crate) async fn set_up<T: Serialize>(
    process: &mut Process,
    setup: T,
    rest: Vec<(Kind, Bytes)>,
    decoder: &mut Decoder,
    until: Kind,
) -> Result<Vec<Frame>, Failed> {
    let hello =
        serde_json::to_vec(&Hello { build: BUILD.to_owned(), setup }).map_err(|e| Failed::Died(e.to_string()))?;
    let hello = wire::frame(Kind::Setup, &hello);
    let (stdin, stdout) = (&mut process.stdin, &mut process.stdout);
    // A child that refuses at once closes its end. Its refusal is a better error than the failed write.
    let (_, frames) = tokio::join!(send(stdin, hello, rest), frames_until(stdout, decoder, until));
    match frames {
        Ok(frames) => Ok(frames),
        Err(Failed::Died(why)) => Err(ended(process, why).await),
        Err(other) => Err(other),
    }
}

async fn send(stdin: &mut ChildStdin, hello: Vec<u8>, rest: Vec<(Kind, Bytes)>) -> std::io::Result<()> {
    stdin.write_all(&hello).await?;
    for (kind, payload) in rest {
        stdin.write_all(&wire::head(kind, &payload)).await?;
        stdin.write_all(&payload).await?;
    }
    Ok(())
}

async fn frames_until(stdout: &mut ChildStdout, decoder: &mut Decoder, until: Kind) -> Result<Vec<Frame>, Failed> {
    let mut frames = Vec::new();
    loop {
        while let Some(frame) = decoder.pop().map_err(|e| Failed::Died(e.to_string()))? {
            if frame.kind == Kind::Refused {
                return Err(refused(&frame.payload));
            }
            let last = frame.kind == until;
            if !last && frame.kind != Kind::Report {
                // Only a report, which is short, comes before the awaited frame. Another frame could be as long as that
                // one.
                return Err(Failed::Died(WireError::Unexpected(frame.kind).to_string()));
            }
            frames.push(frame);
            if last {
                return Ok(frames);
            }
            if frames.len() == MOST_FRAMES {
                return Err(Failed::Died("it sent more frames than it has to say".into()));
            }
        }
        match stdout.read_buf(decoder.space()).await {
            Ok(0) => return Err(Failed::Died(String::new())),
            Ok(_) => {}
            Err(error) => return Err(Failed::Died(error.to_string())),
        }
    }
}

fn refused(payload: &[u8]) -> Failed {
    match serde_json::from_slice(payload) {
        Ok(ChildError::Build(child)) => Failed::Fatal(Error::BuildMismatch { host: BUILD.to_owned(), child }),
        Ok(ChildError::Program(refusal)) => Failed::Program(refusal),
        Ok(ChildError::Image(why)) => Failed::Image(why),
        Ok(ChildError::Sandbox(fence)) => {
            Failed::Fatal(Error::Sandbox { missing: fence.missing(), advice: fence.advice() })
        }
        Ok(ChildError::Scratch(why)) => Failed::Fatal(Error::NoScratch { why }),
        Ok(ChildError::Other(why)) => Failed::Died(why),
        Err(error) => Failed::Died(format!("its refusal does not parse: {error}")),
    }
}

/// The end of a child that failed, with its own last words.
async fn ended(process: &mut Process, why: String) -> Failed {
    let status = tokio::time::timeout(END_PATIENCE, process.child.wait()).await;
    let status = status.ok().and_then(Result::ok);
    let how = status.map_or_else(|| "it did not answer".to_owned(), signal::describe);
    let parts = [why, how, process.last_words()];
    let told = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ");
    if signal::is_violation(status) { Failed::Violated(told) } else { Failed::Died(told) }
}

/// Longest wait for the exit status of a child that has closed its pipe.
pub(crate) const END_PATIENCE: std::time::Duration = std::time::Duration::from_millis(200);

impl Failed {
    /// The error for a caller that does not try again.
    pub fn into_error(self, name: &str, role: Role) -> Error {
        match self {
            Failed::Program(refusal) => Error::ProgramRefused { name: name.to_owned(), refusal },
            Failed::Image(why) | Failed::Died(why) | Failed::Violated(why) => {
                Error::ChildFailed { role: role.as_str(), why }
            }
            Failed::Fatal(error) => error,
        }
    }
}
