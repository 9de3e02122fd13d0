//! A journal's rows, one after the other.

use wpool::place::Dir;

use crate::cli::journal::disk::JOURNAL;
use crate::cli::journal::error::Error;
use crate::cli::journal::format::{End, Record};
use crate::cli::journal::groups::Groups;
use crate::cli::journal::verify::stands_behind;

/// A row that is done, with its place in FILE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The place among the entries. It is the row's position in the input unless the run was `--unordered`.
    pub position: u64,
    /// Where its line begins in FILE.
    pub offset: u64,
    pub record: Record,
}

/// The entries of a journal, up to its end or to a torn part.
#[derive(Debug)]
pub struct Entries {
    groups: Groups,
    current: std::vec::IntoIter<Record>,
    position: u64,
    offset: u64,
    /// Where the current group begins.
    begin: End,
}

impl Entries {
    /// The entries of the journal in a folder `FILE.wpool`.
    pub fn open(folder: &Dir) -> Result<Entries, Error> {
        Groups::open(&folder.at(JOURNAL)).map(Entries::of)
    }

    pub(super) fn of(groups: Groups) -> Entries {
        let begin = End { journal: groups.offset, file: 0 };
        Entries { groups, current: Vec::new().into_iter(), position: 0, offset: 0, begin }
    }

    /// The entries between two places.
    pub(super) fn between(mut groups: Groups, begin: End, end: End) -> Entries {
        (groups.offset, groups.end) = (begin.journal, end.journal);
        Entries { groups, current: Vec::new().into_iter(), position: 0, offset: begin.file, begin }
    }

    /// Where the group of the last entry begins.
    pub(super) fn begin(&self) -> End {
        self.begin
    }

    /// Bytes behind the last entry that stand for no entry, because they are torn or follow a hole.
    ///
    /// # Errors
    /// [`Error::Damaged`] when groups follow that a crash cannot have cut off.
    pub fn left(&mut self) -> Result<u64, Error> {
        let (offset, left) = (self.groups.offset, self.groups.end.saturating_sub(self.groups.offset));
        if left > 0 && stands_behind(&mut self.groups)? {
            let what = "the bytes there are not a group of records, and groups follow them";
            return Err(Error::Damaged { path: self.groups.place.path(), offset, what });
        }
        Ok(left)
    }

    pub fn next(&mut self) -> Result<Option<Entry>, Error> {
        if self.current.len() == 0 {
            let place = End { journal: self.groups.offset, file: self.offset };
            let Some(group) = self.groups.next()? else { return Ok(None) };
            self.begin = place;
            self.current = group.records.into_iter();
        }
        let Some(record) = self.current.next() else { return Ok(None) };
        let entry = Entry { position: self.position, offset: self.offset, record };
        self.position += 1;
        self.offset = self.offset.saturating_add(record.length);
        Ok(Some(entry))
    }
}
