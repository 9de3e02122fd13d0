//! Shards: parts of one input that are run by themselves, on other machines or at other times. A row's shard depends on
//! nothing but its place in the whole input, or its content, so every shard finds its own rows without the others.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use wpool::Input;

/// Rows of a block of `--shard-by block`. Small enough that a few hundred rows are spread over some shards, and large
/// enough that rows still travel together. It is part of what a shard means: another number gives other shards.
const BLOCK_ROWS: u64 = 32;

/// How rows are dealt to shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// Neighbouring rows, one n-th each; all rows are counted first
    Slice,
    /// Blocks of 32 rows in turn
    Block,
    /// By content (of files: by path); equal rows stay together
    Hash,
}

impl By {
    pub fn as_str(self) -> &'static str {
        match self {
            By::Slice => "slice",
            By::Block => "block",
            By::Hash => "hash",
        }
    }
}

/// One of the shards of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Counted from 1.
    pub number: u32,
    pub of: u32,
    pub by: By,
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} by {}", self.number, self.of, self.by.as_str())
    }
}

impl Shard {
    /// Whether its rows are known only once all rows are counted.
    pub fn needs_total(self) -> bool {
        self.by == By::Slice
    }

    /// Its rows in an input of this many rows, which matters where it needs the total.
    pub fn cut(self, total: u64) -> Cut {
        let end = |number: u32| (u128::from(total) * u128::from(number) / u128::from(self.of)) as u64;
        Cut { shard: self, slice: end(self.number - 1)..end(self.number), total }
    }
}

/// The whole input of a sharded run, by which its shards are known to belong together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputFacts {
    pub rows: u64,
    /// Bytes of the rows; where rows are files, of their paths.
    pub bytes: u64,
    /// BLAKE3 of the same, each with its end, in hex.
    pub blake3: String,
}

/// The rows of a shard.
#[derive(Clone, Debug)]
pub struct Cut {
    pub shard: Shard,
    slice: Range<u64>,
    /// All rows, where they were counted.
    total: u64,
}

impl Cut {
    /// Whether the row at a position is one of them. `content` is what rows are dealt by where their places do not matter.
    pub fn takes(&self, position: u64, content: &[u8]) -> bool {
        let Shard { number, of, by } = self.shard;
        let own = u64::from(number - 1);
        match by {
            By::Slice => self.slice.contains(&position),
            By::Block => position / BLOCK_ROWS % u64::from(of) == own,
            By::Hash => {
                let hash = blake3::hash(content);
                let (hash, _) = hash.as_bytes().split_first_chunk().expect("it is longer");
                u64::from_le_bytes(*hash) % u64::from(of) == own
            }
        }
    }

    /// Number of its rows among all, where content does not matter.
    pub fn len(&self, total: u64) -> Option<u64> {
        let Shard { number, of, by } = self.shard;
        match by {
            By::Slice => Some(self.slice.end - self.slice.start),
            By::Block => {
                let (round, own) = (BLOCK_ROWS * u64::from(of), BLOCK_ROWS * u64::from(number - 1));
                Some(total / round * BLOCK_ROWS + (total % round).saturating_sub(own).min(BLOCK_ROWS))
            }
            By::Hash => None,
        }
    }

    /// Whether an input is not the one whose rows were counted.
    pub fn contradicts(&self, rows: u64) -> bool {
        self.shard.needs_total() && rows != self.total
    }
}

/// The bytes that a row is dealt by, and that stand for it in the digest of the input: the path of a file, whose content
/// only its own shard reads.
pub fn content(row: &Input) -> &[u8] {
    row.name.as_deref().map_or(&row.bytes, str::as_bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(crate::cases::many())]

        #[test]
        fn every_row_has_exactly_one_shard_which_knows_how_many_it_has(
            by in prop::sample::select(&[By::Slice, By::Block, By::Hash][..]),
            of in 1..30_u32,
            total in 0..100_u64,
        ) {
            let cuts: Vec<_> = (1..=of).map(|number| Shard { number, of, by }.cut(total)).collect();
            let mut counts = vec![0; of as usize];
            for position in 0..total {
                let content = position.to_le_bytes();
                let takers: Vec<_> = cuts.iter().filter(|cut| cut.takes(position, &content)).collect();
                prop_assert_eq!(takers.len(), 1);
                counts[takers[0].shard.number as usize - 1] += 1;
            }
            for (cut, count) in cuts.iter().zip(counts) {
                prop_assert!(cut.len(total).is_none_or(|length| length == count));
            }
        }
    }

    #[test]
    fn slices_of_the_longest_input_do_not_overflow() {
        let cut = Shard { number: u32::MAX, of: u32::MAX, by: By::Slice }.cut(u64::MAX);
        assert!(cut.takes(u64::MAX - 1, b"") && !cut.takes(0, b""));
    }
}
