//! Walks through a journal's file, in memory that does not grow with it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use wpool::place::Place;

use crate::cli::journal::error::{Error, at};
use crate::cli::journal::format::{Group, HEADER, Header, MAX_GROUP, Parsed};
use crate::cli::journal::holes;

/// Bytes read at a time.
const BLOCK: usize = 1 << 20;

/// A journal's groups, from its beginning.
#[derive(Debug)]
pub struct Groups {
    pub place: Place,
    pub header: Header,
    /// Where the next group begins.
    pub offset: u64,
    /// The end of the walk, at the latest.
    pub end: u64,
    file: File,
    window: Vec<u8>,
    /// Where the window begins.
    start: u64,
}

impl Groups {
    pub fn open(place: &Place) -> Result<Groups, Error> {
        let file = place.read().map_err(at(place))?;
        let end = file.metadata().map_err(at(place))?.len();
        let mut header = [0; HEADER];
        let read = file.read_exact_at(&mut header, 0);
        let header = read.ok().and_then(|()| Header::parse(&header));
        let what = "its beginning is not the header of a journal of this format";
        let header = header.ok_or_else(|| Error::Damaged { path: place.path(), offset: 0, what })?;
        let offset = HEADER as u64;
        Ok(Groups { place: place.clone(), header, offset, end, file, window: Vec::new(), start: offset })
    }

    /// The next group, and moves past it. `None` at the end, or if there is not a group at this place.
    pub fn next(&mut self) -> Result<Option<Group>, Error> {
        Ok(match self.parse(self.offset)? {
            Parsed::Group(group) => {
                self.offset += group.size as u64;
                Some(group)
            }
            Parsed::Incomplete | Parsed::Bad => None,
        })
    }

    /// Moves to the next offset after this one at which a group stands. Returns false when there is none.
    pub fn resynchronise(&mut self) -> Result<bool, Error> {
        while self.offset < self.end {
            self.offset += 1;
            if let Parsed::Group(_) = self.parse(self.offset)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The next group with its place, whatever precedes it. `None` when there are no more.
    pub fn next_anywhere(&mut self) -> Result<Option<(u64, Group)>, Error> {
        loop {
            let begin = self.offset;
            match self.next()? {
                Some(group) => return Ok(Some((begin, group))),
                None if self.resynchronise()? => {}
                None => return Ok(None),
            }
        }
    }

    /// Whether a hole lies between the end of a group and the current place.
    pub fn has_hole_since(&self, end: u64) -> Result<bool, Error> {
        holes::lies_between(&self.file, end, self.offset).map_err(at(&self.place))
    }

    fn parse(&mut self, offset: u64) -> Result<Parsed, Error> {
        self.fill(offset).map_err(at(&self.place))?;
        let held = self.window.len().min(self.end.saturating_sub(self.start) as usize);
        let at = (offset - self.start) as usize;
        Ok(self.header.parse_group(offset, self.window.get(at..held).unwrap_or_default()))
    }

    /// Fills the window with the bytes from `offset`, as far as a group can reach.
    fn fill(&mut self, offset: u64) -> io::Result<()> {
        let held = self.start + self.window.len() as u64;
        if offset >= self.start && (held >= self.end || offset + MAX_GROUP as u64 <= held) {
            return Ok(());
        }
        let length = (BLOCK as u64).min(self.end.saturating_sub(offset)) as usize;
        self.window.resize(length, 0);
        self.start = offset;
        self.file.read_exact_at(&mut self.window, offset)
    }
}
