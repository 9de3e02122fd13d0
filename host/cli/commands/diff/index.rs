//! The rows of one file, by their keys. The k-th of equal rows is the k-th that has come.

use crate::cli::commands::diff::rows::Row;
use crate::cli::journal::Key;

/// Rows by their keys, in 40 bytes each.
#[derive(Debug, Default)]
pub struct Index(Vec<Slot>);

#[derive(Debug)]
struct Slot {
    row: Row,
    /// How many rows of the key were taken; counted at the first slot of the key.
    taken: u32,
}

impl Index {
    pub fn add(&mut self, row: Option<Row>) {
        self.0.extend(row.map(|row| Slot { row, taken: 0 }));
    }

    /// Has to come before the first row is taken.
    pub fn sort(&mut self) {
        // Equal rows in the order of their lines; sorting in place needs no memory.
        self.0.sort_unstable_by_key(|slot| (slot.row.key, slot.row.offset));
    }

    /// The next row of a key, once.
    pub fn take(&mut self, key: Key) -> Option<Row> {
        let first = self.0.partition_point(|slot| slot.row.key < key);
        let taken = self.0.get(first).filter(|slot| slot.row.key == key)?.taken;
        let found = self.0.get(first + taken as usize).filter(|slot| slot.row.key == key)?.row;
        self.0[first].taken = taken.saturating_add(1);
        Some(found)
    }

    /// The rows that were not taken.
    pub fn left(&self) -> impl Iterator<Item = Row> {
        let of_keys = self.0.chunk_by(|a, b| a.row.key == b.row.key);
        of_keys.flat_map(|slots| slots[(slots[0].taken as usize).min(slots.len())..].iter().map(|slot| slot.row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_rows_are_taken_one_by_one_and_the_others_are_left() {
        let row = |key: u8, offset| Row { key: Key([key; 12]), offset, value: 0 };
        let mut index = Index::default();
        for (key, offset) in [(3, 0), (1, 10), (3, 20), (2, 30)] {
            index.add(Some(row(key, offset)));
        }
        index.sort();
        let mut take = |key: u8| index.take(Key([key; 12])).map(|row| row.offset);
        assert_eq!([take(3), take(9), take(3), take(3), take(1)], [Some(0), None, Some(20), None, Some(10)]);
        assert_eq!(index.left().map(|row| row.offset).collect::<Vec<_>>(), [30]);
        assert!(size_of::<Slot>() <= 40);
    }
}
