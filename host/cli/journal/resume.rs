//! Resumes a run: finds the rows of its input that are done, and their lines.
//!
//! Rows come in the order of the input. While they match the journal, in its order, and are done, their lines stay
//! where they are. At the first row that does not match, or is torn, all right lines that follow in FILE move into a
//! tail, and FILE and journal are cut off there. From then on each row is looked up in the tails: the k-th of equal
//! rows has the k-th record of that content.
//!
//! Each step leaves a state from which a run can be resumed. A tail has its name before anything is cut off. The
//! journal is cut off before FILE, so that it never names missing lines. A group that is kept in part is in the tail as
//! a whole.

use std::fs::File;
use std::os::unix::fs::FileExt;

use wpool::place::{Dir, Place};
use wpool::{Input, Status};

use crate::cli::journal::append::Appender;
use crate::cli::journal::disk::{JOURNAL, sync_folder};
use crate::cli::journal::entries::{Entries, Entry};
use crate::cli::journal::error::{Error, at};
use crate::cli::journal::folder::Folder;
use crate::cli::journal::format::{End, Header, Kind, Record};
use crate::cli::journal::gone::Wanted;
use crate::cli::journal::groups::Groups;
use crate::cli::journal::head::Heads;
use crate::cli::journal::key::Key;
use crate::cli::journal::stays::Stays;
use crate::cli::journal::tails::{self, Index, Tail};
use crate::cli::journal::verify::{Lines, Stretch, Torn, Trust, Verified, verify};

/// Settings of a resumed run.
#[derive(Clone, Copy, Debug)]
pub struct How {
    /// The statuses of rows that need not run again.
    pub done: Stays,
    /// Whether records are in the order of their rows.
    pub ordered: bool,
    /// Whether lines begin with the position of their row.
    pub ids: bool,
    /// Whether the rows are not all of the input, so that their positions can change although their order does not.
    pub shard: bool,
    pub durable: bool,
    /// Whether right records are kept although other parts are damaged.
    pub salvage: bool,
}

/// The known result of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// The row's line is in FILE.
    InPlace(Status),
    /// The row's line, which must be written again with this record.
    Moved(Record, Vec<u8>),
    /// The row must run.
    Nothing,
}

/// A resumed run.
#[derive(Debug)]
pub struct Resume {
    folder: Dir,
    file: File,
    place: Place,
    how: How,
    heads: Heads,
    header: Header,
    verified: Verified,
    tails: Vec<Tail>,
    damaged: bool,
    entries: Entries,
    /// Where the group of the last entry begins, and those of its records that stay.
    begin: End,
    partial: Vec<Record>,
    moved: Option<Moved>,
}

/// The state once a part of FILE does not stay.
#[derive(Debug)]
struct Moved {
    index: Option<Index>,
    appender: Option<Appender>,
}

impl Resume {
    /// Checks all files, and changes nothing. `file` is FILE, at `place`.
    pub fn open(folder: &Folder, file: File, place: &Place, how: How) -> Result<Resume, Error> {
        let lines = Lines { file: &file, place };
        let (verified, tails, damaged) = match read(folder, lines, Trust::Crash) {
            Err(Error::Damaged { .. }) if how.salvage => {
                let (verified, tails) = read(folder, lines, Trust::Salvage)?;
                (verified, tails, true)
            }
            found => found.map(|(verified, tails)| (verified, tails, false))?,
        };
        let mut groups = Groups::open(&folder.journal())?;
        groups.end = verified.end.journal;
        let header = groups.header;
        let begin = End { journal: groups.offset, file: 0 };
        Ok(Resume {
            folder: folder.dir().clone(),
            file,
            place: place.clone(),
            how,
            heads: Heads::default(),
            header,
            verified,
            tails,
            damaged,
            entries: Entries::of(groups),
            begin,
            partial: Vec::new(),
            moved: None,
        })
    }

    /// The same, with records that begin so.
    pub fn with_heads(self, heads: Heads) -> Resume {
        Resume { heads, ..self }
    }

