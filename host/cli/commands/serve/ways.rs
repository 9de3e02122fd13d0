//! Standard input and output as pipes that the runtime waits for, and what was read from one and not yet written to the
//! other.

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};
use std::thread::{self, JoinHandle};

use bytes::{Buf, Bytes};
use rustix::fs::{FileType, fstat};
use rustix::stdio;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStdin, ChildStdout};

use crate::cli::commands::serve::frame::{Hello, Inbox, Request, Violation};
use crate::cli::commands::serve::outbox::Outbox;
use crate::cli::streams;

/// Bytes that are read at once.
const BLOCK: usize = 64 << 10;

/// Both ways to the client.
#[derive(Debug)]
pub struct Ways {
    /// `None` at its end.
    input: Option<ChildStdout>,
    inbox: Inbox,
    output: ChildStdin,
    writing: Bytes,
    /// Copies to an output that is not a pipe.
    copier: Option<JoinHandle<io::Result<u64>>>,
}

/// The event.
#[derive(Debug, PartialEq, Eq)]
pub enum Turn {
    Moved,
    /// The client says no more.
    End,
    /// Nobody reads any more.
    NoReader,
}

impl Ways {
    /// Must be called within a runtime.
    pub fn open() -> io::Result<Ways> {
        let input = own_input()?;
        let (output, copier) = own_output()?;
        let input = ChildStdout::from_std(std::process::ChildStdout::from(input))?;
        let output = ChildStdin::from_std(std::process::ChildStdin::from(output))?;
        Ok(Ways { input: Some(input), inbox: Inbox::default(), output, writing: Bytes::new(), copier })
    }

    /// The first frame; `None` if the client ends before it.
    pub async fn hello(&mut self) -> Result<Option<Hello>, Violation> {
        loop {
            if let Some(hello) = self.inbox.hello()? {
                return Ok(Some(hello));
            }
            if !self.read().await {
                return self.end().map(|()| None);
            }
        }
    }

    /// Reads a little ahead, and returns when the client says no more.
    pub async fn until_end(&mut self) {
        while self.inbox.bytes.len() < BLOCK {
            if !self.read().await {
                return;
            }
        }
        std::future::pending().await
    }

    /// The next frame that was read.
    pub fn request(&mut self) -> Result<Option<Request>, Violation> {
        let request = self.inbox.request()?;
        if request.is_none() && self.input.is_none() {
            self.end()?;
        }
        Ok(request)
    }

    fn end(&self) -> Result<(), Violation> {
        let is_whole = self.inbox.bytes.is_empty();
        if is_whole { Ok(()) } else { Err(Violation("the input ends within a frame".into())) }
    }

    /// Whether the client may say more.
    pub fn is_open(&self) -> bool {
        self.input.is_some()
    }

    /// Bytes that are on their way to the client.
    pub fn unwritten(&self) -> usize {
        self.writing.len()
    }

    /// Reads or writes, or returns when there is more to write.
    pub async fn turn(&mut self, out: &Outbox) -> Turn {
        if self.writing.is_empty() {
            self.writing = out.take().into();
        }
        let Ways { input, inbox, output, writing, .. } = self;
        tokio::select! {
            count = write(output, writing), if !writing.is_empty() => match count {
                Ok(count) => {
                    writing.advance(count);
                    Turn::Moved
                }
                Err(_) => Turn::NoReader,
            },
            () = out.changed.notified() => Turn::Moved,
            count = read(input, inbox) => match count {
                Ok(1..) => Turn::Moved,
                _ => {
                    *input = None;
                    Turn::End
                }
            },
        }
    }

    /// Writes everything, as far as somebody reads it.
    pub async fn flush(mut self, out: &Outbox) {
        while self.output.write_all_buf(&mut self.writing).await.is_ok() {
            self.writing = out.take().into();
            if self.writing.is_empty() {
                break;
            }
        }
        drop(self.output);
        if let Some(copier) = self.copier {
            // A file that cannot be written is the client's own.
            let _ = copier.join();
        }
    }

    async fn read(&mut self) -> bool {
        let more = matches!(read(&mut self.input, &mut self.inbox).await, Ok(1..));
        if !more {
            self.input = None;
        }
        more
    }
}

async fn read(input: &mut Option<ChildStdout>, inbox: &mut Inbox) -> io::Result<usize> {
    let Some(input) = input else { return std::future::pending().await };
    inbox.bytes.reserve(BLOCK);
    input.read_buf(&mut inbox.bytes).await
}

async fn write(output: &mut ChildStdin, bytes: &Bytes) -> io::Result<usize> {
    match output.write(bytes).await? {
        0 => Err(ErrorKind::WriteZero.into()),
        count => Ok(count),
    }
}

/// Whether the runtime can wait for a descriptor.
fn is_pipe(fd: &impl AsFd) -> bool {
    let kind = fstat(fd).map(|stat| FileType::from_raw_mode(stat.st_mode));
    matches!(kind, Ok(FileType::Fifo | FileType::Socket))
}

fn own_input() -> io::Result<OwnedFd> {
    if is_pipe(&stdio::stdin()) {
        return stdio::stdin().try_clone_to_owned();
    }
    let (reader, mut writer) = io::pipe()?;
    thread::Builder::new().name("wpool-input".into()).spawn(move || io::copy(&mut streams::stdin(), &mut writer))?;
    Ok(reader.into())
}

fn own_output() -> io::Result<(OwnedFd, Option<JoinHandle<io::Result<u64>>>)> {
    if is_pipe(&stdio::stdout()) {
        return Ok((stdio::stdout().try_clone_to_owned()?, None));
    }
    let (mut reader, writer) = io::pipe()?;
    let copy = move || io::copy(&mut reader, &mut streams::stdout());
    Ok((writer.into(), Some(thread::Builder::new().name("wpool-output".into()).spawn(copy)?)))
}
