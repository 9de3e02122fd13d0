//! The bytes of a journal: a header, then groups.
//!
//! ```text
//! journal = header group…
//! header  = "wpooljrn" format:u8 kind:u8 salt:[u8; 8] crc:u32
//! group   = varint(count << 1 | synced) record{count} file:u32 crc:u32
//! record  = key:[u8; 12] varint(length << 4 | status)      and in a tail, varint(occurrence)
//! ```
//!
//! A group stands for one piece of FILE. `length` is that of a row's line with its newline (0 for a row without a line
//! in FILE, as with `--only`), `file` is the CRC of the piece. The group's own CRC begins with the journal's salt and
//! the group's offset, so that blocks of another journal, or from elsewhere in this one, are not groups. `synced` means
//! that everything before the group, of the journal and of FILE, had reached the disk before the group was written.
//!
//! A row costs 12 bytes and a number of 1 to 3 bytes for lines below 128 KiB; a group 9 or 10 bytes. So a row costs at
//! most 24, when every row is a group of its own.

use std::hash::{BuildHasher, RandomState};

use crc32fast::Hasher;
use wpool::Status;

use crate::cli::journal::key::{KEY, Key};

/// Most rows of a group. A group is checked and kept as a whole.
pub const MAX_ROWS: usize = 4_096;
/// Most bytes of a number of up to 64 bits.
const MAX_VARINT: usize = 10;
/// Longest group.
pub const MAX_GROUP: usize = MAX_VARINT + MAX_ROWS * (KEY + 2 * MAX_VARINT) + 8;
pub const HEADER: usize = MAGIC.len() + 2 + SALT + 4;
const MAGIC: &[u8] = b"wpooljrn";
const SALT: usize = 8;
/// Bits of a number for the place of a status in [`Status::ALL`], which is part of the format.
pub const STATUS_BITS: u32 = 4;

/// The kind of a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// FILE, written without fsync.
    Plain,
    /// FILE, written with fsync from time to time.
    Durable,
    /// A part taken from FILE's end. Its records have occurrences.
    Tail,
}

/// The beginning of a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    pub kind: Kind,
    pub salt: [u8; SALT],
}

/// One row that is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    pub key: Key,
    pub status: Status,
    /// Bytes of its line in FILE, with the newline.
    pub length: u64,
    /// The number of equal rows before it; only in a tail, else 0.
    pub occurrence: u64,
}

/// A position in a journal with the matching one in FILE.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct End {
    pub journal: u64,
    pub file: u64,
}

/// Rows whose lines were written together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub records: Vec<Record>,
    /// CRC of their lines.
    pub file: u32,
    pub synced: bool,
    /// The group's bytes in the journal.
    pub size: usize,
}

impl Group {
    /// The number of bytes of FILE that it stands for. In a journal that somebody else wrote, the sum may be anything.
    pub fn bytes(&self) -> u64 {
        self.records.iter().fold(0, |sum: u64, record| sum.saturating_add(record.length))
    }
}

/// The content at a place of a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    Group(Group),
    /// The bytes end before the group does.
    Incomplete,
    /// Not a group.
    Bad,
}

impl Header {
    /// The header of a new journal.
    pub fn new(kind: Kind) -> Header {
        // The system seeds each `RandomState`.
        Header { kind, salt: RandomState::new().hash_one(kind as u8).to_le_bytes() }
    }

