//! Records and lines that were taken from FILE's end, because the input has changed from there on, or because rows in
//! the middle are torn. They answer rows of the new input.
//!
//! A tail is `tail-N.lines`, a copy of FILE's bytes, and `tail-N`, a journal of them whose records have the number of
//! equal rows before. The lines are on the disk before their journal gets its name, and the name exists before anything
//! is cut off. So lines without a journal mean nothing. A record may be in FILE and in tails at once: row for row they
//! are equal, and the newest is taken.
//!
//! Looking up records takes 36 bytes of memory for each record in a tail, and moving them some 50. A tail exists only
//! when the input has changed, when rows in the middle were not done, or with `--unordered`.

use std::cmp::Reverse;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;

use wpool::Status;
use wpool::place::{Dir, PRIVATE, Place};

use crate::cli::journal::disk::{self, JOURNAL, replace};
use crate::cli::journal::entries::{Entries, Entry};
use crate::cli::journal::error::{Error, at};
use crate::cli::journal::format::{End, HEADER, Header, Kind, Record, STATUS_BITS};
use crate::cli::journal::groups::Groups;
use crate::cli::journal::key::Key;
use crate::cli::journal::stays::Stays;
use crate::cli::journal::verify::{Lines, Stretch, Trust, verify};

/// Bits of a slot's place for the offset in its tail's lines. The other bits are the number of the tail.
const OFFSET_BITS: u32 = 48;

const PREFIX: &str = "tail-";
const LINES: &str = ".lines";

/// A tail's journal and its lines.
fn places(folder: &Dir, number: u64) -> (Place, Place) {
    let journal = folder.at(format!("{PREFIX}{number}"));
    let lines = journal.and(LINES);
    (journal, lines)
}

/// The number of the tail whose journal or lines have this name, and whether the name is of the lines.
pub(super) fn number(name: &OsStr) -> Option<(u64, bool)> {
    let rest = name.to_str()?.strip_prefix(PREFIX)?;
    let of_lines = rest.strip_suffix(LINES);
    let digits = of_lines.unwrap_or(rest);
    // So small that the next number fits, too, and only in the form in which numbers are written.
    let number: u32 = digits.parse().ok()?;
    (number.to_string() == digits).then_some((number.into(), of_lines.is_some()))
}

