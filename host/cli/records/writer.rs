//! Output on a thread of its own, so that a slow reader holds up the run and nothing else.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};
use wpool::bulk::Span;
use wpool::{Input, Status};

use crate::cli::errors::CannotWrite;
use crate::cli::guard::Guard;
use crate::cli::journal::{Appender, Error, Historian, Key, Ran, Record};
use crate::cli::records::out_dir::OutDir;
use crate::cli::records::pace::{Counted, Pace};
use crate::cli::streams::{self, SharedPipe};
use crate::cli::target::Target;
use crate::cli::terminal::Aside;

/// Pieces that may wait to be written.
const PIECES: usize = 4;
/// Bytes of lines that wait for files that follow them.
const FLUSH: usize = 16 << 10;

/// Lines, and the files that must be there before a line says so.
#[derive(Debug, Default)]
pub struct Piece {
    pub lines: Vec<u8>,
    /// The rows of the lines, for the journal.
    done: Vec<Done>,
    /// How many they are.
    rows: usize,
    files: Vec<OutFile>,
}

/// A row that is done.
#[derive(Debug)]
pub enum Done {
    /// Its key is made by the writer's thread, which has time for that.
    Now(Input, Status, Line),
    /// Rows that are ok, with their lines.
    Ok(Span, Vec<Line>),
    Before(Record),
}

/// The line of a row.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// Its bytes; 0 if none was written.
    pub length: u64,
    /// How the row ran, without its key.
    pub ran: Ran,
}

/// A file to be written before what follows `before` in the lines of its piece.
#[derive(Debug)]
struct OutFile {
    before: usize,
    dir: Arc<OutDir>,
    name: String,
    bytes: Bytes,
}

impl Piece {
    /// Adds a file, which is there before the lines that are added from now on.
    pub fn push_file(&mut self, dir: &Arc<OutDir>, name: String, bytes: &Bytes) {
        let (dir, bytes) = (dir.clone(), bytes.clone());
        self.files.push(OutFile { before: self.lines.len(), dir, name, bytes });
    }

    /// Adds a row whose line was added.
    pub fn add(&mut self, done: Done) {
        self.rows += 1;
        self.done.push(done);
    }

    /// Adds rows that are ok, with the lines that were added.
    pub fn add_span(&mut self, rows: Span, lines: Vec<Line>) {
        self.rows += rows.len();
        self.done.push(Done::Ok(rows, lines));
    }

    /// How many rows were added.
    pub fn rows(&self) -> usize {
        self.rows
    }

    fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.files.is_empty() && self.done.is_empty()
    }

    /// Writes files and lines in their order.
    fn write(self, sink: &mut Sink) -> Result<(), WriteEnd> {
        let (mut records, mut ran) = (Vec::with_capacity(self.rows), Vec::with_capacity(self.rows));
        match sink {
            Sink::Journal(..) => self.done.into_iter().for_each(|done| done.push_records(&mut records, &mut ran)),
            // No later run looks for their keys.
            Sink::Plain(..) => self.done.into_iter().for_each(|done| done.push_ran(&mut ran)),
        }
        let mut sent = Sent { lines: &self.lines, records: &records, written: 0, sink };
        for file in &self.files {
            if let Err(error) = file.dir.write(&file.name, &file.bytes) {
                // Records before the failure are told in any case.
                sent.up_to(file.before)?;
                return Err(WriteEnd::Failed(error));
            }
            if file.before - sent.written >= FLUSH {
                sent.up_to(file.before)?;
            }
        }
        sent.up_to(self.lines.len())?;
        sink.note(ran)
    }
}

impl Done {
    fn push_records(self, records: &mut Vec<Record>, ran: &mut Vec<Ran>) {
        let mut now = |key, status, line: Line| {
            records.push(Record { key, status, length: line.length, occurrence: 0 });
            ran.push(line.ran.of(key));
        };
        match self {
            Done::Now(row, status, line) => now(Key::of(&row), status, line),
            Done::Ok(rows, lines) => {
                rows.iter().zip(lines).for_each(|((row, _), line)| now(Key::of_plain(row), Status::Ok, line));
            }
            Done::Before(record) => records.push(record),
        }
    }