    pub fn encode(&self) -> [u8; HEADER] {
        let mut bytes = Vec::with_capacity(HEADER);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&[crate::cli::journal::FORMAT as u8, self.kind as u8]);
        bytes.extend_from_slice(&self.salt);
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        bytes.try_into().expect("the parts are of this length")
    }

    /// `None` if the bytes are not a header of this format.
    pub fn parse(bytes: &[u8]) -> Option<Header> {
        let (content, crc) = bytes.get(..HEADER)?.split_at(HEADER - 4);
        if crc != crc32fast::hash(content).to_le_bytes() {
            return None;
        }
        let [format, kind] = content.strip_prefix(MAGIC)?.first_chunk()?;
        let kind = [Kind::Plain, Kind::Durable, Kind::Tail].into_iter().find(|known| *known as u8 == *kind)?;
        (u32::from(*format) == crate::cli::journal::FORMAT)
            .then(|| Header { kind, salt: *content.last_chunk().expect("it is longer") })
    }

    fn hasher(&self, offset: u64) -> Hasher {
        let mut hasher = Hasher::new();
        hasher.update(&self.salt);
        hasher.update(&offset.to_le_bytes());
        hasher
    }

    /// Appends a group that will stand at this offset of the journal. `file` is the CRC of its lines.
    pub fn push_group(&self, offset: u64, records: &[Record], file: u32, synced: bool, journal: &mut Vec<u8>) {
        debug_assert!((1..=MAX_ROWS).contains(&records.len()));
        let start = journal.len();
        push_varint((records.len() as u64) << 1 | u64::from(synced), journal);
        for record in records {
            journal.extend_from_slice(&record.key.0);
            push_varint(record.length << STATUS_BITS | record.status as u64, journal);
            if self.kind == Kind::Tail {
                push_varint(record.occurrence, journal);
            }
        }
        journal.extend_from_slice(&file.to_le_bytes());
        let mut hasher = self.hasher(offset);
        hasher.update(&journal[start..]);
        journal.extend_from_slice(&hasher.finalize().to_le_bytes());
    }

    /// Parses the bytes at an offset of the journal, where `bytes` begins.
    pub fn parse_group(&self, offset: u64, bytes: &[u8]) -> Parsed {
        match self.try_group(bytes) {
            Ok(group) => {
                let (content, crc) = bytes[..group.size].split_at(group.size - 4);
                let mut hasher = self.hasher(offset);
                hasher.update(content);
                if hasher.finalize().to_le_bytes() == crc { Parsed::Group(group) } else { Parsed::Bad }
            }
            Err(not) => not,
        }
    }

    fn try_group(&self, bytes: &[u8]) -> Result<Group, Parsed> {
        let mut rest = bytes;
        let head = varint(&mut rest)?;
        let count = usize::try_from(head >> 1).map_err(|_| Parsed::Bad)?;
        if !(1..=MAX_ROWS).contains(&count) {
            return Err(Parsed::Bad);
        }
        // `count` may be wrong, so memory is taken only for as many records as there are bytes for.
        let mut records = Vec::with_capacity(count.min(rest.len() / (KEY + 1)));
        for _ in 0..count {
            records.push(self.record(&mut rest)?);
        }
        let file = u32::from_le_bytes(*take(&mut rest)?);
        take::<4>(&mut rest)?;
        Ok(Group { records, file, synced: head & 1 == 1, size: bytes.len() - rest.len() })
    }

    fn record(&self, rest: &mut &[u8]) -> Result<Record, Parsed> {
        let key = Key(*take(rest)?);
        let value = varint(rest)?;
        let status = Status::ALL.get((value & ((1 << STATUS_BITS) - 1)) as usize).ok_or(Parsed::Bad)?;
        let occurrence = if self.kind == Kind::Tail { varint(rest)? } else { 0 };
        Ok(Record { key, status: *status, length: value >> STATUS_BITS, occurrence })
    }
}

fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Result<&'a [u8; N], Parsed> {
    let (taken, after) = rest.split_first_chunk().ok_or(Parsed::Incomplete)?;
    *rest = after;
    Ok(taken)
}

fn push_varint(mut value: u64, bytes: &mut Vec<u8>) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn varint(rest: &mut &[u8]) -> Result<u64, Parsed> {
    let mut value = 0;
    for at in 0..MAX_VARINT {
        let byte = *rest.get(at).ok_or(Parsed::Incomplete)?;
        // The tenth byte has room for one bit.
        if at == MAX_VARINT - 1 && byte > 1 {
            return Err(Parsed::Bad);
        }
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte < 0x80 {
            *rest = &rest[at + 1..];
            return Ok(value);
        }
    }
    Err(Parsed::Bad)
}
