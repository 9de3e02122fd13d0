//! The standard streams. Another program may have left them non-blocking, as node, ssh and asyncio do: a stream that is not
//! ready is waited for, like any other.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::FileType;
use rustix::io::Errno;
use rustix::stdio;

/// A write of at most so many bytes to a pipe is never mixed with those of others (`PIPE_BUF` of pipe(7) on Linux).
const PIPE_BUF: usize = 4096;

/// One of the standard streams, without a buffer.
#[derive(Clone, Copy, Debug)]
pub struct Stream(BorrowedFd<'static>);

pub fn stdin() -> Stream {
    Stream(stdio::stdin())
}

pub fn stdout() -> Stream {
    Stream(stdio::stdout())
}

pub fn stderr() -> Stream {
    Stream(stdio::stderr())
}

impl Stream {
    /// Waits until the stream is ready, or gone, which the next call then says.
    fn wait(self, ready: PollFlags) -> io::Result<()> {
        let mut fds = [PollFd::new(&self.0, ready)];
        match poll(&mut fds, None) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Calls the system again as long as the stream is not ready.
    fn until_ready(self, ready: PollFlags, call: impl Fn(Stream) -> rustix::io::Result<usize>) -> io::Result<usize> {
        loop {
            match call(self) {
                Err(Errno::AGAIN) => self.wait(ready)?,
                Err(Errno::INTR) => {}
                result => return Ok(result?),
            }
        }
    }

    pub fn is_pipe(self) -> bool {
        self.is(FileType::Fifo)
    }

    pub fn is_file(self) -> bool {
        self.is(FileType::RegularFile)
    }

    fn is(self, kind: FileType) -> bool {
        let stat = rustix::fs::fstat(self.0);
        stat.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == kind)
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // Length first: the closure borrows the buffer anew for each call.
        let buffer = std::cell::RefCell::new(buffer);
        self.until_ready(PollFlags::IN, |stream| rustix::io::read(stream.0, &mut **buffer.borrow_mut()))
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.until_ready(PollFlags::OUT, |stream| rustix::io::write(stream.0, bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A pipe that others may write lines to as well: lines are written whole as far as the kernel allows.
#[derive(Clone, Copy, Debug)]
pub struct SharedPipe(pub Stream);

impl Write for SharedPipe {
    /// Writes at most the lines that one write of the system takes whole. A longer line is written by itself.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(&bytes[..whole_lines(bytes)])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Length of the lines at the beginning that fit into [`PIPE_BUF`] together, or of the first line if it does not.
pub fn whole_lines(bytes: &[u8]) -> usize {
    if bytes.len() <= PIPE_BUF {
        return bytes.len();
    }
    match memchr::memrchr(b'\n', &bytes[..PIPE_BUF]) {
        Some(end) => end + 1,
        None => memchr::memchr(b'\n', bytes).map_or(bytes.len(), |end| end + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_fit_go_together_and_a_long_line_alone() {
        assert_eq!(whole_lines(b"a\nb"), 3);
        let lines = "1234567\n".repeat(1_000);
        assert_eq!(whole_lines(lines.as_bytes()), PIPE_BUF);
        let uneven = "123456789\n".repeat(1_000);
        assert_eq!(whole_lines(uneven.as_bytes()), 4_090);
        let long = format!("{}\nnext\n", "x".repeat(2 * PIPE_BUF));
        assert_eq!(whole_lines(long.as_bytes()), 2 * PIPE_BUF + 1);
        assert_eq!(whole_lines(&long.as_bytes()[..2 * PIPE_BUF]), 2 * PIPE_BUF);
    }
}
