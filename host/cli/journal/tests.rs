//! Journals after a crash, a power cut, or any other change of their bytes.

use std::path::{Path, PathBuf};

use wpool::place::Place;
use wpool::{Input, Status};

use crate::cli::journal::append::Appender;
use crate::cli::journal::format::{HEADER, Header, Kind, MAX_GROUP, MAX_ROWS, Parsed, Record};
use crate::cli::journal::verify::{Lines, Torn, Trust, Verified, verify};
use crate::cli::journal::{Error, Folder, How, Key, Known, Resume, Stays, is_final, is_running};

pub fn record(row: u64, length: u64) -> Record {
    let key = Key::of(&Input::new(row.to_string()));
    Record { key, status: Status::ALL[(row % 11) as usize], length, occurrence: 0 }
}

/// Offsets of groups, and their records.
pub type Written = Vec<(usize, Vec<Record>)>;

/// A journal in memory, and the records of its groups with their offsets.
pub fn journal(kind: Kind, groups: &[usize]) -> (Header, Vec<u8>, Written) {
    let header = Header::new(kind);
    let mut bytes = header.encode().to_vec();
    let (mut row, mut written) = (0, Vec::new());
    for count in groups {
        let occurrence = |row| if kind == Kind::Tail { row % 3 } else { 0 };
        let rows = row..row + *count as u64;
        let records: Vec<_> = rows.map(|row| Record { occurrence: occurrence(row), ..record(row, row * 37) }).collect();
        row += *count as u64;
        let offset = bytes.len();
        header.push_group(offset as u64, &records, row as u32, row % 2 == 1, &mut bytes);
        written.push((offset, records));
    }
    (header, bytes, written)
}

/// All groups that a reader finds in bytes, also behind other bytes.
pub fn read(header: &Header, bytes: &[u8]) -> Written {
    let (mut at, mut found) = (HEADER, Vec::new());
    while at < bytes.len() {
        match header.parse_group(at as u64, &bytes[at..]) {
            Parsed::Group(group) => {
                found.push((at, group.records));
                at += group.size;
            }
            Parsed::Incomplete | Parsed::Bad => at += 1,
        }
    }
    found
}

#[test]
fn a_row_costs_24_bytes_even_alone() {
    let header = Header::new(Kind::Durable);
    for (length, most) in [(40, 24), (1_000, 24), (100_000, 24)] {
        let mut bytes = Vec::new();
        header.push_group(HEADER as u64, &[record(0, length)], 0, true, &mut bytes);
        assert!(bytes.len() <= most, "{} for a line of {length}", bytes.len());
    }
    let mut bytes = Vec::new();
    let records: Vec<_> = (0..MAX_ROWS as u64).map(|row| record(row, u64::MAX >> 4)).collect();
    header.push_group(HEADER as u64, &records, 0, true, &mut bytes);
    assert!(bytes.len() <= MAX_GROUP);
    assert!(matches!(header.parse_group(HEADER as u64, &bytes), Parsed::Group(_)));
}

pub fn place(path: &Path) -> Place {
    Place::of(path).expect("its folder is there")
}

/// A FILE with its journal, in a folder of its own.
pub struct Disk {
    dir: tempfile::TempDir,
    pub folder: Folder,
}

impl Disk {
    pub fn new() -> Disk {
        let dir = tempfile::tempdir().expect("a folder");
        let folder = Folder::lock(place(&dir.path().join("out.wpool"))).expect("nobody else has it");
        Disk { dir, folder }
    }

    pub fn file(&self) -> PathBuf {
        self.dir.path().join("out")
    }

    pub fn place(&self) -> Place {
        place(&self.file())
    }

    pub fn journal(&self) -> PathBuf {
        self.folder.journal().path()
    }

    /// Opens the run on the disk.
    pub fn open(&self, how: How) -> Result<Resume, Error> {
        Resume::open(&self.folder, self.place().edit().expect("it is there"), &self.place(), how)
    }

    pub fn verify_by(&self, trust: Trust) -> Result<Verified, Error> {
        let file = std::fs::File::open(self.file()).expect("it is there");
        verify(&self.folder.journal(), Lines { file: &file, place: &self.place() }, trust)
    }

    /// Writes rows 0, 1, 2… in groups of these sizes, and returns their lines. If `durable`, everything is synced after
    /// the second group.
    pub fn write(&self, groups: &[usize], durable: bool) -> Vec<Vec<u8>> {
        let file = std::fs::File::create(self.file()).expect("a file");
        let mut appender = Appender::create(&self.folder.journal(), &self.place(), file, durable).expect("it is made");
        let mut lines: Vec<Vec<u8>> = Vec::new();
        for (at, count) in groups.iter().enumerate() {
            let rows = lines.len()..lines.len() + count;
            let own: Vec<_> = rows.clone().map(line).collect();
            let records: Vec<_> = rows.zip(&own).map(|(row, line)| done(row, line.len())).collect();
            appender.append(&own.concat(), &records).expect("it is written");
            if durable && at == 1 {
                appender.sync().expect("it is synced");
            }
            lines.extend(own);
        }
        lines
    }

