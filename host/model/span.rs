//! Blocks of plain inputs. Rows share the bytes in which they were read, so no row is allocated, counted or moved by
//! itself.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::model::task::Input;

/// The places of the rows in a block, in their order.
#[derive(Debug, Default)]
pub struct Cuts {
    cuts: Vec<Cut>,
    /// Bytes of the rows together.
    bytes: u32,
    longest: usize,
}

/// The beginning of a row. The row ends where `before` of the next cut says. Small, because there is one for each row.
#[derive(Clone, Copy, Debug)]
struct Cut {
    start: u32,
    /// Bytes of all rows before it, so that the size of any stretch of rows is a difference.
    before: u32,
    tag: u64,
}

impl Cuts {
    /// Cuts with room for about `rows` rows.
    pub fn with_capacity(rows: usize) -> Cuts {
        Cuts { cuts: Vec::with_capacity(rows + 1), bytes: 0, longest: 0 }
    }

    /// Adds a row, with its [`Input::tag`].
    ///
    /// # Panics
    /// If it begins beyond 4 GiB, or if all rows together have 4 GiB.
    pub fn push(&mut self, row: Range<usize>, tag: u64) {
        let start = u32::try_from(row.start).expect("a block is smaller than 4 GiB");
        self.cuts.push(Cut { start, before: self.bytes, tag });
        let bytes = u32::try_from(row.len()).ok().and_then(|length| self.bytes.checked_add(length));
        self.bytes = bytes.expect("a block is smaller than 4 GiB");
        self.longest = self.longest.max(row.len());
    }

    pub fn len(&self) -> usize {
        self.cuts.len()
    }

    pub fn is_empty(&self) -> bool {
        self.cuts.is_empty()
    }
}

struct Block {
    bytes: Bytes,
    /// The rows' beginnings, and the end of the last row.
    cuts: Vec<Cut>,
    longest: usize,
}

/// Plain inputs that follow each other in one block of bytes. The cost of cutting a span does not depend on its length.
///
/// A plain input has neither a name nor a setting of its own, such as a deadline. The block lives as long as any span
/// of it.
#[derive(Clone)]
pub struct Span {
    block: Arc<Block>,
    rows: Range<usize>,
}

impl Span {
    /// The rows of `bytes` that `cuts` describes. If less than a quarter of `bytes` is in rows, the rows are copied
    /// out.
    ///
    /// # Panics
    /// If a row is not inside the bytes.
    pub fn new(bytes: impl Into<Bytes>, cuts: Cuts) -> Span {
        let (bytes, Cuts { mut cuts, bytes: before, longest }) = (bytes.into(), cuts);
        let rows = 0..cuts.len();
        cuts.push(Cut { start: 0, before, tag: 0 });
        assert!(cuts.windows(2).all(|pair| range(pair).end <= bytes.len()), "a row outside of its block");
        let (bytes, cuts) = if (before as usize) < bytes.len() / 4 { packed(&bytes, cuts) } else { (bytes, cuts) };
        Span { block: Arc::new(Block { bytes, cuts, longest }), rows }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Bytes of its rows together.
    pub fn size(&self) -> usize {
        let cuts = &self.block.cuts;
        (cuts[self.rows.end].before - cuts[self.rows.start].before) as usize
    }

    /// At least the bytes of its longest row.
    pub(crate) fn longest(&self) -> usize {
        self.block.longest
    }

    /// The rows and their tags.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], u64)> {
        let cuts = &self.block.cuts[self.rows.start..=self.rows.end];
        cuts.windows(2).map(|pair| (&self.block.bytes[range(pair)], pair[0].tag))
    }

    /// The row at a place, as an input of its own.
    ///
    /// # Panics
    /// If the place is behind the last row.
    pub fn input(&self, at: usize) -> Input {
        let at = self.rows.start + at;
        assert!(at < self.rows.end, "no such row");
        let pair = &self.block.cuts[at..=at + 1];
        Input::new(self.block.bytes.slice(range(pair))).tagged(pair[0].tag)
    }

    /// [`Span::input`] for a row that may outlive its neighbours for long, and must not keep the whole block alive.
    pub(crate) fn lone_input(&self, at: usize) -> Input {
        let mut input = self.input(at);
        input.bytes = own(input.bytes, self.block.bytes.len());
        input
    }

    /// All rows, as inputs of their own.
    pub fn inputs(&self) -> impl Iterator<Item = Input> {
        (0..self.len()).map(|at| self.input(at))
    }

    /// The number of its first rows that have at most `bytes` bytes together.
    pub(crate) fn fitting(&self, bytes: usize) -> usize {
        let cuts = &self.block.cuts[self.rows.start..=self.rows.end];
        cuts[1..].partition_point(|cut| (cut.before - cuts[0].before) as usize <= bytes)
    }

