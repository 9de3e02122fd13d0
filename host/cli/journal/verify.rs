//! Finds the parts of a journal and its lines that are as they were written.
//!
//! Torn parts are dropped, their rows run again, and right groups behind them stay. The torn parts are
//!
//! - a last group that is incomplete or wrong, whatever follows it, as long as no group does;
//! - groups at the end whose lines are missing in FILE, or hold zero bytes, which a line never does;
//! - holes ([`holes`]) anywhere: groups whose lines have one, and the journal's own losses to one;
//! - in a durable journal, every wrong part, and lines with zero bytes, after the last group with the mark that
//!   everything before it had reached the disk. A disk writes in any order, so right groups can stand behind wrong ones
//!   there.
//!
//! Every other wrong part is damage, and so is every wrong part before a group with this mark: a crash never changes
//! bytes of FILE that are on the disk, or removes them.
//!
//! Behind a hole of the journal the places of lines are unknown. They are searched, and lines that are not found count
//! as torn, whatever happened to them. A damaged journal is read in the same way when its user asks for its right parts
//! ([`Trust::Salvage`]): then every wrong part counts as torn.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use wpool::place::Place;

use crate::cli::journal::error::{Error, at};
use crate::cli::journal::format::{End, Group, HEADER, Kind};
use crate::cli::journal::groups::Groups;
use crate::cli::journal::holes;

/// Bytes of lines read at a time.
const BLOCK: usize = 256 << 10;
/// Searches for the lines of a group that may fail. Each costs a pass through the rest of FILE.
const SEARCHES: u32 = 16;

/// The parts that count as right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The parts that a crash leaves right.
    Crash,
    /// All right parts, for a user who knows of the damage.
    Salvage,
}

/// The parts that were dropped, or will be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Torn {
    /// Bytes at the journal's end.
    pub journal: u64,
    /// Bytes at FILE's end.
    pub file: u64,
    /// The torn parts before groups that stay, if there are any.
    pub gaps: Option<Gaps>,
}

/// The torn parts between stretches that stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gaps {
    pub count: u64,
    /// Where the first gap is.
    pub first: End,
    /// Bytes of FILE in all gaps.
    pub file: u64,
    /// Records in the gaps that the journal still has.
    pub lost: u64,
    /// Kept records behind the first gap.
    pub kept: u64,
}

/// Right groups that follow each other in the journal, as their lines do in FILE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    pub begin: End,
    pub end: End,
}

/// The usable parts of a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The end of the right groups at the beginning.
    pub end: End,
    /// The right groups behind torn ones, in the order of the journal.
    pub behind: Vec<Stretch>,
    /// Records that stay.
    pub records: u64,
    pub torn: Torn,
}

impl Verified {
    /// All stretches of right groups, in the order of the journal; the first may be empty.
    pub fn stretches(&self) -> impl Iterator<Item = Stretch> {
        let begin = End { journal: HEADER as u64, file: 0 };
        [Stretch { begin, end: self.end }].into_iter().chain(self.behind.iter().copied())
    }
}

/// The result of a check of lines.
enum Checked {
    Right,
    /// They end early.
    Short,
    /// They differ, and hold zero bytes.
    Zeros,
    Wrong,
}

/// An open file of lines, with its place.
#[derive(Clone, Copy, Debug)]
pub struct Lines<'a> {
    pub file: &'a File,
    pub place: &'a Place,
}

/// Reads a whole journal and its lines.
pub fn verify(journal: &Place, lines: Lines<'_>, trust: Trust) -> Result<Verified, Error> {
    let mut groups = Groups::open(journal)?;
    let mut reading = Reading::new(&groups, lines, trust)?;
    loop {
        let begin = groups.offset;
        if let Some(group) = groups.next()? {
            reading.group(&group, begin, groups.offset)?;
        } else if groups.resynchronise()? {
            reading.gap(&groups, begin)?;
        } else {
            return Ok(reading.end(groups.end));
        }
    }
}

/// A journal and its lines while they are read.
struct Reading<'a> {
    lines: Lines<'a>,
    length: u64,
    buffer: Vec<u8>,
    kind: Kind,
    trust: Trust,
    /// The right groups. The first stretch is at the beginning.
    stretches: Vec<Stretch>,
    records: u64,
    /// Records of the first stretch.
    first: u64,
    /// Records of torn groups since the last stretch.
    pending: u64,
    /// Records of torn groups before it.
    lost: u64,
    /// Where the lines of the next group stand.
    next: u64,
    /// Whether `next` is a guess.
    guessed: bool,
    searches: u32,
    /// The first torn part. It is damage if a later group has the mark that it had reached the disk.
    torn: Option<Error>,
    /// The first part that is torn only if no right lines follow.
    doubtful: Option<Error>,
}

