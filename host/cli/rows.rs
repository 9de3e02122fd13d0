//! Rows from files and standard input, read on a thread of their own.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::BytesMut;
use futures_core::Stream;
use tokio::sync::mpsc;
use wpool::limits::MAX_INPUT;
use wpool::{Input, Rejected};

use super::plan::is_stdin;

/// Bytes asked for at a time, and so what a batch of rows is at most.
const BLOCK: usize = 256 << 10;
/// Batches that may wait between the reader and the pool.
const BATCHES: usize = 4;
/// Bits of a tag for the line; the rest is the number of the file.
const LINE_BITS: u32 = 48;

/// A stream of rows, in the order of the files.
#[derive(Debug)]
pub struct Rows {
    batches: mpsc::Receiver<Vec<Input>>,
    current: std::vec::IntoIter<Input>,
    failure: Failure,
}

/// Why reading ended before the end of the files.
type Failure = Arc<Mutex<Option<String>>>;

/// Says where a row stands, from its tag.
#[derive(Clone, Debug)]
pub struct Locator(Vec<String>);

impl Locator {
    pub fn new(files: &[PathBuf]) -> Self {
        Locator(
            files
                .iter()
                .map(|file| if is_stdin(file) { "<stdin>".into() } else { file.display().to_string() })
                .collect(),
        )
    }

    /// `FILE:LINE`, when the row comes from a file.
    pub fn locate(&self, tag: u64) -> Option<String> {
        let file = self.0.get((tag >> LINE_BITS) as usize)?;
        Some(format!("{file}:{}", tag & ((1 << LINE_BITS) - 1)))
    }
}

impl Rows {
    /// Starts reading.
    pub fn read(files: Vec<PathBuf>) -> io::Result<Rows> {
        let (sender, batches) = mpsc::channel(BATCHES);
        let failure = Failure::default();
        let told = failure.clone();
        // Not joined: it may wait for a terminal for ever, and ends with the process.
        std::thread::Builder::new().name("wpool-rows".into()).spawn(move || {
            for (number, file) in files.iter().enumerate() {
                let mut splitter = Splitter { file: number as u64, ..Splitter::default() };
                match open(file).and_then(|reader| splitter.read(reader, &sender)) {
                    Ok(true) => {}
                    Ok(false) => return,
                    Err(error) => {
                        let why = format!("cannot read {}: {error}", file.display());
                        told.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).get_or_insert(why);
                        return;
                    }
                }
            }
        })?;
        Ok(Rows { batches, current: Vec::new().into_iter(), failure })
    }

    /// Gives the reason, if any, why not all rows were read, once the stream has ended.
    pub fn failure(&self) -> impl Fn() -> Option<String> + use<> {
        let failure = self.failure.clone();
        move || failure.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }
}

impl Stream for Rows {
    type Item = Input;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Input>> {
        loop {
            if let Some(row) = self.current.next() {
                return Poll::Ready(Some(row));
            }
            match self.batches.poll_recv(cx) {
                Poll::Ready(Some(batch)) => self.current = batch.into_iter(),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

fn open(path: &Path) -> io::Result<Box<dyn Read>> {
    if is_stdin(path) { Ok(Box::new(io::stdin())) } else { Ok(Box::new(File::open(path)?)) }
}

/// Cuts one file into rows.
#[derive(Debug, Default)]
struct Splitter {
    file: u64,
    line: u64,
    /// The beginning of a row whose end has not been read.
    rest: BytesMut,
    /// The current line is too long, and its rest is being passed over.
    skipping: bool,
    begun: bool,
}

impl Splitter {
    /// Reads to the end. False when nobody wants more.
    fn read(&mut self, mut reader: impl Read, rows: &mpsc::Sender<Vec<Input>>) -> io::Result<bool> {
        let mut block = vec![0; BLOCK];
        loop {
            let count = match reader.read(&mut block) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let batch = if count == 0 { self.end() } else { self.add(&block[..count]) };
            if !batch.is_empty() && rows.blocking_send(batch).is_err() {
                return Ok(false);
            }
            if count == 0 {
                return Ok(true);
            }
        }
    }

    /// Takes a block and gives the rows that end in it.
    fn add(&mut self, mut block: &[u8]) -> Vec<Input> {
        let mut batch = Vec::new();
        if self.skipping {
            let Some(end) = memchr::memchr(b'\n', block) else { return batch };
            self.skipping = false;
            block = &block[end + 1..];
        }
        let Some(last) = memchr::memrchr(b'\n', block) else {
            self.keep(block, &mut batch);
            return batch;
        };
        self.rest.extend_from_slice(&block[..=last]);
        let whole = self.rest.split().freeze();
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', &whole) {
            self.row(whole.slice(start..end), &mut batch);
            start = end + 1;
        }
        self.keep(&block[last + 1..], &mut batch);
        batch
    }

    /// Keeps the beginning of a row for later, unless it is too long already.
    fn keep(&mut self, part: &[u8], batch: &mut Vec<Input>) {
        self.rest.extend_from_slice(part);
        if self.rest.len() > MAX_INPUT {
            self.rest = BytesMut::new();
            self.skipping = true;
            self.line += 1;
            batch.push(Input::rejected(Rejected::TooLong).tagged(self.tag()));
        }
    }

    /// The last row, when the file does not end in a newline.
    fn end(&mut self) -> Vec<Input> {
        let mut batch = Vec::new();
        if !self.rest.is_empty() {
            let row = self.rest.split().freeze();
            self.row(row, &mut batch);
        }
        batch
    }

    fn row(&mut self, mut line: bytes::Bytes, batch: &mut Vec<Input>) {
        self.line += 1;
        if !std::mem::replace(&mut self.begun, true) && line.starts_with(b"\xef\xbb\xbf") {
            line = line.slice(3..);
        }
        if line.ends_with(b"\r") {
            line.truncate(line.len() - 1);
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            return;
        }
        let row = if line.len() > MAX_INPUT { Input::rejected(Rejected::TooLong) } else { Input::new(line) };
        batch.push(row.tagged(self.tag()));
    }

    fn tag(&self) -> u64 {
        self.file << LINE_BITS | self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(blocks: &[&[u8]]) -> Vec<(u64, Vec<u8>)> {
        let mut splitter = Splitter::default();
        let mut rows: Vec<Input> = blocks.iter().flat_map(|block| splitter.add(block)).collect();
        rows.extend(splitter.end());
        rows.into_iter().map(|row| (row.tag, row.bytes.to_vec())).collect()
    }

    #[test]
    fn rows_are_lines_without_their_ends_wherever_the_blocks_are_cut() {
        let text = b"\xef\xbb\xbf1\r\n\n  \t\n \"two\" \n3";
        let expected = vec![(1, b"1".to_vec()), (4, b" \"two\" ".to_vec()), (5, b"3".to_vec())];
        for cut in 0..text.len() {
            let (a, b) = text.split_at(cut);
            assert_eq!(split(&[a, b]), expected, "cut at {cut}");
        }
    }

    #[test]
    fn a_line_without_an_end_is_given_up_and_the_next_one_is_read() {
        let mut splitter = Splitter::default();
        let long = vec![b'x'; 1 << 20];
        let mut rows: Vec<Input> = (0..200).flat_map(|_| splitter.add(&long)).collect();
        assert!(splitter.rest.len() <= MAX_INPUT, "the rest is bounded");
        rows.extend(splitter.add(b"x\n7\n"));
        assert_eq!(rows.iter().map(|row| (row.tag, row.bytes.len())).collect::<Vec<_>>(), [(1, 0), (2, 1)]);
    }
}
