//! Whether a journal and its lines are what was written, and up to where.
//!
//! What is torn, and so dropped and done again:
//!
//! - a last group that is incomplete or wrong, whatever follows it, as long as no group does;
//! - groups at the end whose lines are missing in FILE, or hold zero bytes, which no line does: blocks that did not reach
//!   the disk. That FILE's bytes are others is never the work of a crash.
//! - in a durable journal, anything after the last group that says that all before it had reached the disk. A disk
//!   writes in any order, so right groups can stand behind wrong ones there.
//!
//! Everything else that is wrong is damage.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use wpool::place::Place;

use super::Error;
use super::at;
use super::entries::End;
use super::format::{Group, Kind};
use super::groups::Groups;

/// Bytes of lines read at a time.
const BLOCK: usize = 256 << 10;

/// What was dropped, or will be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Torn {
    /// Bytes of the journal.
    pub journal: u64,
    /// Bytes of FILE.
    pub file: u64,
}

/// What of a journal can be built on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Its end in the journal and in FILE.
    pub end: End,
    pub torn: Torn,
}

/// Lines as they are found.
enum Lines {
    Right,
    /// They end early or hold zero bytes.
    Torn,
    Wrong,
}

/// Reads all of a journal and of the file of its lines, which stands at a place.
pub fn verify(journal: &Place, file: &File, lines: &Place) -> Result<Verified, Error> {
    let length = file.metadata().map_err(at(lines))?.len();
    let mut groups = Groups::open(journal)?;
    let mut end = End { journal: groups.offset, file: 0 };
    let mut block = vec![0; BLOCK];
    while let Some(group) = groups.next()? {
        match check(file, length, end.file, &group, &mut block).map_err(at(lines))? {
            Lines::Right => {}
            Lines::Wrong => return Err(damaged_lines(lines, end.file)),
            Lines::Torn if stands_behind_lines(&mut groups, file, length, end.file + bytes(&group), &mut block)? => {
                return Err(damaged_lines(lines, end.file));
            }
            Lines::Torn => break,
        }
        end = End { journal: groups.offset, file: end.file + bytes(&group) };
    }
    if groups.offset == end.journal && stands_behind(&mut groups)? {
        let what = "what stands there is no group of records, and groups follow it";
        return Err(Error::Damaged { path: journal.path(), offset: end.journal, what });
    }
    let torn = Torn { journal: groups.end - end.journal, file: length - end.file };
    Ok(Verified { end, torn })
}

fn damaged_lines(lines: &Place, offset: u64) -> Error {
    let what = "its bytes from there on are not those that were written";
    Error::Damaged { path: lines.path(), offset, what }
}

fn bytes(group: &Group) -> u64 {
    group.records.iter().fold(0, |sum: u64, record| sum.saturating_add(record.length))
}

fn check(file: &File, length: u64, offset: u64, group: &Group, block: &mut [u8]) -> io::Result<Lines> {
    let end = offset.saturating_add(bytes(group));
    if end > length {
        return Ok(Lines::Torn);
    }
    let mut hasher = crc32fast::Hasher::new();
    let mut zeros = false;
    let mut at = offset;
    while at < end {
        let part = (block.len() as u64).min(end - at) as usize;
        let part = &mut block[..part];
        file.read_exact_at(part, at)?;
        hasher.update(part);
        zeros |= memchr::memchr(0, part).is_some();
        at += part.len() as u64;
    }
    Ok(match hasher.finalize() == group.file {
        true => Lines::Right,
        false if zeros => Lines::Torn,
        false => Lines::Wrong,
    })
}

/// Whether something behind a wrong group, at which the journal stands, says that it was right once.
pub(super) fn stands_behind(groups: &mut Groups) -> Result<bool, Error> {
    if !groups.resynchronise()? {
        return Ok(false);
    }
    if groups.header.kind != Kind::Durable {
        return Ok(true);
    }
    loop {
        match groups.next()? {
            Some(group) if group.synced => return Ok(true),
            Some(_) => {}
            None if groups.resynchronise()? => {}
            None => return Ok(false),
        }
    }
}

/// Whether something behind torn lines says that they were right once.
fn stands_behind_lines(
    groups: &mut Groups,
    file: &File,
    length: u64,
    mut offset: u64,
    block: &mut [u8],
) -> Result<bool, Error> {
    let durable = groups.header.kind == Kind::Durable;
    while let Some(group) = groups.next()? {
        let next = offset.saturating_add(bytes(&group));
        let stands = match durable {
            true => group.synced,
            false if next == offset => false,
            false => {
                let found = check(file, length, offset, &group, block).map_err(at(&groups.place))?;
                matches!(found, Lines::Right)
            }
        };
        if stands {
            return Ok(true);
        }
        offset = next;
    }
    Ok(false)
}
