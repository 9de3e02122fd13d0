//! Writes FILE and its journal.
//!
//! Each piece of FILE is written before the group that stands for it. Without `--durable` the kernel keeps both in this
//! order for every reader, so a killed host leaves them right. A power cut may leave any part of the last half minute's
//! writes. With `--durable`, FILE and then the journal are synced at most [`SYNC_TIME`] after a line was written, or
//! after [`SYNC_BYTES`], so older lines are on the disk.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::time::{Duration, Instant};

use wpool::place::{PRIVATE, Place};

use crate::cli::journal::disk::sync_folder;
use crate::cli::journal::error::{Error, at};
use crate::cli::journal::format::{End, Header, Kind, MAX_ROWS, Record};
use crate::cli::journal::history::Historian;
use crate::cli::journal::timing::Ran;

/// Longest time from a line's write to the start of its sync. The sync itself takes as long as the disk does.
const SYNC_TIME: Duration = Duration::from_millis(100);
/// Bytes of FILE after which a sync does not wait for its time.
const SYNC_BYTES: u64 = 8 << 20;

/// Adds lines to FILE, with their records to the journal.
#[derive(Debug)]
pub struct Appender {
    file: File,
    journal: File,
    file_place: Place,
    journal_place: Place,
    header: Header,
    history: Historian,
    /// Length of the journal.
    length: u64,
    groups: Vec<u8>,
    /// Everything before the next group is on the disk.
    synced: bool,
    /// The time of the oldest line that is not on the disk, and the bytes since then.
    unsynced: Option<(Instant, u64)>,
}

impl Appender {
    /// Makes a new journal for an empty file.
    pub fn create(journal_place: &Place, file_place: &Place, file: File, durable: bool) -> Result<Appender, Error> {
        let kind = if durable { Kind::Durable } else { Kind::Plain };
        let header = Header::new(kind);
        let failed = at(journal_place);
        let mut journal = journal_place.create_anew(PRIVATE).map_err(failed)?;
        let bytes = header.encode();
        journal.write_all(&bytes).map_err(failed)?;
        let mut appender = Appender::of(header, (journal, journal_place), (file, file_place), bytes.len() as u64)?;
        if durable {
            appender.sync()?;
            for place in [journal_place, file_place] {
                sync_folder(place)?;
            }
        }
        Ok(appender)
    }

    /// Continues at a place, which must be the end of both.
    pub(super) fn resume(
        header: Header,
        journal: (File, &Place),
        file: (File, &Place),
        end: End,
    ) -> Result<Appender, Error> {
        let mut appender = Appender::of(header, journal, file, end.journal)?;
        appender.file.seek(SeekFrom::Start(end.file)).map_err(at(&appender.file_place))?;
        appender.journal.seek(SeekFrom::Start(end.journal)).map_err(at(&appender.journal_place))?;
        Ok(appender)
    }

    fn of(header: Header, journal: (File, &Place), file: (File, &Place), length: u64) -> Result<Appender, Error> {
        let history = Historian::open(journal.1.dir())?;
        Ok(Appender {
            history,
            file: file.0,
            journal: journal.0,
            file_place: file.1.clone(),
            journal_place: journal.1.clone(),
            header,
            length,
            groups: Vec::new(),
            synced: false,
            unsynced: None,
        })
    }

    /// Notes how long rows took whose records were written.
    pub fn note(&mut self, ran: Vec<Ran>) -> Result<(), Error> {
        self.history.add(ran)
    }

    /// Writes lines, then the records of their rows. The records' lengths must sum to that of the lines.
    pub fn append(&mut self, lines: &[u8], records: &[Record]) -> Result<(), Error> {
        if records.is_empty() {
            return Ok(());
        }
        self.file.write_all(lines).map_err(at(&self.file_place))?;
        self.commit(lines, records)?;
        let (since, bytes) = self.unsynced.unwrap_or((Instant::now(), 0));
        self.unsynced = Some((since, bytes + lines.len() as u64));
        Ok(())
    }

    /// Writes records of lines that are in FILE already.
    pub(super) fn commit(&mut self, mut lines: &[u8], records: &[Record]) -> Result<(), Error> {
        self.groups.clear();
        for records in records.chunks(MAX_ROWS) {
            let length = records.iter().map(|record| record.length as usize).sum();
            let (own, rest) = lines.split_at(length);
            lines = rest;
            let at = self.length + self.groups.len() as u64;
            let synced = std::mem::take(&mut self.synced);
            self.header.push_group(at, records, crc32fast::hash(own), synced, &mut self.groups);
        }
        debug_assert!(lines.is_empty(), "the lengths are those of the lines");
        self.journal.write_all(&self.groups).map_err(at(&self.journal_place))?;
        self.length += self.groups.len() as u64;
        Ok(())
    }

    /// The time until a sync is due; `None` when there is nothing to sync.
    pub fn due(&self) -> Option<Duration> {
        if self.header.kind != Kind::Durable {
            return None;
        }
        let (since, bytes) = self.unsynced?;
        Some(if bytes >= SYNC_BYTES { Duration::ZERO } else { SYNC_TIME.saturating_sub(since.elapsed()) })
    }

    /// Makes everything reach the disk, lines before their records.
    pub fn sync(&mut self) -> Result<(), Error> {
        self.file.sync_data().map_err(at(&self.file_place))?;
        self.journal.sync_data().map_err(at(&self.journal_place))?;
        self.unsynced = None;
        self.synced = true;
        Ok(())
    }
}