/// Numbers of a folder's tails, oldest first.
pub fn numbers(folder: &Dir) -> Result<Vec<u64>, Error> {
    let names = folder.names().map_err(at(&folder.at("")))?;
    let of_journals = names.iter().filter_map(|name| number(name)).filter(|(_, is_lines)| !is_lines);
    let mut numbers: Vec<_> = of_journals.map(|(number, _)| number).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// Removes all tails of a folder, the journals first.
pub fn remove(folder: &Dir) -> Result<(), Error> {
    let names = folder.names().map_err(at(&folder.at("")))?;
    let mut tails: Vec<_> = names.iter().filter_map(|name| Some((number(name)?.1, name))).collect();
    tails.sort_unstable();
    tails.into_iter().try_for_each(|(_, name)| disk::remove(&folder.at(name)))
}

/// A tail, and its right part.
#[derive(Debug)]
pub struct Tail {
    number: u64,
    stretches: Vec<Stretch>,
}

impl Tail {
    /// Gives each record that is right.
    pub(super) fn each(&self, folder: &Dir, mut take: impl FnMut(Entry)) -> Result<(), Error> {
        let (journal, _) = places(folder, self.number);
        for stretch in &self.stretches {
            let mut entries = Entries::between(Groups::open(&journal)?, stretch.begin, stretch.end);
            while let Some(entry) = entries.next()? {
                take(entry);
            }
        }
        Ok(())
    }
}

/// Reads all tails of a folder, oldest first. They were on the disk before they got their names, so no part of them may
/// be torn. A salvage leaves out every wrong part.
pub fn check(folder: &Dir, trust: Trust) -> Result<Vec<Tail>, Error> {
    let mut tails = Vec::new();
    for number in numbers(folder)? {
        let (journal, lines) = places(folder, number);
        let file = lines.read().map_err(at(&lines))?;
        let found = match verify(&journal, Lines { file: &file, place: &lines }, trust) {
            // Without its beginning none of its groups can be checked.
            Err(Error::Damaged { .. }) if trust == Trust::Salvage => continue,
            found => found?,
        };
        if trust == Trust::Crash && (found.torn.journal > 0 || found.torn.gaps.is_some()) {
            let what = "a group of records, or its lines, are not what was written";
            return Err(Error::Damaged { path: journal.path(), offset: found.end.journal, what });
        }
        tails.push(Tail { number, stretches: found.stretches().collect() });
    }
    Ok(tails)
}

/// Copies stretches of FILE and its journal into a new tail.
pub fn take(folder: &Dir, lines: Lines<'_>, stretches: &[Stretch]) -> Result<Tail, Error> {
    let number = numbers(folder)?.last().map_or(0, |last| last + 1);
    let (journal, copied) = places(folder, number);
    let length = copy(lines, stretches, &copied)?;
    let groups = journal_of(folder, stretches)?;
    replace(&journal, &groups, true)?;
    let begin = End { journal: HEADER as u64, file: 0 };
    let end = End { journal: groups.len() as u64, file: length };
    Ok(Tail { number, stretches: vec![Stretch { begin, end }] })
}

fn copy(lines: Lines<'_>, stretches: &[Stretch], into: &Place) -> Result<u64, Error> {
    let mut source = lines.file;
    let mut copy = into.create_anew(PRIVATE).map_err(at(into))?;
    let mut length = 0;
    for Stretch { begin, end } in stretches {
        source.seek(SeekFrom::Start(begin.file)).map_err(at(lines.place))?;
        let copied = io::copy(&mut source.take(end.file - begin.file), &mut copy).map_err(at(into))?;
        if copied != end.file - begin.file {
            return Err(at(lines.place)(io::Error::other("it has become shorter")));
        }
        length += copied;
    }
    copy.flush().and_then(|()| copy.sync_all()).map_err(at(into))?;
    Ok(length)
}

/// The journal of a tail: the groups of stretches, with occurrences. Torn groups between them count for the occurrences
/// as well: their rows come before, and run again. Rows of groups that the journal has lost cannot be counted, so a
/// later row can answer an equal lost one.
fn journal_of(folder: &Dir, stretches: &[Stretch]) -> Result<Vec<u8>, Error> {
    let mut groups = Groups::open(&folder.at(JOURNAL))?;
    let start = groups.offset;
    let mut occurrences = Occurrences::of(&mut groups, stretches)?;
    (groups.offset, groups.end) = (start, stretches.last().map_or(start, |last| last.end.journal));
    let header = Header::new(Kind::Tail);
    let mut bytes = header.encode().to_vec();
    while let Some((begin, mut group)) = groups.next_anywhere()? {
        group.records.iter_mut().for_each(|record| record.occurrence = occurrences.next(record.key));
        let at = stretches.partition_point(|stretch| stretch.end.journal <= begin);
        if stretches.get(at).is_some_and(|stretch| stretch.begin.journal <= begin) {
            let offset = bytes.len() as u64;
            header.push_group(offset, &group.records, group.file, false, &mut bytes);
        }
    }
    Ok(bytes)
}

/// The number of times that keys have come, only for the keys of some stretches.
struct Occurrences(Vec<(Key, u64)>);

impl Occurrences {
    fn of(groups: &mut Groups, stretches: &[Stretch]) -> Result<Occurrences, Error> {
        let mut keys = Vec::new();
        for stretch in stretches {
            (groups.offset, groups.end) = (stretch.begin.journal, stretch.end.journal);
            while let Some(group) = groups.next()? {
                keys.extend(group.records.iter().map(|record| (record.key, 0)));
            }
        }
        keys.sort_unstable();
        keys.dedup();
        Ok(Occurrences(keys))
    }

    fn next(&mut self, key: Key) -> u64 {
        let Ok(at) = self.0.binary_search_by_key(&key, |(key, _)| *key) else { return 0 };
        let count = &mut self.0[at].1;
        *count += 1;
        *count - 1
    }
}

/// The records of all tails, by their rows.
#[derive(Debug)]
pub struct Index {
    slots: Vec<Slot>,
    /// The number of rows with a slot's key so far, counted at the first slot of the key.
    seen: Vec<u32>,
    tails: Vec<(Place, File)>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    key: Key,
    occurrence: u32,
    /// Number of the tail, and offset.
    place: u64,
    /// Bytes of its line, and its status.
    value: u64,
}

impl Index {
    /// The records of tails that count as done; `None` when there are no tails.
    pub fn load(folder: &Dir, tails: &[Tail], done: Stays) -> Result<Option<Index>, Error> {
        if tails.is_empty() {
            return Ok(None);
        }
        let mut index = Index { slots: Vec::new(), seen: Vec::new(), tails: Vec::new() };
        // The newest first, because a stable sort and the removal of equal slots keep the first.
        for tail in tails.iter().rev() {
            index.add(folder, tail, done)?;
        }
        index.slots.sort_by_key(|slot| (slot.key, slot.occurrence));
        index.slots.dedup_by_key(|slot| (slot.key, slot.occurrence));
        index.slots.shrink_to_fit();
        index.seen = vec![0; index.slots.len()];
        Ok(Some(index))
    }

    fn add(&mut self, folder: &Dir, tail: &Tail, done: Stays) -> Result<(), Error> {
        let (_, lines) = places(folder, tail.number);
        let number = (self.tails.len() as u64) << OFFSET_BITS;
        tail.each(folder, |entry| {
            let Record { key, status, length, occurrence } = entry.record;
            if done.has(status)
                && let Ok(occurrence) = u32::try_from(occurrence)
            {
                let value = length << STATUS_BITS | status as u64;
                self.slots.push(Slot { key, occurrence, place: number | entry.offset, value });
            }
        })?;
        let file = lines.read().map_err(at(&lines))?;
        self.tails.push((lines, file));
        Ok(())
    }

    /// Counts a row, and returns its record and line, if it is done.
    pub fn take(&mut self, key: Key) -> Result<Option<(Record, Vec<u8>)>, Error> {
        let Some(slot) = self.slot(key) else { return Ok(None) };
        let status = Status::ALL[(slot.value & ((1 << STATUS_BITS) - 1)) as usize];
        let record = Record { key, status, length: slot.value >> STATUS_BITS, occurrence: slot.occurrence.into() };
        let (place, file) = &self.tails[(slot.place >> OFFSET_BITS) as usize];
        let mut line = vec![0; record.length as usize];
        file.read_exact_at(&mut line, slot.place & ((1 << OFFSET_BITS) - 1)).map_err(at(place))?;
        Ok(Some((record, line)))
    }

    /// How many records no row has taken.
    pub fn left(&self) -> usize {
        self.left_slots().count()
    }

    fn left_slots(&self) -> impl Iterator<Item = &Slot> {
        let mut first = 0;
        self.slots.chunk_by(|a, b| a.key == b.key).flat_map(move |of_key| {
            let seen = self.seen[first];
            first += of_key.len();
            of_key.iter().filter(move |slot| slot.occurrence >= seen)
        })
    }

    /// Copies the lines of records that no row has taken, the oldest first.
    pub(super) fn copy_left(&self, into: &mut impl Write) -> io::Result<()> {
        let split = |slot: &Slot| ((slot.place >> OFFSET_BITS) as usize, slot.place & ((1 << OFFSET_BITS) - 1));
        let mut left: Vec<_> = self.left_slots().collect();
        // Newer tails have lower numbers here.
        left.sort_unstable_by_key(|slot| (Reverse(split(slot).0), split(slot).1));
        let mut line = Vec::new();
        for slot in left {
            let (tail, offset) = split(slot);
            line.resize((slot.value >> STATUS_BITS) as usize, 0);
            self.tails[tail].1.read_exact_at(&mut line, offset)?;
            into.write_all(&line)?;
        }
        Ok(())
    }

    /// Counts a row that needs no record.
    pub fn pass(&mut self, key: Key) {
        self.slot(key);
    }

    /// Counts a row, and returns its slot, if it is done.
    fn slot(&mut self, key: Key) -> Option<Slot> {
        let first = self.slots.partition_point(|slot| slot.key < key);
        if self.slots.get(first)?.key != key {
            return None;
        }
        let occurrence = self.seen[first];
        self.seen[first] = occurrence.saturating_add(1);
        let of_key = &self.slots[first..];
        let at = of_key.partition_point(|slot| (slot.key, slot.occurrence) < (key, occurrence));
        of_key.get(at).filter(|slot| (slot.key, slot.occurrence) == (key, occurrence)).copied()
    }
}
