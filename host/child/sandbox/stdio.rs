//! The standard streams of a task, in memory.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::pipe::MemoryInputPipe;
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

use super::guard::Stopped;
use super::texts;
use crate::model::limits::Limits;
use crate::model::lock::lock;
use crate::protocol::page::{MAX_NOTE, SharedPage};

/// Bytes a guest may write at a time: the size that wasmtime recommends.
const PERMIT: usize = 64 << 10;

/// Most bytes that are kept of an output over its limit: as many as of every other text of a task that is not ok.
const MOST_OF_A_FLOOD: usize = texts::MOST;

/// The streams of one task.
#[derive(Clone, Debug)]
pub(super) struct Stdio {
    pub input: MemoryInputPipe,
    /// A command's output. Other conventions print for people only: stdout is then like stderr.
    pub output: Stream,
    pub diagnostics: Stream,
}

impl Stdio {
    /// Streams for a command.
    pub fn command(row: Bytes, limits: &Limits, page: &Arc<SharedPage>) -> Stdio {
        let output = Stream::new(Capture::All { bytes: Vec::new(), limit: limits.output as usize, exceeded: false });
        Stdio { input: MemoryInputPipe::new(row), output, diagnostics: Stream::diagnostics(limits, page) }
    }

    /// Streams for a program whose input and output go another way.
    pub fn silent(limits: &Limits, page: &Arc<SharedPage>) -> Stdio {
        let diagnostics = Stream::diagnostics(limits, page);
        Stdio { input: MemoryInputPipe::new(Bytes::new()), output: diagnostics.clone(), diagnostics }
    }

    /// Clears the streams when the guest's next task begins. A command never has a next task.
    pub fn clear(&self, limits: &Limits) {
        let mut diagnostics = self.diagnostics.lock();
        if let Capture::Ends { note, .. } = &*diagnostics {
            *diagnostics = Capture::ends(limits, note.page.clone());
        }
    }

    /// A command's output, and whether it wanted to write more than it may. The output then has its ends alone.
    pub fn take_output(&self) -> (Vec<u8>, bool) {
        match &mut *self.output.lock() {
            Capture::All { bytes, exceeded, .. } => (std::mem::take(bytes), *exceeded),
            Capture::Ends { .. } => (Vec::new(), false),
        }
    }

    /// The task's stderr, if it wrote any, with a mark where the middle was dropped.
    pub fn stderr(&self) -> Option<String> {
        match &*self.diagnostics.lock() {
            Capture::Ends { head, tail, dropped, .. } if !head.is_empty() => {
                let mut bytes = head.clone();
                if *dropped > 0 {
                    bytes.extend_from_slice(texts::mark(*dropped as usize).as_bytes());
                }
                bytes.extend(tail);
                Some(String::from_utf8_lossy(&bytes).into_owned())
            }
            _ => None,
        }
    }
}

/// The text that `init` prints, while it runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Printed(Arc<OnceLock<Stdio>>);

impl Printed {
    pub(super) fn follow(&self, stdio: &Stdio) {
        // There is one `init` in the life of a process that is asked for this.
        let _ = self.0.set(stdio.clone());
    }

    pub fn text(&self) -> Option<String> {
        self.0.get()?.stderr()
    }
}

/// A stream that a guest writes to.
#[derive(Clone, Debug)]
pub(super) struct Stream(Arc<Mutex<Capture>>);

#[derive(Debug)]
enum Capture {
    /// Everything up to a limit. A guest that writes more is stopped, and the ends of what it wrote are kept.
    All { bytes: Vec<u8>, limit: usize, exceeded: bool },
    /// The beginning and the end. The guest never notices the gap.
    Ends { head: Vec<u8>, tail: VecDeque<u8>, half: usize, dropped: u64, note: Note },
}

/// Shows the host the last line while the task runs.
#[derive(Debug)]
struct Note {
    page: Arc<SharedPage>,
    line: Vec<u8>,
    /// The next byte begins a new line.
    ended: bool,
}

