//! Holes: zeros where a file system has grown a file whose bytes did not reach the disk before a power cut.
//!
//! Files grow at their ends, and a disk takes blocks in any order. So a block is missing as a whole, or was written
//! when it held less: a hole reaches to the end of a block or of the file. In FILE every zero byte is wrong, because
//! lines do not hold zero bytes. In a journal a zero byte can be right, but a group never begins with one and never
//! holds a whole block of zeros.
//!
//! The lengths of lines are lost with a hole of the journal. [`find`] locates the lines of later groups by their own
//! CRC.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crc32fast::Hasher;

use crate::cli::journal::format::Group;

/// The smallest block that a disk writes as one. Pages of 4 KiB begin and end where such blocks do.
const BLOCK: u64 = 512;

/// Whether all zero bytes between two places of FILE belong to holes.
pub fn all_in_holes(file: &File, from: u64, to: u64, length: u64) -> io::Result<bool> {
    let mut block = [0; BLOCK as usize];
    let mut at = from;
    while at < to {
        let end = next_block(at).min(length);
        let part = &mut block[..(end - at) as usize];
        file.read_exact_at(part, at)?;
        let own = part.len().min((to - at) as usize);
        if memchr::memchr(0, &part[..own]).is_some_and(|first| !is_zero(&part[first..])) {
            return Ok(false);
        }
        at = end;
    }
    Ok(true)
}

/// Whether a hole lies between two places of a journal: the end of a group, and the next beginning of one.
pub fn lies_between(journal: &File, from: u64, to: u64) -> io::Result<bool> {
    let mut block = [0; BLOCK as usize];
    let mut at = from;
    while next_block(at) <= to {
        let end = next_block(at);
        let part = &mut block[..(end - at) as usize];
        journal.read_exact_at(part, at)?;
        if is_zero(part) {
            return Ok(true);
        }
        at = end;
    }
    Ok(false)
}

fn next_block(at: u64) -> u64 {
    (at / BLOCK + 1) * BLOCK
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

/// Finds the first place with the lines of a group. The place is the beginning of a line.
///
/// Makes one pass, in memory for as many lines as the group has, whatever the file holds. Equal lines may be in several
/// places; each is as good as the group's own.
pub fn find(file: &File, group: &Group, from: u64, length: u64, buffer: &mut [u8]) -> io::Result<Option<u64>> {
    let mut window = Window::over(group, from);
    let mut at = from;
    while at < length {
        let part = (buffer.len() as u64).min(length - at) as usize;
        let part = &mut buffer[..part];
        file.read_exact_at(part, at)?;
        let mut done = 0;
        for newline in memchr::memchr_iter(b'\n', part) {
            let start = window.add(&part[done..=newline], at + newline as u64 + 1);
            if start.is_some() {
                return Ok(start);
            }
            done = newline + 1;
        }
        window.hasher.update(&part[done..]);
        at += part.len() as u64;
    }
    Ok(None)
}

/// A window of as many lines as a group has, which moves through FILE.
struct Window {
    /// The lengths of the group's lines.
    lengths: Vec<u64>,
    bytes: u64,
    crc: u32,
    /// The CRCs of single bits that are followed by as many bytes as the group's lines have.
    behind: [u32; 32],
    /// The hash of everything from the first line on.
    hasher: Hasher,
    /// Where lines begin, each with the CRC of everything before it.
    starts: VecDeque<(u64, u32)>,
}

impl Window {
    fn over(group: &Group, from: u64) -> Window {
        let lengths: Vec<u64> = group.records.iter().map(|record| record.length).filter(|length| *length > 0).collect();
        let bytes = group.bytes();
        let zeros = Hasher::new_with_initial_len(0, bytes);
        let behind = std::array::from_fn(|bit| {
            let mut hasher = Hasher::new_with_initial(1 << bit);
            hasher.combine(&zeros);
            hasher.finalize()
        });
        let starts = VecDeque::from([(from, 0)]);
        Window { lengths, bytes, crc: group.file, behind, hasher: Hasher::new(), starts }
    }

    /// Adds the rest of a line that has a successor. Returns the place of the group's lines if they end here.
    fn add(&mut self, rest: &[u8], end: u64) -> Option<u64> {
        self.hasher.update(rest);
        self.starts.push_back((end, self.hasher.clone().finalize()));
        if self.starts.len() <= self.lengths.len() {
            return None;
        }
        let found = self.holds_the_group();
        let (start, _) = self.starts.pop_front()?;
        found.then_some(start)
    }

    fn holds_the_group(&self) -> bool {
        let (Some((start, before)), Some((end, crc))) = (self.starts.front(), self.starts.back()) else { return false };
        end - start == self.bytes
            && crc ^ self.moved(*before) == self.crc
            && self
                .starts
                .iter()
                .zip(self.starts.iter().skip(1))
                .map(|(a, b)| b.0 - a.0)
                .eq(self.lengths.iter().copied())
    }

    /// The contribution of a CRC to the CRC of data that is longer by the group's lines. CRCs are linear.
    fn moved(&self, crc: u32) -> u32 {
        (0..32).filter(|bit| crc >> bit & 1 == 1).fold(0, |sum, bit| sum ^ self.behind[bit])
    }
}
