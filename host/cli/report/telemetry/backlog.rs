//! Lines on their way to a reader, who may be slow, stopped or gone. Nobody waits for that reader until the run is over.

use std::fs::File;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use wpool::place::{Found, Kind};

use crate::cli::errors::CannotWrite;
use crate::cli::guard::Guard;
use crate::cli::report::telemetry::lines::Line;
use crate::cli::say;
use crate::cli::streams::whole_lines;
use crate::cli::target::Target;

/// Bytes of lines that may wait. As many are being written at the same time.
const MOST: usize = 8 << 20;
/// Bytes that are written at a time.
const PIECE: usize = 256 << 10;
/// At the end of a run, a reader who takes nothing for so long is not waited for, and no reader for much longer.
const STUCK: Duration = Duration::from_secs(2);
const LONGEST_END: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
struct State {
    lines: Vec<u8>,
    /// Events that found no room since the last that did.
    missed: u64,
    /// Bytes that the reader has taken.
    taken: u64,
    /// There will be no more lines.
    is_last: bool,
    /// Everything is written, or nothing more can be.
    is_over: bool,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    filled: Condvar,
    over: Condvar,
}

/// Lines that wait for a thread which writes them.
#[derive(Clone, Debug)]
pub struct Backlog {
    shared: Arc<Shared>,
    began: Instant,
    shown: String,
}

impl Backlog {
    /// Opens a target, and writes to it from now on. A pipe with a name is waited for until somebody reads it, as well.
    pub fn start(target: Target, began: Instant) -> Result<Backlog, CannotWrite> {
        let shared = Arc::<Shared>::default();
        let shown = target.path().display().to_string();
        let open = (!target.waits()).then(|| target.open()).transpose()?;
        let writer = Writer { shared: shared.clone(), shown: shown.clone(), guard: target.guard(Guard::Json) };
        let started = thread::Builder::new().name("wpool-events".into()).spawn(move || writer.serve(&target, open));
        started.map_err(|source| CannotWrite { path: shown.clone(), source })?;
        Ok(Backlog { shared, began, shown })
    }

    /// Adds lines, or counts them as missed where they find no room.
    pub fn add(&self, lines: &[u8], count: u64) {
        let mut state = self.shared.lock();
        if state.is_over {
            return;
        }
        if state.lines.len() + lines.len() > MOST {
            state.missed += count;
            return;
        }
        self.append(&mut state, lines);
    }

    /// Adds the last line, for which there is always room, and waits for the reader as long as that reader reads.
    pub fn end(&self, line: &[u8]) {
        let mut state = self.shared.lock();
        if !state.is_over {
            self.append(&mut state, line);
        }
        state.is_last = true;
        self.shared.filled.notify_one();
        let (began, mut taken) = (Instant::now(), state.taken);
        while !state.is_over {
            let (now, waited) =
                self.shared.over.wait_timeout(state, STUCK).unwrap_or_else(|poisoned| poisoned.into_inner());
            state = now;
            let is_stuck = state.taken == taken || began.elapsed() > LONGEST_END;
            if waited.timed_out() && is_stuck && !state.is_over {
                state.is_over = true;
                say(format_args!("nobody reads the events in {}; the last of them are missing", self.shown));
            }
            taken = state.taken;
        }
    }