impl Note {
    fn write(&mut self, new: &[u8]) {
        if self.add(new) {
            self.page.set_note(&self.line);
        }
    }

    /// Adds output. Returns whether the last line is now another one. A carriage return ends a line, too: progress bars
    /// use it.
    fn add(&mut self, new: &[u8]) -> bool {
        let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
        let end = new.iter().rposition(|byte| !is_end(byte)).map_or(0, |last| last + 1);
        let begin = memchr::memrchr2(b'\n', b'\r', &new[..end]).map(|at| at + 1);
        if end > 0 {
            if begin.is_some() || self.ended {
                self.line.clear();
            }
            let line = &new[begin.unwrap_or(0)..end];
            self.line.extend_from_slice(&line[..line.len().min(MAX_NOTE - self.line.len())]);
        }
        self.ended = new.last().map_or(self.ended, is_end);
        end > 0
    }
}

impl Stream {
    fn new(capture: Capture) -> Self {
        Stream(Arc::new(Mutex::new(capture)))
    }

    fn diagnostics(limits: &Limits, page: &Arc<SharedPage>) -> Self {
        Stream::new(Capture::ends(limits, page.clone()))
    }

    fn lock(&self) -> MutexGuard<'_, Capture> {
        lock(&self.0)
    }

    /// Adds diagnostics, which have no limit that a guest could notice.
    pub fn print(&self, text: &[u8]) {
        let _ = self.lock().write(text);
    }
}

impl Capture {
    /// An empty stream, for a task that begins.
    fn ends(limits: &Limits, page: Arc<SharedPage>) -> Self {
        page.clear_note();
        let note = Note { page, line: Vec::new(), ended: false };
        Capture::Ends { head: Vec::new(), tail: VecDeque::new(), half: (limits.stderr / 2) as usize, dropped: 0, note }
    }

    fn write(&mut self, new: &[u8]) -> Result<(), Stopped> {
        match self {
            Capture::All { bytes, limit, exceeded } => {
                if *exceeded {
                    return Err(Stopped::Output);
                }
                bytes.extend_from_slice(new);
                if bytes.len() > *limit {
                    *exceeded = true;
                    *bytes = texts::ends_of(bytes, MOST_OF_A_FLOOD.min(*limit));
                    return Err(Stopped::Output);
                }
            }
            Capture::Ends { head, tail, half, dropped, note } => {
                note.write(new);
                let (first, rest) = new.split_at(new.len().min(*half - head.len()));
                head.extend_from_slice(first);
                tail.extend(rest);
                let excess = tail.len().saturating_sub(*half);
                tail.drain(..excess);
                *dropped += excess as u64;
            }
        }
        Ok(())
    }
}

impl OutputStream for Stream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.lock().write(&bytes).map_err(|stopped| StreamError::Trap(stopped.into()))
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(PERMIT)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Stream {
    async fn ready(&mut self) {}
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Poll::Ready(self.lock().write(bytes).map(|()| bytes.len()).map_err(std::io::Error::other))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl IsTerminal for Stream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Stream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_the_last_that_has_anything_in_it() {
        for (writes, expected) in [
            (&["one"][..], "one"),
            (&["one\ntwo"], "two"),
            (&["one\ntwo\n", "\n", "\r\n"], "two"),
            (&["fif", "ty", " %"], "fifty %"),
            (&["10 %\r", "20 %\r", "3", "0 %"], "30 %"),
            (&["a\n", "b"], "b"),
            (&["a", "\nb\nc"], "c"),
        ] {
            let (page, _) = SharedPage::create().unwrap();
            let mut note = Note { page: Arc::new(page), line: Vec::new(), ended: false };
            writes.iter().for_each(|text| note.write(text.as_bytes()));
            assert_eq!(note.page.note(), expected, "{writes:?}");
        }
        let (page, _) = SharedPage::create().unwrap();
        let mut note = Note { page: Arc::new(page), line: Vec::new(), ended: false };
        (0..100).for_each(|_| note.write(b"no end "));
        assert_eq!(note.line.len(), MAX_NOTE);
    }
}