    /// Takes the first rows out of the span, at most `most`.
    pub fn split_to(&mut self, most: usize) -> Span {
        let cut = self.rows.start + most.min(self.len());
        let first = Span { block: self.block.clone(), rows: self.rows.start..cut };
        self.rows.start = cut;
        first
    }
}

fn range(pair: &[Cut]) -> Range<usize> {
    let (start, length) = (pair[0].start as usize, (pair[1].before - pair[0].before) as usize);
    start..start + length
}

/// The rows without what is between them.
fn packed(bytes: &[u8], cuts: Vec<Cut>) -> (Bytes, Vec<Cut>) {
    let rows: Vec<u8> = cuts.windows(2).flat_map(|pair| &bytes[range(pair)]).copied().collect();
    (rows.into(), cuts.into_iter().map(|cut| Cut { start: cut.before, ..cut }).collect())
}

/// A part of `whole` bytes for a holder that may keep it for long. A part below a quarter is copied: otherwise it would
/// keep the whole alive.
pub(crate) fn own(part: Bytes, whole: usize) -> Bytes {
    if part.len() < whole / 4 { Bytes::copy_from_slice(&part) } else { part }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Span of {} rows, {} bytes", self.len(), self.size())
    }
}

/// Inputs from a stream: one, or many at a time.
#[derive(Clone, Debug)]
pub enum Supply {
    One(Input),
    Many(Span),
}

impl<T: Into<Input>> From<T> for Supply {
    fn from(input: T) -> Self {
        Supply::One(input.into())
    }
}

impl From<Span> for Supply {
    fn from(span: Span) -> Self {
        Supply::Many(span)
    }
}

impl Supply {
    /// Number of inputs.
    pub fn len(&self) -> usize {
        match self {
            Supply::One(_) => 1,
            Supply::Many(span) => span.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that it holds in memory while it waits.
    pub fn size(&self) -> usize {
        match self {
            Supply::One(input) => input.size(),
            Supply::Many(span) => span.size(),
        }
    }

    /// Each input by itself.
    pub fn into_inputs(self) -> impl Iterator<Item = Input> {
        let (one, span) = match self {
            Supply::One(input) => (Some(input), None),
            Supply::Many(span) => (None, Some(span)),
        };
        let many = span.into_iter().flat_map(|span| (0..span.len()).map(move |at| span.input(at)));
        one.into_iter().chain(many)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span() -> Span {
        let mut cuts = Cuts::default();
        [(0..1, 1), (2..2, 3), (4..7, 4)].into_iter().for_each(|(row, line)| cuts.push(row, line));
        Span::new(&b"a\n\n-bcd\n"[..], cuts)
    }

    #[test]
    fn a_span_is_its_rows_wherever_it_is_cut() {
        let rows: Vec<_> = span().inputs().map(|row| (row.bytes.to_vec(), row.tag)).collect();
        assert_eq!(rows, [(b"a".to_vec(), 1), (b"".to_vec(), 3), (b"bcd".to_vec(), 4)]);
        for cut in 0..5 {
            let mut rest = span();
            let first = rest.split_to(cut);
            assert_eq!((first.len() + rest.len(), first.size() + rest.size()), (3, 4));
            assert_eq!((span().fitting(0), span().fitting(3), span().fitting(4)), (0, 2, 3));
            let parts = first.iter().chain(rest.iter()).map(|(row, tag)| (row.to_vec(), tag));
            assert!(parts.eq(rows.iter().cloned()), "cut at {cut}");
        }
    }

    #[test]
    fn a_row_that_stays_keeps_no_large_block() {
        let rows = [1..4, 5..5, 9..12];
        for (length, block_is_kept) in [(24, true), (28, false)] {
            let mut cuts = Cuts::default();
            rows.iter().zip(1..).for_each(|(row, line)| cuts.push(row.clone(), line));
            let bytes = Bytes::from_iter(0..length);
            let span = Span::new(bytes.clone(), cuts);
            assert!(span.iter().eq(rows.iter().map(|row| &bytes[row.clone()]).zip(1..)), "{length}");
            assert_eq!(bytes.as_ptr_range().contains(&span.block.bytes.as_ptr()), block_is_kept, "{length}");
        }
        let whole = span();
        let block = whole.block.bytes.as_ptr_range();
        let lone: Vec<_> = (0..3).map(|at| whole.lone_input(at)).collect();
        assert!(lone.iter().map(|row| (&row.bytes[..], row.tag)).eq(whole.iter()));
        assert_eq!([0, 2].map(|at| block.contains(&lone[at].bytes.as_ptr())), [false, true], "a quarter is much");
    }

    #[test]
    #[should_panic = "a row outside of its block"]
    fn a_row_is_inside_of_its_block() {
        let mut cuts = Cuts::default();
        cuts.push(1..3, 0);
        Span::new(&b"ab"[..], cuts);
    }
}
