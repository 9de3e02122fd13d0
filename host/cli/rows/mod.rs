//! Rows from files and standard input, read on a thread of their own.

pub mod check;
mod chosen;
mod cutter;
mod elements;
mod files;
pub mod first;
pub mod forecast;
mod lines;
mod made;
mod occurrences;
mod packed;
mod records;
mod sharder;
mod sink;
pub mod spool;

use std::fs::File;
use std::io::{self, Read};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use futures_core::Stream;
use tokio::sync::mpsc;
use wpool::Input;
use wpool::bulk::Supply;

use crate::cli::descriptor::is_stdin;
use crate::cli::plan::{Layout, RowFile, Source};
use crate::cli::shard::{Cut, content};
use crate::cli::streams;
pub use chosen::Naming;
use cutter::{Cutter, Failure, Take, cut};
use elements::Elements;
use lines::Splitter;
pub use occurrences::Occurrences;
use records::Records;
pub use sharder::{Sharder, Whole};
pub use sink::Steps;
use sink::{BATCHES, Sink};

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
    failure: Arc<Mutex<Option<Failure>>>,
    /// Every row was taken from the stream.
    all: Arc<AtomicBool>,
}

impl RowsEnd {
    /// The reason, if any, why not all rows were read.
    pub fn failure(&self) -> Option<Failure> {
        self.lock().clone()
    }

    /// Whether the stream has come to its end.
    pub fn is_reached(&self) -> bool {
        self.all.load(Ordering::Acquire)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Failure>> {
        self.failure.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Rows {
    /// Starts reading. Every row takes the steps before it is given out.
    pub fn read(source: Source, steps: Steps) -> io::Result<Rows> {
        let (sender, batches) = mpsc::channel(BATCHES);
        let end = RowsEnd::default();
        let told = end.clone();
        let mut sink = Sink::new(sender, steps);
        // Not joined: it may wait for a terminal without end, and ends with the process.
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
            *told.lock() = why.or_else(|| sink.end().err().map(Failure::new));
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

/// Reads files of rows, one after the other.
fn read_lines(files: &[RowFile], sink: &mut Sink) -> Result<(), Failure> {
    for (file, number) in files.iter().zip(0..) {
        if !read(file, number, &mut |batch| sink.send(batch))? {
            break;
        }
    }
    Ok(())
}

/// Reads a file of rows, which may be compressed. False when nobody wants more.
fn read(file: &RowFile, number: u64, take: &mut Take<'_>) -> Result<bool, Failure> {
    let name = file.display();
    let reader = open(file).and_then(packed::unpacked).map_err(|error| Failure::of(&name, &error))?;
    let mut cutter: Box<dyn Cutter> = match &file.layout {
        Layout::Lines => Box::new(Splitter::of(number)),
        Layout::Table(table) => Box::new(Records::of(number, table.clone())),
        Layout::Array => Box::new(Elements::of(number)),
    };
    cut(&name, reader, &mut *cutter, take)
}

/// Counts the rows of a source whose files can be read twice, or those of a shard, and gives `None` for any other source.
pub fn count(source: &Source, cut: Option<&Cut>) -> Result<Option<u64>, Failure> {
    let files = match source {
        Source::Once => return Ok(Some(1)),
        Source::Files(paths) => return Ok(Some(count_files(paths, cut))),
        Source::Lines(files) if files.iter().all(|file| !is_stdin(file) && file.is_file()) => files,
        Source::Lines(_) => return Ok(None),
    };
    let by_content = cut.filter(|cut| cut.len(0).is_none());
    let (mut rows, mut own) = (0, 0);
    for file in files {
        read(file, 0, &mut |batch| {
            rows += batch.iter().map(|supply| supply.len() as u64).sum::<u64>();
            own += by_content.map_or(0, |cut| batch.iter().map(|supply| count_own(supply, cut)).sum());
            true
        })?;
    }
    Ok(Some(cut.map_or(rows, |cut| cut.len(rows).unwrap_or(own))))
}

fn count_files(paths: &[RowFile], cut: Option<&Cut>) -> u64 {
    let is_own = |path: &RowFile, at| cut.is_none_or(|cut| cut.has(at, path.name().0.as_bytes()));
    paths.iter().zip(0..).filter(|(path, at)| is_own(path, *at)).count() as u64
}

/// Rows of a shard among some, which are dealt by content.
fn count_own(supply: &Supply, cut: &Cut) -> u64 {
    match supply {
        Supply::One(row) => u64::from(cut.has(0, content(row))),
        Supply::Many(span) => span.iter().filter(|(row, _)| cut.has(0, row)).count() as u64,
    }
}

/// Opens a file of rows as it is, or standard input for `-`.
pub fn open(path: &RowFile) -> io::Result<Box<dyn Read>> {
    if is_stdin(path) {
        return Ok(Box::new(streams::stdin()));
    }
    let file = File::open(&**path)?;
    path.check(&file)?;
    Ok(Box::new(file))
}