impl<'a> Reading<'a> {
    fn new(groups: &Groups, lines: Lines<'a>, trust: Trust) -> Result<Reading<'a>, Error> {
        let begin = End { journal: groups.offset, file: 0 };
        Ok(Reading {
            lines,
            length: lines.file.metadata().map_err(at(lines.place))?.len(),
            buffer: vec![0; BLOCK],
            kind: groups.header.kind,
            trust,
            stretches: vec![Stretch { begin, end: begin }],
            records: 0,
            first: 0,
            pending: 0,
            lost: 0,
            next: 0,
            guessed: trust == Trust::Salvage,
            searches: SEARCHES,
            torn: None,
            doubtful: None,
        })
    }

    /// Handles a group between two places of the journal.
    fn group(&mut self, group: &Group, begin: u64, end: u64) -> Result<(), Error> {
        if group.synced
            && self.trust == Trust::Crash
            && let Some(damage) = self.torn.take()
        {
            return Err(damage);
        }
        let (records, bytes) = (group.records.len() as u64, group.bytes());
        let Some(place) = self.place(group)? else {
            self.pending += records;
            self.next = self.next.saturating_add(bytes);
            return Ok(());
        };
        if bytes > 0
            && let Some(damage) = self.doubtful.take()
        {
            return Err(damage);
        }
        let begin = End { journal: begin, file: place };
        let end = End { journal: end, file: place + bytes };
        match self.stretches.last_mut() {
            Some(last) if last.end == begin => last.end = end,
            _ => {
                self.stretches.push(Stretch { begin, end });
                self.lost += std::mem::take(&mut self.pending);
            }
        }
        self.records += records;
        if self.stretches.len() == 1 {
            self.first = self.records;
        }
        if bytes > 0 {
            self.next = end.file;
        }
        Ok(())
    }

    /// Finds a group's lines; `None` if they are torn.
    fn place(&mut self, group: &Group) -> Result<Option<u64>, Error> {
        let right = self.right_end();
        if group.bytes() == 0 {
            return Ok(Some(right));
        }
        let failed = at(self.lines.place);
        let found = check(self.lines.file, self.length, self.next, group, &mut self.buffer).map_err(failed)?;
        if matches!(found, Checked::Right) {
            return Ok(Some(self.next));
        }
        if self.guessed {
            if self.searches == 0 {
                return Ok(None);
            }
            let found = holes::find(self.lines.file, group, right, self.length, &mut self.buffer).map_err(failed)?;
            self.searches -= u32::from(found.is_none());
            return Ok(found);
        }
        let what = "its bytes from there on differ from the bytes that were written";
        let damage = Error::Damaged { path: self.lines.place.path(), offset: self.next, what };
        let place = match found {
            Checked::Wrong => return Err(damage),
            Checked::Zeros if self.kind != Kind::Durable => {
                let end = self.next + group.bytes();
                let holes = holes::all_in_holes(self.lines.file, self.next, end, self.length).map_err(failed)?;
                if holes { &mut self.torn } else { &mut self.doubtful }
            }
            _ => &mut self.torn,
        };
        place.get_or_insert(damage);
        Ok(None)
    }

    /// Skips bytes of the journal, from a place to the next group, that are not a group.
    fn gap(&mut self, groups: &Groups, from: u64) -> Result<(), Error> {
        let what = "the bytes there are not a group of records, and groups follow them";
        let damage = Error::Damaged { path: groups.place.path(), offset: from, what };
        if self.trust == Trust::Crash && self.kind != Kind::Durable && !groups.has_hole_since(from)? {
            return Err(damage);
        }
        self.torn.get_or_insert(damage);
        self.guessed = true;
        Ok(())
    }

    fn right_end(&self) -> u64 {
        self.stretches.last().map_or(0, |last| last.end.file)
    }

    fn end(self, journal: u64) -> Verified {
        let first = self.stretches[0].end;
        let last = self.stretches[self.stretches.len() - 1].end;
        let between = |pair: &[Stretch]| pair[1].begin.file.saturating_sub(pair[0].end.file);
        let gaps = (self.stretches.len() > 1).then(|| Gaps {
            count: self.stretches.len() as u64 - 1,
            first,
            file: self.stretches.windows(2).map(between).sum(),
            lost: self.lost,
            kept: self.records - self.first,
        });
        let torn = Torn { journal: journal.saturating_sub(last.journal), file: self.length - last.file, gaps };
        Verified { end: first, behind: self.stretches[1..].to_vec(), records: self.records, torn }
    }
}

fn check(file: &File, length: u64, offset: u64, group: &Group, buffer: &mut [u8]) -> io::Result<Checked> {
    let end = offset.saturating_add(group.bytes());
    if end > length {
        return Ok(Checked::Short);
    }
    let mut hasher = crc32fast::Hasher::new();
    let mut zeros = false;
    let mut at = offset;
    while at < end {
        let part = (buffer.len() as u64).min(end - at) as usize;
        let part = &mut buffer[..part];
        file.read_exact_at(part, at)?;
        hasher.update(part);
        zeros |= memchr::memchr(0, part).is_some();
        at += part.len() as u64;
    }
    Ok(match hasher.finalize() == group.file {
        true => Checked::Right,
        false if zeros => Checked::Zeros,
        false => Checked::Wrong,
    })
}

/// Whether something behind a wrong group, at the current place, proves that the group was right once.
pub(super) fn stands_behind(groups: &mut Groups) -> Result<bool, Error> {
    let from = groups.offset;
    if !groups.resynchronise()? {
        return Ok(false);
    }
    if groups.header.kind != Kind::Durable && !groups.has_hole_since(from)? {
        return Ok(true);
    }
    while let Some((_, group)) = groups.next_anywhere()? {
        if group.synced {
            return Ok(true);
        }
    }
    Ok(false)
}
