//! Which of the rows with the same bytes a row is.

use std::collections::HashMap;

use wpool::Input;

/// Counts rows by content, in 20 to 40 MB for a million different ones.
#[derive(Debug, Default)]
pub struct Occurrences {
    /// By the first 8 bytes of a hash that is the same everywhere: of a billion rows, two that differ have the same one
    /// in a run of forty. Then the second has the random numbers of an occurrence that it is not, every time.
    counts: HashMap<u64, u32>,
}

impl Occurrences {
    /// The row, with its number among those of the same bytes.
    pub fn number(&mut self, row: Input) -> Input {
        if row.is_rejected() {
            return row;
        }
        let hash = blake3::hash(&row.bytes);
        let (hash, _) = hash.as_bytes().split_first_chunk().expect("it is longer");
        let next = self.counts.entry(u64::from_le_bytes(*hash)).or_default();
        let occurrence = *next;
        *next = next.saturating_add(1);
        row.occurrence(occurrence)
    }
}