    fn push_ran(self, ran: &mut Vec<Ran>) {
        match self {
            Done::Now(_, _, line) => ran.push(line.ran),
            Done::Ok(_, lines) => ran.extend(lines.iter().map(|line| line.ran)),
            Done::Before(_) => {}
        }
    }
}

/// The part of a piece that is left to write.
struct Sent<'a> {
    lines: &'a [u8],
    records: &'a [Record],
    written: usize,
    sink: &'a mut Sink,
}

impl Sent<'_> {
    /// Writes the lines up to an end of one, with the records of their rows.
    fn up_to(&mut self, end: usize) -> Result<(), WriteEnd> {
        let lines = &self.lines[self.written..end];
        let mut left = lines.len() as u64;
        let last = end == self.lines.len();
        let fits = |record: &&Record| {
            let fits = last || record.length <= left;
            left = left.saturating_sub(record.length);
            fits
        };
        let count = self.records.iter().take_while(fits).count();
        let (records, rest) = self.records.split_at(count);
        (self.records, self.written) = (rest, end);
        self.sink.write(lines, records)
    }
}

/// Where lines end up.
enum Sink {
    /// The file of a run without a journal, with the history that reports are made from.
    Plain(String, Box<dyn Write + Send>, Guard, Option<Historian>),
    /// A file with a journal, once it is there.
    Journal(Handover, Option<Box<Appender>>, Pace),
}

impl Sink {
    fn write(&mut self, lines: &[u8], records: &[Record]) -> Result<(), WriteEnd> {
        match self {
            Sink::Plain(name, sink, guard, _) => {
                sink.write_all(&guard.apply(lines)).and_then(|()| sink.flush()).map_err(|source| match source.kind() {
                    io::ErrorKind::BrokenPipe => WriteEnd::Closed,
                    _ => WriteEnd::Failed(CannotWrite { path: name.clone(), source }),
                })
            }
            Sink::Journal(handover, appender, pace) => {
                if appender.is_none() {
                    *appender = handover.take().map(Box::new);
                }
                let appender = appender.as_mut().expect("it is handed over before the first line");
                appender.append(lines, records).map_err(failed)?;
                pace.wrote(lines);
                Ok(())
            }
        }
    }

    /// Notes how long rows took.
    fn note(&mut self, ran: Vec<Ran>) -> Result<(), WriteEnd> {
        match self {
            Sink::Journal(_, Some(appender), _) if !ran.is_empty() => appender.note(ran).map_err(failed),
            Sink::Plain(.., Some(historian)) if !ran.is_empty() => historian.add(ran).map_err(failed),
            _ => Ok(()),
        }
    }

    /// In how long something has to be synced.
    fn due(&self) -> Option<std::time::Duration> {
        match self {
            Sink::Journal(_, Some(appender), _) => appender.due(),
            _ => None,
        }
    }

    fn sync(&mut self) -> Result<(), WriteEnd> {
        match self {
            Sink::Journal(_, Some(appender), _) => appender.sync().map_err(failed),
            _ => Ok(()),
        }
    }

    /// Writes pieces until there are no more.
    async fn serve(mut self, mut pieces: mpsc::Receiver<Piece>) -> Result<(), WriteEnd> {
        loop {
            let piece = match self.due() {
                Some(time) if time.is_zero() => {
                    self.sync()?;
                    continue;
                }
                Some(time) => match tokio::time::timeout(time, pieces.recv()).await {
                    Ok(piece) => piece,
                    Err(_) => continue,
                },
                None => pieces.recv().await,
            };
            match piece {
                Some(piece) => piece.write(&mut self)?,
                None if self.due().is_some() => return self.sync(),
                None => return Ok(()),
            }
        }
    }
}

fn failed(error: Error) -> WriteEnd {
    match error {
        Error::Io { path, source } => WriteEnd::Failed(CannotWrite { path: path.display().to_string(), source }),
        other => WriteEnd::Failed(CannotWrite { path: "the journal".into(), source: io::Error::other(other) }),
    }
}

/// Brings what writes a file to its writer, which may have begun before.
#[derive(Clone, Debug, Default)]
pub struct Handover(Arc<Mutex<Option<Appender>>>);

