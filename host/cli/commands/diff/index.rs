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

    /// The rows that were not taken, in the order of their lines: keys are hashes, whose order means nothing.
    pub fn left(mut self) -> impl Iterator<Item = Row> {
        let (mut key, mut taken) = (None, 0);
        self.0.retain(|slot| {
            if key.replace(slot.row.key) != Some(slot.row.key) {
                taken = slot.taken;
            }
            let is_left = taken == 0;
            taken = taken.saturating_sub(1);
            is_left
        });
        self.0.sort_unstable_by_key(|slot| slot.row.offset);
        self.0.into_iter().map(|slot| slot.row)
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

    #[test]
    fn rows_that_are_left_come_in_the_order_of_their_lines() {
        let mut index = Index::default();
        for (key, offset) in [(9, 0), (3, 10), (7, 20), (3, 30), (3, 40), (1, 50)] {
            index.add(Some(Row { key: Key([key; 12]), offset, value: 0 }));
        }
        index.sort();
        index.take(Key([3; 12]));
        assert_eq!(index.left().map(|row| row.offset).collect::<Vec<_>>(), [0, 20, 30, 40, 50]);
    }
}