    /// Verifies as after a crash.
    pub fn verify(&self) -> Result<Verified, Error> {
        self.verify_by(Trust::Crash)
    }

    pub fn harm(&self, path: &Path, harm: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = std::fs::read(path).expect("it is there");
        harm(&mut bytes);
        std::fs::write(path, bytes).expect("it is written");
    }

    fn resume(&self) -> Result<Resume, Error> {
        self.resume_durably(false)
    }

    fn resume_durably(&self, durable: bool) -> Result<Resume, Error> {
        let how = How { done: Stays::of(is_final), ordered: true, ids: true, shard: false, durable, salvage: false };
        self.open(how)
    }

    /// Writes one group of rows, the last of which was skipped.
    fn write_skipped(&self, count: usize, durable: bool) -> Vec<Vec<u8>> {
        let file = std::fs::File::create(self.file()).expect("a file");
        let mut appender = Appender::create(&self.folder.journal(), &self.place(), file, durable).expect("it is made");
        let lines: Vec<_> = (0..count).map(line).collect();
        let mut records: Vec<_> = lines.iter().enumerate().map(|(row, line)| done(row, line.len())).collect();
        records[count - 1].status = Status::Skipped;
        appender.append(&lines.concat(), &records).expect("it is written");
        lines
    }
}

fn line(row: usize) -> Vec<u8> {
    format!("{{\"id\":{row},\"status\":\"ok\",\"output\":{row}}}\n").into_bytes()
}

fn done(row: usize, length: usize) -> Record {
    Record { status: Status::Ok, ..record(row as u64, length as u64) }
}

/// The number of whole lines before `end`, which must be the end of one.
pub fn whole(lines: &[Vec<u8>], end: u64) -> usize {
    (0..=lines.len()).find(|count| lines[..*count].concat().len() as u64 == end).expect("the end of a line")
}

/// Where groups begin.
fn offsets(disk: &Disk) -> Vec<usize> {
    let bytes = std::fs::read(disk.journal()).expect("it is there");
    read(&Header::parse(&bytes).expect("a header"), &bytes).into_iter().map(|(at, _)| at).collect()
}

#[test]
fn c66_an_end_that_is_cut_short_or_zero_is_torn() {
    for zero in [false, true] {
        let disk = Disk::new();
        let lines = disk.write(&[2, 3, 4], false);
        let last = offsets(&disk)[2];
        disk.harm(&disk.journal(), |bytes| {
            let length = bytes.len();
            bytes.truncate(last + 20);
            if zero {
                bytes.resize(length + 4_096, 0);
            }
        });
        let verified = disk.verify().expect("it is torn, not damaged");
        assert_eq!(whole(&lines, verified.end.file), 5);
        assert_eq!(verified.torn.file as usize, lines[5..].concat().len());
        assert!(verified.torn.journal >= 20);
    }
}

#[test]
fn c67_what_is_wrong_in_the_middle_is_damage_with_its_place() {
    let disk = Disk::new();
    let lines = disk.write(&[2, 3, 4], false);
    let second = offsets(&disk)[1];
    disk.harm(&disk.journal(), |bytes| bytes[second + 5] ^= 1);
    let error = disk.verify().expect_err("a group follows");
    assert!(matches!(error, Error::Damaged { offset, .. } if offset as usize == second), "{error}");
    disk.harm(&disk.journal(), |bytes| bytes[second + 5] ^= 1);
    // Any byte of FILE, also of the last line: a crash never changes one.
    for row in [0, 3, 8] {
        let at = lines[..row].concat().len() + 3;
        disk.harm(&disk.file(), |bytes| bytes[at] ^= 1);
        let error = disk.verify().expect_err("it is not what was written");
        assert!(matches!(&error, Error::Damaged { path, .. } if *path == disk.file()), "{error}");
        disk.harm(&disk.file(), |bytes| bytes[at] ^= 1);
    }
    assert_eq!(disk.verify().expect("nothing is wrong").torn, Torn::default());
}

#[test]
fn c91_after_a_power_cut_only_what_was_synced_must_be_right() {
    let disk = Disk::new();
    let lines = disk.write(&[2, 3, 4, 5, 6], true);
    let groups = offsets(&disk);
    // Groups 0 and 1 were synced. The disk has written only the last of the later groups.
    disk.harm(&disk.journal(), |bytes| bytes[groups[3]..groups[4]].fill(0));
    let rows = |lines| whole(lines, disk.verify().expect("it is torn").end.file);
    assert_eq!(rows(&lines), 9);
    disk.harm(&disk.journal(), |bytes| bytes[groups[2] + 7] ^= 1);
    assert_eq!(rows(&lines), 5);
    let disk = Disk::new();
    disk.write(&[2, 3, 4, 5, 6], true);
    let groups = offsets(&disk);
    disk.harm(&disk.journal(), |bytes| bytes[groups[1] + 7] ^= 1);
    let error = disk.verify().expect_err("what follows says that it was on the disk");
    assert!(matches!(error, Error::Damaged { offset, .. } if offset as usize == groups[1]), "{error}");
    // Lines that did not reach the disk although their journal did.
    let disk = Disk::new();
    let lines = disk.write(&[2, 3, 4], false);
    let kept = lines[..5].concat().len();
    disk.harm(&disk.file(), |bytes| bytes[kept + 10..].fill(0));
    assert_eq!(whole(&lines, disk.verify().expect("it is torn").end.file), 5);
}