    fn append(&self, state: &mut State, lines: &[u8]) {
        let is_first = state.lines.is_empty();
        let missed = std::mem::take(&mut state.missed);
        if missed > 0 {
            Line::Missed { count: missed }.push(self.began.elapsed(), &mut state.lines);
        }
        state.lines.extend_from_slice(lines);
        if is_first {
            self.shared.filled.notify_one();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Waits for lines, and takes them all into an empty buffer. False if there will be none.
    fn take(&self, lines: &mut Vec<u8>) -> bool {
        lines.clear();
        let mut state = self.lock();
        while state.lines.is_empty() && !state.is_last {
            state = self.filled.wait(state).unwrap_or_else(|poisoned| poisoned.into_inner());
        }
        std::mem::swap(lines, &mut state.lines);
        !lines.is_empty()
    }
}

/// The side of the reader, a thread of its own.
struct Writer {
    shared: Arc<Shared>,
    shown: String,
    guard: Guard,
}

impl Writer {
    fn serve(&self, target: &Target, open: Option<File>) {
        let written =
            open.map_or_else(|| target.open().map_err(|error| error.source), Ok).and_then(|file| self.copy(&file));
        let mut state = self.shared.lock();
        state.lines = Vec::new();
        // At its end the run may have given up waiting, and said so.
        let was_over = std::mem::replace(&mut state.is_over, true);
        self.shared.over.notify_one();
        drop(state);
        match written {
            Err(_) if was_over => {}
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                say(format_args!("nobody reads the events in {} any more; the run continues without them", self.shown));
            }
            Err(error) => {
                say(format_args!("cannot write the events to {}: {error}; the run continues without them", self.shown));
            }
            Ok(()) => {}
        }
    }

    /// Writes all lines that there will be. Those in a pipe stay whole, as far as the kernel allows.
    fn copy(&self, mut file: &File) -> io::Result<()> {
        let is_pipe = Found::of_file(file)?.kind == Kind::Pipe;
        let mut lines = Vec::new();
        while self.shared.take(&mut lines) {
            let lines = self.guard.apply(&lines);
            let mut rest = &lines[..];
            while !rest.is_empty() {
                let length = if is_pipe { whole_lines(rest) } else { rest.len().min(PIECE) };
                match file.write(&rest[..length]) {
                    Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                    Ok(written) => {
                        rest = &rest[written..];
                        self.shared.lock().taken += written as u64;
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => wait(file)?,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }
}

/// Waits until a file that somebody has left non-blocking takes something.
fn wait(file: &File) -> io::Result<()> {
    match poll(&mut [PollFd::new(file, PollFlags::OUT)], None) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, PipeReader};
    use std::os::fd::AsRawFd;
    use std::path::Path;

    use super::*;

    /// A backlog that is written to a pipe, and its other end.
    fn piped() -> (Backlog, PipeReader) {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        // As one that the process was started with.
        let inherited = rustix::io::dup(&writer).expect("a copy");
        let target = Target::of(Path::new(&format!("/dev/fd/{}", inherited.as_raw_fd())), true).expect("a target");
        (Backlog::start(target, Instant::now()).expect("a start"), reader)
    }

    #[test]
    fn what_finds_no_room_is_counted_and_the_last_line_always_comes() {
        let (backlog, reader) = piped();
        let line = [vec![b'x'; 999], b"\n".to_vec()].concat();
        let count = 3 * MOST as u64 / 1_000;
        // Nobody reads, and nobody waits for it.
        (0..count).for_each(|_| backlog.add(&line, 1));
        let reading = thread::spawn(move || BufReader::new(reader).lines().map_while(Result::ok).collect::<Vec<_>>());
        backlog.end(b"last\n");
        let lines = reading.join().expect("no panic");
        let come = lines.iter().filter(|line| line.starts_with('x')).count() as u64;
        let [.., missed, last] = &lines[..] else { panic!("{} lines", lines.len()) };
        let missed: serde_json::Value = serde_json::from_str(missed).expect("JSON");
        assert_eq!((&missed["event"], last.as_str()), (&"missed".into(), "last"));
        assert_eq!(missed["count"].as_u64(), Some(count - come));
    }

    #[test]
    fn a_reader_who_has_left_ends_the_writing_and_nothing_else() {
        let (backlog, reader) = piped();
        drop(reader);
        while !backlog.shared.lock().is_over {
            backlog.add(b"line\n", 1);
            thread::yield_now();
        }
        backlog.add(b"line\n", 1);
        backlog.end(b"last\n");
        assert!(backlog.shared.lock().lines.is_empty());
    }
}