    /// FILE.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// The torn part, whose rows will run again.
    pub fn torn(&self) -> Torn {
        self.verified.torn
    }

    /// Whether any part is damaged, so that only the right records are kept.
    pub fn is_damaged(&self) -> bool {
        self.damaged
    }

    /// The number of right records in FILE.
    pub fn records(&self) -> u64 {
        self.verified.records
    }

    /// Looks up the next row, which has this position in the input.
    pub fn next(&mut self, row: &Input, position: u64) -> Result<Known, Error> {
        let key = Key::of(row);
        if self.moved.is_none() {
            if let Some(status) = self.in_place(key, row, position)? {
                return Ok(Known::InPlace(status));
            }
            self.move_rest()?;
        }
        let index = self.moved.as_mut().and_then(|moved| moved.index.as_mut());
        let found = index.map(|index| index.take(key)).transpose()?.flatten();
        Ok(match found {
            Some((record, line)) => {
                let line = if self.how.ids { self.heads.renewed(row, position, line) } else { line };
                Known::Moved(Record { length: line.len() as u64, occurrence: 0, ..record }, line)
            }
            None => Known::Nothing,
        })
    }

    /// Ends the input: records that follow belong to rows that are gone.
    pub fn end(&mut self) -> Result<(), Error> {
        match self.moved {
            None => {
                // The rest belongs to a next entry, if there is one.
                self.next_entry()?;
                self.move_rest()
            }
            Some(_) => Ok(()),
        }
    }

    /// The rows whose records count as done, wherever those stand.
    pub fn wanted(&self) -> Result<Wanted, Error> {
        let mut all = Vec::new();
        for stretch in self.verified.stretches() {
            let groups = Groups::open(&self.folder.at(JOURNAL))?;
            let mut entries = Entries::between(groups, stretch.begin, stretch.end);
            while let Some(entry) = entries.next()? {
                all.push((entry.record.key, self.how.done.has(entry.record.status)));
            }
        }
        // Stable, so that equal rows stay in their order.
        all.sort_by_key(|(key, _)| *key);
        let of_keys = all.chunk_by(|(a, _), (b, _)| a == b);
        let done = of_keys.flat_map(|rows| rows.iter().zip(0..).filter(|((_, done), _)| *done));
        let mut rows: Vec<_> = done.map(|((key, _), number)| (*key, number)).collect();
        for tail in &self.tails {
            tail.each(&self.folder, |entry| {
                if self.how.done.has(entry.record.status)
                    && let Ok(number) = u32::try_from(entry.record.occurrence)
                {
                    rows.push((entry.record.key, number));
                }
            })?;
        }
        Ok(Wanted::of(rows))
    }

    /// The records that no row has taken, once the input has ended.
    pub fn gone(&mut self) -> Option<Index> {
        self.moved.as_mut()?.index.take()
    }

    /// The writer of new lines. Returned once, when the first row is out of place or the input has ended.
    pub fn appender(&mut self) -> Option<Appender> {
        self.moved.as_mut()?.appender.take()
    }

    fn in_place(&mut self, key: Key, row: &Input, position: u64) -> Result<Option<Status>, Error> {
        if !self.how.ordered {
            return Ok(None);
        }
        let entry = self.next_entry()?;
        let mut entry = entry.filter(|entry| entry.record.key == key && self.how.done.has(entry.record.status));
        let may_differ = self.how.ids && (self.how.shard || self.heads.have_places());
        if let Some(found) = entry.filter(|_| may_differ)
            && !self.begins(found, &self.heads.of(row, position))?
        {
            entry = None;
        }
        self.partial.extend(entry.map(|entry| entry.record));
        Ok(entry.map(|entry| entry.record.status))
    }

    /// Whether the line of an entry, if it has one, begins so.
    fn begins(&self, entry: Entry, begin: &[u8]) -> Result<bool, Error> {
        if entry.record.length < begin.len() as u64 {
            return Ok(entry.record.length == 0);
        }
        let mut line = vec![0; begin.len()];
        self.file.read_exact_at(&mut line, entry.offset).map_err(at(&self.place))?;
        Ok(line == begin)
    }