impl Handover {
    pub fn give(&self, appender: Appender) {
        *self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(appender);
    }

    fn take(&self) -> Option<Appender> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take()
    }
}

/// Where a run's lines go.
#[derive(Debug)]
pub struct Writer {
    name: String,
    pieces: mpsc::Sender<Piece>,
    ended: oneshot::Receiver<Result<(), WriteEnd>>,
    pace: Pace,
}

/// How writing ended before its end.
#[derive(Debug)]
pub enum WriteEnd {
    /// The reader has seen enough.
    Closed,
    Failed(CannotWrite),
    /// The reader took nothing any more, and the run was to end at once.
    Stuck {
        name: String,
        lines: u64,
    },
}

impl Writer {
    /// Writes standard output, and the history for reports, if there is one. The lines are JSON or text.
    pub fn stdout(lines: Guard, history: Option<Historian>) -> io::Result<Writer> {
        let (stdout, guard) = (streams::stdout(), Guard::of_stdout(lines));
        let sink: Box<dyn Write + Send> = match () {
            // Progress may be drawn on the same.
            () if io::stdout().is_terminal() => Box::new(Aside(stdout)),
            () if stdout.is_pipe() => Box::new(SharedPipe(stdout)),
            () => Box::new(stdout),
        };
        Writer::start("standard output".into(), sink, guard, history)
    }

    /// Writes a file from its beginning, and the history for reports, if there is one. The lines are JSON or text.
    pub fn to(target: &Target, lines: Guard, history: Option<Historian>) -> Result<Writer, CannotWrite> {
        let (path, guard) = (target.path(), target.guard(lines));
        let sink = Box::new(target.open()?);
        Writer::start(path.display().to_string(), sink, guard, history).map_err(CannotWrite::at(path))
    }

    /// Writes a file and its journal with what will be handed over.
    pub fn journal(path: &Path, handover: Handover) -> io::Result<Writer> {
        let pace = Pace::default();
        Writer::serve(path.display().to_string(), Sink::Journal(handover, None, pace.clone()), pace)
    }

    fn start(
        name: String,
        sink: Box<dyn Write + Send>,
        guard: Guard,
        history: Option<Historian>,
    ) -> io::Result<Writer> {
        let pace = Pace::default();
        let sink = Box::new(Counted { sink, pace: pace.clone() });
        Writer::serve(name.clone(), Sink::Plain(name, sink, guard, history), pace)
    }

    fn serve(name: String, sink: Sink, pace: Pace) -> io::Result<Writer> {
        let (pieces, incoming) = mpsc::channel::<Piece>(PIECES);
        let (end, ended) = oneshot::channel();
        let thread = std::thread::Builder::new().name("wpool-writer".into());
        let path = name.clone();
        thread.spawn(move || {
            // Made here: where no thread can be started, it could not be dropped. Only `--durable` needs the time.
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
            let cannot = |source| WriteEnd::Failed(CannotWrite { path, source });
            let _ = end.send(runtime.map_err(cannot).and_then(|runtime| runtime.block_on(sink.serve(incoming))));
        })?;
        Ok(Writer { name, pieces, ended, pace })
    }

    /// How far it is.
    pub fn pace(&self) -> &Pace {
        &self.pace
    }

    /// Hands a piece over, waiting for room. False when the writer has ended; [`Writer::finish`] says why.
    pub async fn write(&self, piece: Piece) -> bool {
        piece.is_empty() || self.pieces.send(piece).await.is_ok()
    }

    /// Waits until everything is written, or, once the run is forced to end, until the reader takes nothing any more.
    pub async fn finish(self, forced: watch::Receiver<bool>) -> Result<(), WriteEnd> {
        let Writer { name, pieces, ended, pace } = self;
        drop(pieces);
        tokio::select! {
            biased;
            end = ended => end.unwrap_or_else(|_| {
                let source = io::Error::other("the writer broke");
                Err(WriteEnd::Failed(CannotWrite { path: name, source }))
            }),
            () = pace.stuck(forced) => Err(WriteEnd::Stuck { lines: pace.left(), name }),
        }
    }
}
