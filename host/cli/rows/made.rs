//! Rows that are made of what a file holds, and travel together in blocks as lines do.

use bytes::Bytes;
use wpool::bulk::{Cuts, Span, Supply};
use wpool::limits::MAX_INPUT;
use wpool::{Input, Rejected};

use crate::cli::rows::sink::BLOCK;

/// Rows that were made and not handed on yet.
#[derive(Debug, Default)]
pub(super) struct Made {
    /// Whole rows, and the beginning of the one that is being made.
    bytes: Vec<u8>,
    /// Where that begins.
    start: usize,
    cuts: Cuts,
    batch: Vec<Supply>,
    /// Bytes of the batch.
    size: usize,
    /// Bytes of the block before: the next one will have about as many.
    before: usize,
}

impl Made {
    /// The row that is being made, behind others: bytes are only added.
    pub fn row(&mut self) -> &mut Vec<u8> {
        if self.bytes.capacity() == 0 {
            self.bytes.reserve(self.before);
        }
        &mut self.bytes
    }

    /// Bytes of the row that is being made.
    pub fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Drops what was made of a row.
    pub fn give_up(&mut self) {
        self.bytes.truncate(self.start);
        if self.bytes.capacity() > MAX_INPUT {
            self.bytes = self.bytes.as_slice().into();
        }
    }

    /// Ends a row.
    pub fn end(&mut self, tag: u64) {
        if self.len() > MAX_INPUT {
            self.give_up();
            return self.add(Input::rejected(Rejected::TooLong).tagged(tag));
        }
        self.cuts.push(self.start..self.bytes.len(), tag);
        self.start = self.bytes.len();
    }

    /// Ends a row that has to keep the text it was made of.
    pub fn end_with(&mut self, tag: u64, origin: Bytes) {
        if self.len() > MAX_INPUT {
            return self.end(tag);
        }
        let row = Bytes::copy_from_slice(&self.bytes[self.start..]);
        self.give_up();
        self.add(Input::new(row).tagged(tag).made_of(origin));
    }

    /// Adds a row that travels alone. None is being made.
    pub fn add(&mut self, row: Input) {
        self.close();
        self.size += row.bytes.len() + row.origin().map_or(0, Bytes::len);
        self.batch.push(row.into());
    }

    /// Whether as much waits as a batch is to hold.
    pub fn is_full(&self) -> bool {
        self.size + self.start >= BLOCK
    }

    /// Takes the rows that were ended.
    pub fn take(&mut self) -> Vec<Supply> {
        self.close();
        self.size = 0;
        std::mem::take(&mut self.batch)
    }

    /// Makes a block of the rows that were ended.
    fn close(&mut self) {
        if self.cuts.is_empty() {
            return;
        }
        let rest = self.bytes.split_off(self.start);
        let bytes = std::mem::replace(&mut self.bytes, rest);
        (self.start, self.before) = (0, bytes.len());
        self.size += bytes.len();
        let rows = self.cuts.len();
        let cuts = std::mem::replace(&mut self.cuts, Cuts::with_capacity(rows));
        self.batch.push(Span::new(bytes, cuts).into());
    }
}
