//! Keeps the rows of a shard, and takes note of the whole input, by which shards are known to belong together.

use std::sync::{Arc, OnceLock};

use wpool::Input;
use wpool::bulk::{Span, Supply};

use crate::cli::records::places::{Places, Stretch};
use crate::cli::shard::{Cut, InputFacts, content};

/// Bytes that are hashed together, which is several times as fast as row by row.
const TOGETHER: usize = 64 << 10;

/// The whole input, once the reader is at its end.
pub type Whole = Arc<OnceLock<InputFacts>>;

/// Keeps the rows of a shard.
#[derive(Debug)]
pub struct Sharder {
    cut: Cut,
    /// Position of the next row.
    next: u64,
    digest: Digest,
    /// Learns the rows that are handed on, where no later step tells them.
    places: Option<Places>,
    whole: Whole,
}

impl Sharder {
    pub fn new(cut: Cut, places: Option<Places>) -> Sharder {
        Sharder { cut, next: 0, digest: Digest::default(), places, whole: Whole::default() }
    }

    /// Where the facts of the whole input will be.
    pub fn whole(&self) -> Whole {
        self.whole.clone()
    }

    /// Whether a row is of the shard whose content was not read.
    pub fn takes(&self, position: u64, name: &[u8]) -> bool {
        self.cut.takes(position, name)
    }

    /// The own ones of some rows, which have no other steps to take.
    pub fn keep(&mut self, batch: Vec<Supply>) -> Vec<Supply> {
        let mut own = Vec::new();
        for supply in batch {
            match supply {
                Supply::One(row) if self.pass(&row) => {
                    self.tell(1);
                    own.push(Supply::One(row));
                }
                Supply::One(_) => {}
                Supply::Many(span) => self.keep_span(span, &mut own),
            }
        }
        own
    }

    fn keep_span(&mut self, mut span: Span, own: &mut Vec<Supply>) {
        // Neighbours of one kind travel together.
        let mut runs: Vec<(bool, usize)> = Vec::new();
        let first = self.next;
        for ((row, _), position) in span.iter().zip(first..) {
            self.digest.add(row, b'\n');
            let takes = self.cut.takes(position, row);
            match runs.last_mut() {
                Some((kind, count)) if *kind == takes => *count += 1,
                _ => runs.push((takes, 1)),
            }
        }
        for (takes, count) in runs {
            let part = span.split_to(count);
            self.next += count as u64;
            if takes {
                self.tell(count as u64);
                own.push(part.into());
            }
        }
    }

    /// The own ones of some rows, with their positions.
    pub fn keep_rows(&mut self, rows: Vec<Input>) -> Vec<(u64, Input)> {
        let mut own = Vec::new();
        for row in rows {
            if self.pass(&row) {
                self.tell(1);
                own.push((self.next - 1, row));
            }
        }
        own
    }

    /// Passes a row. Says whether it is of the shard.
    fn pass(&mut self, row: &Input) -> bool {
        let bytes = content(row);
        let takes = self.cut.takes(self.next, bytes);
        // Paths may hold newlines, and lines zeros. Of a line that was too long there are no bytes.
        let end = if row.name.is_some() || bytes.is_empty() { 0 } else { b'\n' };
        self.digest.add(bytes, end);
        self.next += 1;
        takes
    }

    /// Tells of the rows before the next position.
    fn tell(&self, count: u64) {
        if let Some(places) = &self.places {
            places.push(Stretch { first: self.next - count, count });
        }
    }

    /// Says that all rows were read, and gives their number. An error is a sentence.
    pub fn end(&mut self) -> Result<u64, String> {
        if self.cut.contradicts(self.next) {
            return Err(format!(
                "the input has changed while it was read: it has {} rows, and had another number before",
                self.next
            ));
        }
        let facts = self.digest.facts(self.next);
        self.whole.get_or_init(|| facts);
        Ok(self.next)
    }
}

/// The bytes of all rows.
#[derive(Debug, Default)]
struct Digest {
    hasher: blake3::Hasher,
    waiting: Vec<u8>,
    bytes: u64,
}

impl Digest {
    fn add(&mut self, row: &[u8], end: u8) {
        self.bytes += row.len() as u64;
        if row.len() >= TOGETHER {
            self.flush();
            self.hasher.update(row);
        } else {
            self.waiting.extend_from_slice(row);
        }
        self.waiting.push(end);
        if self.waiting.len() >= TOGETHER {
            self.flush();
        }
    }

    fn flush(&mut self) {
        self.hasher.update(&self.waiting);
        self.waiting.clear();
    }

    fn facts(&mut self, rows: u64) -> InputFacts {
        self.flush();
        InputFacts { rows, bytes: self.bytes, blake3: self.hasher.finalize().to_hex().to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::shard::{By, Shard};

    #[test]
    fn an_input_has_one_digest_however_it_is_cut() {
        let digest = |rows: &[Input]| {
            let mut sharder = Sharder::new(Shard { number: 1, of: 1, by: By::Hash }.cut(0), None);
            rows.iter().for_each(|row| assert!(sharder.pass(row)));
            sharder.end().expect("nothing was counted before");
            sharder.whole().get().expect("it has ended").clone()
        };
        let long = vec![b'x'; 3 * TOGETHER];
        let [a, b] =
            [digest(&[Input::new("1"), Input::new(long.clone())]), digest(&[Input::new("1"), Input::new(long)])];
        assert_eq!(a, b);
        assert_eq!((a.rows, a.bytes), (2, 1 + 3 * TOGETHER as u64));
        let others =
            [vec![Input::new("1")], vec![Input::new("1").named("1")], vec![Input::rejected(wpool::Rejected::TooLong)]];
        let digests: std::collections::BTreeSet<_> = others.iter().map(|rows| digest(rows).blake3).collect();
        assert_eq!(digests.len(), others.len());
    }
}
