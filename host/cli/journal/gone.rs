//! Records of rows that the input does not have any more.

use std::io::{self, BufWriter, Write};

use wpool::Input;
use wpool::place::{PRIVATE, Place};

use crate::cli::journal::error::{Error, at};
use crate::cli::journal::folder::Folder;
use crate::cli::journal::key::Key;
use crate::cli::journal::tails::Index;

/// The rows whose records have to stay, by their keys and their numbers among equal rows. Takes 24 bytes for each.
#[derive(Debug)]
pub struct Wanted {
    rows: Vec<(Key, u32)>,
    /// How many rows of a key have come; counted at its first row.
    seen: Vec<u32>,
}

impl Wanted {
    /// The rows with records that have to stay.
    pub(super) fn of(mut rows: Vec<(Key, u32)>) -> Wanted {
        rows.sort_unstable();
        rows.dedup();
        Wanted { seen: vec![0; rows.len()], rows }
    }

    /// Counts a row of the input.
    pub fn pass(&mut self, row: &Input) {
        let key = Key::of(row);
        let first = self.rows.partition_point(|(known, _)| *known < key);
        if self.rows.get(first).is_some_and(|(known, _)| *known == key) {
            self.seen[first] = self.seen[first].saturating_add(1);
        }
    }

    /// How many of the rows have not come.
    pub fn missing(&self) -> usize {
        let mut first = 0;
        let of_keys = self.rows.chunk_by(|(a, _), (b, _)| a == b);
        let missing = of_keys.map(|rows| {
            let seen = self.seen[first];
            first += rows.len();
            rows.iter().filter(|(_, number)| *number >= seen).count()
        });
        missing.sum()
    }
}

impl Folder {
    /// Copies the lines that no row has taken into a new file `gone-N.jsonl`, which nothing of wpool removes. They are on
    /// the disk then.
    pub fn keep_gone(&self, gone: &Index) -> Result<Place, Error> {
        let (place, file) = self.make_gone()?;
        let mut out = BufWriter::new(&file);
        let written = gone.copy_left(&mut out).and_then(|()| out.flush()).and_then(|()| file.sync_all());
        written.map_err(at(&place))?;
        Ok(place)
    }

    fn make_gone(&self) -> Result<(Place, std::fs::File), Error> {
        let mut number = 1;
        loop {
            let place = self.dir().at(format!("gone-{number}.jsonl"));
            match place.create(PRIVATE) {
                Ok(file) => return Ok((place, file)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(at(&place)(error)),
            }
        }
    }
}