#[test]
fn every_step_of_a_resume_leaves_something_to_go_on_from() {
    let disk = Disk::new();
    let lines = disk.write(&[3, 3, 3], false);
    let row = |row: usize| Input::new(row.to_string());
    // Rows 0 to 3 are unchanged, then a new row follows, so later lines are moved.
    let mut resume = disk.resume().expect("it is whole");
    for at in 0..4 {
        assert_eq!(resume.next(&row(at), at as u64).expect("it is read"), Known::InPlace(Status::Ok));
    }
    assert_eq!(resume.next(&row(99), 4).expect("it is read"), Known::Nothing);
    let (tail, file) = (disk.folder.dir().path().join("tail-0"), disk.file());
    assert!(tail.exists());
    assert_eq!(std::fs::read(&file).expect("it is there"), lines[..4].concat());
    // The host is killed. The next run answers from the tail, with the rows' present positions.
    drop(resume);
    let mut resume = disk.resume().expect("it is whole");
    for (at, new) in [8, 0, 5, 1, 2, 3, 4, 4].into_iter().enumerate() {
        let known = resume.next(&row(new), at as u64).expect("it is read");
        let expected =
            String::from_utf8(line(new)).expect("text").replace(&format!("\"id\":{new},"), &format!("\"id\":{at},"));
        match known {
            Known::Moved(record, line) => {
                assert_eq!((String::from_utf8(line).expect("text"), record.status), (expected, Status::Ok));
            }
            // The second 4 has never run.
            other => assert_eq!((at, other), (7, Known::Nothing)),
        }
    }
    // No row was in its place, so all former lines are in a tail as well.
    assert_eq!(std::fs::metadata(&file).expect("it is there").len(), 0);
    let open = std::fs::File::open(&file).expect("it is there");
    disk.folder.remove_tails(&open).expect("they are removed");
    assert!(!tail.exists());
}

#[test]
fn c33_a_folder_is_locked_by_one() {
    let disk = Disk::new();
    let (path, dir) = (place(disk.folder.dir().path()), disk.folder.dir().clone());
    assert!(is_running(&dir));
    let error = Folder::lock(path.clone()).expect_err("it is locked");
    assert!(error.to_string().contains(&format!("pid {}", std::process::id())), "{error}");
    drop(disk.folder);
    assert!(!is_running(&dir));
    Folder::lock(path).expect("it is free");
}

#[test]
fn c65_a_kill_while_a_group_is_cut_loses_none_of_its_records() {
    let disk = Disk::new();
    let lines = disk.write_skipped(3, false);
    let row = |row: usize| Input::new(row.to_string());
    let mut resume = disk.resume().expect("it is whole");
    let known = [0, 1, 2].map(|at| resume.next(&row(at), at as u64).expect("it is read"));
    assert_eq!(known, [Known::InPlace(Status::Ok), Known::InPlace(Status::Ok), Known::Nothing]);
    drop(resume);
    // As if killed after journal and FILE were cut off, before the rest of the group was written.
    disk.harm(&disk.journal(), |bytes| bytes.truncate(HEADER));
    let mut resume = disk.resume().expect("it is whole");
    for (at, before) in lines.iter().take(2).enumerate() {
        let known = resume.next(&row(at), at as u64).expect("it is read");
        assert!(matches!(&known, Known::Moved(_, line) if line == before), "{known:?}");
    }
}

#[test]
fn c91_what_stays_of_a_group_is_on_the_disk_before_anything_is_added() {
    let disk = Disk::new();
    disk.write_skipped(3, true);
    let mut resume = disk.resume_durably(true).expect("it is whole");
    for at in 0..3 {
        resume.next(&Input::new(at.to_string()), at).expect("it is read");
    }
    let mut appender = resume.appender().expect("a row is to be written");
    appender.append(&line(2), &[done(2, line(2).len())]).expect("it is written");
    let bytes = std::fs::read(disk.journal()).expect("it is there");
    let header = Header::parse(&bytes).expect("a header");
    let last = *offsets(&disk).last().expect("a group");
    // A group records whether everything before it was synced.
    assert!(matches!(header.parse_group(last as u64, &bytes[last..]), Parsed::Group(group) if group.synced));
}
