//! Rows from files and standard input, read on a thread of their own.

pub mod check;
mod files;
mod lines;
mod occurrences;
pub mod spool;

use std::fs::File;
use std::io::{self, Read};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use futures_core::Stream;
use tokio::sync::mpsc;
use wpool::{Input, Supply};

use crate::cli::plan::RowFile;
use crate::cli::plan::{Source, is_stdin};
use crate::cli::records::kept::Sorter;
use crate::cli::records::out_dir::OutNames;
use lines::Splitter;
pub use occurrences::Occurrences;

/// Bytes asked for at a time, and so what a batch of rows is at most; one row may exceed it alone.
const BLOCK: usize = 256 << 10;
/// Batches that may wait between the reader and the pool. A long one counts for several.
const BATCHES: usize = 4;
/// Why rows are not read to their end when what an earlier run has left breaks under way.
const CANNOT_RESUME: &str = "cannot resume the earlier run: reading its rows stopped early";

/// A stream of rows, in the order of their source.
#[derive(Debug)]
pub struct Rows {
    batches: mpsc::Receiver<Vec<Supply>>,
    current: std::vec::IntoIter<Supply>,
    end: RowsEnd,
}

/// How a stream of rows ended.
#[derive(Clone, Debug, Default)]
pub struct RowsEnd {
    /// Why reading ended before the end of the files.
    failure: Arc<Mutex<Option<String>>>,
    /// Every row was taken from the stream.
    all: Arc<AtomicBool>,
}

impl RowsEnd {
    /// The reason, if any, why not all rows were read.
    pub fn failure(&self) -> Option<String> {
        self.lock().clone()
    }

    /// Whether the stream has come to its end.
    pub fn is_reached(&self) -> bool {
        self.all.load(Ordering::Acquire)
    }

    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        self.failure.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Rows {
    /// Starts reading. Every row takes the steps before it is given out.
    pub fn read(source: Source, steps: Steps) -> io::Result<Rows> {
        let (sender, batches) = mpsc::channel(BATCHES);
        let end = RowsEnd::default();
        let told = end.clone();
        let mut sink = Sink { batches: sender, steps, wanted: true };
        // Not joined: it may wait for a terminal for ever, and ends with the process.
        std::thread::Builder::new().name("wpool-rows".into()).spawn(move || {
            let why = match source {
                Source::Once => {
                    sink.send(vec![Input::new("").into()]);
                    None
                }
                Source::Files(paths) => {
                    files::read(&paths, &mut sink);
                    None
                }
                Source::Lines(files) => read_lines(&files, &mut sink).err(),
            };
            let ended = why.is_some() || sink.end();
            *told.lock() = why.or_else(|| (!ended).then(|| CANNOT_RESUME.to_owned()));
        })?;
        Ok(Rows { batches, current: Vec::new().into_iter(), end })
    }

    /// Says how the stream ended, once it has.
    pub fn end(&self) -> RowsEnd {
        self.end.clone()
    }
}

impl Stream for Rows {
    type Item = Supply;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Supply>> {
        loop {
            if let Some(row) = self.current.next() {
                return Poll::Ready(Some(row));
            }
            match self.batches.poll_recv(cx) {
                Poll::Ready(Some(batch)) => self.current = batch.into_iter(),
                Poll::Ready(None) => {
                    self.end.all.store(true, Ordering::Release);
                    return Poll::Ready(None);
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

/// What is done with each row where it is read, in this order.
#[derive(Debug, Default)]
pub struct Steps {
    /// Looks at it, when outputs become files.
    pub names: Option<OutNames>,
    /// Numbers it among those like it, where that makes a difference.
    pub occurrences: Option<Occurrences>,
    /// Keeps those that an earlier run has done.
    pub sorter: Option<Sorter>,
}

impl Steps {
    fn are_none(&self) -> bool {
        self.names.is_none() && self.occurrences.is_none() && self.sorter.is_none()
    }

    /// Takes the steps with each row by itself.
    fn take(&mut self, batch: Vec<Supply>, mut send: impl FnMut(Vec<Supply>) -> bool) -> bool {
        let mut rows: Vec<Input> = batch.into_iter().flat_map(Supply::into_inputs).collect();
        if let Some(names) = &mut self.names {
            rows = rows.into_iter().map(|row| names.admit(row)).collect();
        }
        if let Some(occurrences) = &mut self.occurrences {
            rows = rows.into_iter().map(|row| occurrences.number(row)).collect();
        }
        let mut send = |rows: Vec<Input>| send(rows.into_iter().map(Supply::One).collect());
        match &mut self.sorter {
            Some(sorter) => sorter.sort(rows, send),
            None => send(rows),
        }
    }
}

/// Where the reader puts rows.
struct Sink {
    batches: mpsc::Sender<Vec<Supply>>,
    steps: Steps,
    wanted: bool,
}

impl Sink {
    /// Hands rows over, waiting for room. False when nobody wants more.
    fn send(&mut self, batch: Vec<Supply>) -> bool {
        let batches = &self.batches;
        let send = |batch: Vec<Supply>| batch.is_empty() || send_all(batches, batch);
        self.wanted = if self.steps.are_none() { send(batch) } else { self.steps.take(batch, send) };
        self.wanted
    }

    /// Says that all rows were sent. False when what an earlier run has done cannot be used.
    fn end(&mut self) -> bool {
        match &mut self.steps.sorter {
            Some(sorter) if self.wanted => sorter.end(),
            _ => true,
        }
    }
}

/// Hands a batch over, waiting for room: a long one takes the room of several, because rows may be as long as all that
/// waits otherwise. Whoever takes batches passes over the empty ones that stand for its length.
fn send_all(batches: &mpsc::Sender<Vec<Supply>>, batch: Vec<Supply>) -> bool {
    let size = batch.iter().map(Supply::size).sum::<usize>();
    let more = (size / BLOCK).saturating_sub(1).min(BATCHES - 1);
    let mut all = std::iter::once(batch).chain(std::iter::repeat_n(Vec::new(), more));
    all.all(|batch| batches.blocking_send(batch).is_ok())
}

/// Reads files of rows, one after the other. An error is a sentence.
fn read_lines(files: &[RowFile], sink: &mut Sink) -> Result<(), String> {
    for (number, file) in files.iter().enumerate() {
        let mut splitter = Splitter::of(number as u64);
        let read = open(file).and_then(|reader| splitter.read(reader, |batch| sink.send(batch)));
        if !read.map_err(|error| format!("cannot read {}: {error}", file.display()))? {
            break;
        }
    }
    Ok(())
}

/// Counts the rows of a source whose files can be read twice, and gives `None` for any other.
pub fn count(source: &Source) -> io::Result<Option<u64>> {
    let files = match source {
        Source::Once => return Ok(Some(1)),
        Source::Files(paths) => return Ok(Some(paths.len() as u64)),
        Source::Lines(files) if files.iter().all(|file| !is_stdin(file) && file.is_file()) => files,
        Source::Lines(_) => return Ok(None),
    };
    let mut rows = 0;
    for file in files {
        Splitter::default().read(open(file)?, |batch| {
            rows += batch.iter().map(|supply| supply.len() as u64).sum::<u64>();
            true
        })?;
    }
    Ok(Some(rows))
}

/// Opens a file of rows, or standard input for `-`.
pub fn open(path: &RowFile) -> io::Result<Box<dyn Read>> {
    if is_stdin(path) {
        return Ok(Box::new(io::stdin()));
    }
    let file = File::open(&**path)?;
    path.check(&file)?;
    Ok(Box::new(file))
}
