//! Rows that are lines.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use wpool::bulk::{Cuts, Span, Supply};
use wpool::limits::MAX_INPUT;
use wpool::{Input, Rejected};

use crate::cli::plan::LINE_BITS;
use crate::cli::rows::cutter::{Cutter, Take};

/// Cuts one file into rows.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    /// Number of the file, for tags.
    file: u64,
    line: u64,
    /// The beginning of a row whose end has not been read.
    rest: BytesMut,
    /// The current line is too long, and its rest is being passed over.
    skipping: bool,
    begun: bool,
    /// Rows of the block before.
    rows: usize,
}

impl Splitter {
    /// For the file of this number.
    pub fn of(file: u64) -> Splitter {
        Splitter { file, ..Splitter::default() }
    }

    /// Takes a block and gives the rows that end in it.
    fn rows_of(&mut self, mut block: &[u8]) -> Vec<Supply> {
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
        self.rows(whole, &mut batch);
        self.keep(&block[last + 1..], &mut batch);
        batch
    }

    /// Keeps the beginning of a row for later, unless it is too long already.
    fn keep(&mut self, part: &[u8], batch: &mut Vec<Supply>) {
        self.rest.extend_from_slice(part);
        if self.rest.len() > MAX_INPUT {
            self.rest = BytesMut::new();
            self.skipping = true;
            self.line += 1;
            batch.push(Input::rejected(Rejected::TooLong).tagged(self.tag()).into());
        }
    }

    /// The last row, when the file does not end in a newline.
    fn last(&mut self) -> Vec<Supply> {
        let mut batch = Vec::new();
        if !self.rest.is_empty() {
            let row = self.rest.split().freeze();
            self.rows(row, &mut batch);
        }
        batch
    }

    /// Cuts whole lines into rows. The end of the last of them may be missing.
    fn rows(&mut self, lines: Bytes, batch: &mut Vec<Supply>) {
        let mut cuts = Cuts::with_capacity(self.rows);
        let mut start = 0;
        let ends = memchr::memchr_iter(b'\n', &lines).chain((!lines.ends_with(b"\n")).then_some(lines.len()));
        for end in ends {
            self.line += 1;
            let row = self.row(&lines, start, end);
            start = end + 1;
            if row.len() > MAX_INPUT {
                // It stands between the rows before it and those behind it.
                push(&lines, std::mem::take(&mut cuts), batch);
                batch.push(Input::rejected(Rejected::TooLong).tagged(self.tag()).into());
            } else if lines[row.clone()].iter().any(|byte| !byte.is_ascii_whitespace()) {
                cuts.push(row, self.tag());
            }
        }
        // The next block will have about as many.
        self.rows = cuts.len();
        push(&lines, cuts, batch);
    }

    /// Where in `lines` the row of a line is, without what does not belong to it.
    fn row(&mut self, lines: &[u8], mut start: usize, mut end: usize) -> Range<usize> {
        if !std::mem::replace(&mut self.begun, true) && lines[start..end].starts_with(b"\xef\xbb\xbf") {
            start += 3;
        }
        if lines[start..end].ends_with(b"\r") {
            end -= 1;
        }
        start..end
    }

    fn tag(&self) -> u64 {
        self.file << LINE_BITS | self.line
    }
}

impl Cutter for Splitter {
    fn add(&mut self, block: &[u8], take: &mut Take<'_>) -> Result<bool, String> {
        Ok(take(self.rows_of(block)))
    }

    fn end(&mut self, take: &mut Take<'_>) -> Result<bool, String> {
        Ok(take(self.last()))
    }
}

fn push(lines: &Bytes, cuts: Cuts, batch: &mut Vec<Supply>) {
    if !cuts.is_empty() {
        batch.push(Span::new(lines.clone(), cuts).into());
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn split(blocks: &[&[u8]]) -> Vec<(u64, Vec<u8>)> {
        let mut splitter = Splitter::default();
        let mut rows: Vec<Supply> = blocks.iter().flat_map(|block| splitter.rows_of(block)).collect();
        rows.extend(splitter.last());
        rows.into_iter().flat_map(Supply::into_inputs).map(|row| (row.tag, row.bytes.to_vec())).collect()
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

    /// Rows as anybody would cut them who has the whole text.
    fn cut(text: &[u8]) -> Vec<(u64, Vec<u8>)> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let lines = text.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let rows = lines.zip(1..).filter(|(line, _)| !line.iter().all(u8::is_ascii_whitespace));
        rows.map(|(line, number)| (number, line.to_vec())).collect()
    }

    /// What makes a difference to lines, and what looks as if it did.
    const PARTS: &[&[u8]] =
        &[b"\n", b"\r", b"\xef\xbb\xbf", b" ", b"\x0c", b"a", b"\"", b"\xff", b"\0", b"\xe2\x80\xa8"];

    proptest! {
        #![proptest_config(crate::cases::many())]

        #[test]
        fn any_bytes_are_the_same_rows_however_they_arrive(
            parts in vec(prop::sample::select(PARTS), 0..12),
            cuts in vec(any::<prop::sample::Index>(), 0..4),
        ) {
            let text = parts.concat();
            let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
            ends.extend([0, text.len()]);
            ends.sort_unstable();
            let blocks: Vec<&[u8]> = ends.windows(2).map(|ends| &text[ends[0]..ends[1]]).collect();
            prop_assert_eq!(split(&blocks), cut(&text));
        }
    }

    #[test]
    fn a_line_without_an_end_is_given_up_and_the_next_one_is_read() {
        let mut splitter = Splitter::default();
        let long = vec![b'x'; 1 << 20];
        let mut rows: Vec<Supply> = (0..200).flat_map(|_| splitter.rows_of(&long)).collect();
        assert!(splitter.rest.len() <= MAX_INPUT, "the rest is bounded");
        rows.extend(splitter.rows_of(b"x\n7\n"));
        let rows = rows.into_iter().flat_map(Supply::into_inputs);
        assert_eq!(rows.map(|row| (row.tag, row.bytes.len())).collect::<Vec<_>>(), [(1, 0), (2, 1)]);
    }
}