    /// Moves to the next entry, with `begin` and `partial` of its group. After the last entry they are those of the
    /// end.
    fn next_entry(&mut self) -> Result<Option<Entry>, Error> {
        let entry = self.entries.next()?;
        let begin = if entry.is_some() { self.entries.begin() } else { self.verified.end };
        if begin != self.begin {
            self.begin = begin;
            self.partial.clear();
        }
        Ok(entry)
    }

    fn move_rest(&mut self) -> Result<(), Error> {
        let (begin, end) = (self.begin, self.verified.end);
        let rest = (begin != end).then_some(Stretch { begin, end });
        let rest: Vec<_> = rest.into_iter().chain(self.verified.behind.iter().copied()).collect();
        // While the partly kept group is written anew, its records are not in a journal.
        if !self.partial.is_empty() || self.anything_is_done_in(&rest)? {
            self.tails.push(tails::take(&self.folder, Lines { file: &self.file, place: &self.place }, &rest)?);
        }
        let appender = self.cut_off()?;
        let mut index = Index::load(&self.folder, &self.tails, self.how.done)?;
        if let Some(index) = &mut index {
            // Rows that stay count as occurrences, too.
            let mut entries = Entries::open(&self.folder)?;
            while let Some(entry) = entries.next()? {
                index.pass(entry.record.key);
            }
        }
        self.moved = Some(Moved { index, appender: Some(appender) });
        Ok(())
    }

    /// Whether any record may be of use.
    fn anything_is_done_in(&self, stretches: &[Stretch]) -> Result<bool, Error> {
        for stretch in stretches {
            let groups = Groups::open(&self.folder.at(JOURNAL))?;
            let mut entries = Entries::between(groups, stretch.begin, stretch.end);
            while let Some(entry) = entries.next()? {
                if self.how.done.has(entry.record.status) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Cuts off journal and FILE behind the part that stays.
    fn cut_off(&self) -> Result<Appender, Error> {
        let journal_place = self.folder.at(JOURNAL);
        let journal = journal_place.edit().map_err(at(&journal_place))?;
        let file = self.file.try_clone().map_err(at(&self.place))?;
        let length: u64 = self.partial.iter().map(|record| record.length).sum();
        let mut lines = vec![0; length as usize];
        file.read_exact_at(&mut lines, self.begin.file).map_err(at(&self.place))?;
        let header = self.header(&journal).map_err(at(&journal_place))?;
        journal.set_len(self.begin.journal).map_err(at(&journal_place))?;
        if self.how.durable {
            // The disk must never hold a longer journal before a shorter FILE.
            journal.sync_all().map_err(at(&journal_place))?;
        }
        let end = End { file: self.begin.file + length, ..self.begin };
        file.set_len(end.file).map_err(at(&self.place))?;
        let mut appender = Appender::resume(header, (journal, &journal_place), (file, &self.place), end)?;
        if self.how.durable {
            // The lines are on the disk before a record of them is written.
            appender.sync()?;
        }
        if !self.partial.is_empty() {
            appender.commit(&lines, &self.partial)?;
        }
        if self.how.durable {
            // The records may have been on the disk before, and later lines that cause a sync may never come.
            appender.sync()?;
            // The run may have begun without `--durable`.
            sync_folder(&journal_place)?;
            sync_folder(&self.place)?;
        }
        Ok(appender)
    }

    /// The header of the new part, which has the setting `durable`.
    fn header(&self, journal: &File) -> std::io::Result<Header> {
        let kind = if self.how.durable { Kind::Durable } else { Kind::Plain };
        let header = Header { kind, ..self.header };
        if header != self.header {
            journal.write_all_at(&header.encode(), 0)?;
        }
        Ok(header)
    }
}

/// Reads and checks all files.
fn read(folder: &Folder, lines: Lines<'_>, trust: Trust) -> Result<(Verified, Vec<Tail>), Error> {
    Ok((verify(&folder.journal(), lines, trust)?, tails::check(folder.dir(), trust)?))
}
