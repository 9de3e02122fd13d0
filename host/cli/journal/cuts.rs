//! Simulated power cuts: parts of FILE and its journal that the disk lost read as zeros, and ends are missing.

use std::ops::Range;
use std::path::Path;

use proptest::prelude::*;
use wpool::{Input, Status};

use crate::cli::journal::append::Appender;
use crate::cli::journal::format::{HEADER, Record};
use crate::cli::journal::tests::Disk;
use crate::cli::journal::verify::{Gaps, Torn};
use crate::cli::journal::{Error, How, Key, Known, Stays, is_final};

pub const PAGE: usize = 4_096;
pub const ROWS: usize = 1_500;

/// A finished run on a disk.
pub struct Run {
    pub disk: Disk,
    ids: bool,
    /// For each group: its rows, and its place in the journal and in FILE.
    groups: Vec<(Range<usize>, Range<usize>, Range<usize>)>,
    pub file: Vec<u8>,
    pub journal: Vec<u8>,
}

/// Rows, some of which are equal.
fn row(at: usize) -> Input {
    Input::new((at * 7 % 1_100).to_string())
}

/// Lines of different lengths. Without ids most are equal.
fn line(at: usize, ids: bool) -> Vec<u8> {
    let number = at * 7 % 1_100;
    match ids {
        true => format!("{{\"id\":{at},\"output\":\"{}\"}}\n", "x".repeat(number * 31 % 140)).into_bytes(),
        false if number.is_multiple_of(50) => format!("{number}\n").into_bytes(),
        false => b"null\n".to_vec(),
    }
}

fn record(at: usize, length: usize) -> Record {
    Record { key: Key::of(&row(at)), status: Status::Ok, length: length as u64, occurrence: 0 }
}

impl Run {
    /// A finished run. If it is durable, everything before the group `synced` is synced.
    pub fn finished(ids: bool, synced: Option<usize>) -> Run {
        let disk = Disk::new();
        let file = std::fs::File::create(disk.file()).expect("a file");
        let mut appender =
            Appender::create(&disk.folder.journal(), &disk.place(), file, synced.is_some()).expect("it is made");
        let (mut rows, mut lines, mut groups) = (0..0, 0..0, Vec::new());
        let mut journal = HEADER..HEADER;
        for number in 0.. {
            rows = rows.end..(rows.end + [3, 57, 1, 110, 20][number % 5]).min(ROWS);
            if rows.is_empty() {
                break;
            }
            if synced == Some(number) {
                appender.sync().expect("it is synced");
            }
            let own: Vec<_> = rows.clone().map(|at| line(at, ids)).collect();
            let records: Vec<_> = rows.clone().zip(&own).map(|(at, line)| record(at, line.len())).collect();
            appender.append(&own.concat(), &records).expect("it is written");
            lines = lines.end..lines.end + own.concat().len();
            journal = journal.end..std::fs::metadata(disk.journal()).expect("it is there").len() as usize;
            groups.push((rows.clone(), journal.clone(), lines.clone()));
        }
        let [file, journal] = [disk.file(), disk.journal()].map(|path| std::fs::read(path).expect("it is there"));
        Run { disk, ids, groups, file, journal }
    }

    pub fn write(&self, file: &[u8], journal: &[u8]) {
        std::fs::write(self.disk.file(), file).expect("it is written");
        std::fs::write(self.disk.journal(), journal).expect("it is written");
        crate::cli::journal::tails::remove(self.disk.folder.dir()).expect("they are removed");
    }

    /// Resumes the run, and returns the number of rows that ran again. Afterwards FILE is as it was when the run
    /// finished, and nothing is torn.
    pub fn resume(&self, salvage: bool) -> Result<usize, Error> {
        let how =
            How { done: Stays::of(is_final), ordered: true, ids: self.ids, shard: false, durable: false, salvage };
        let mut resume = self.disk.open(how)?;
        let (mut appender, mut ran) = (None, 0);
        for at in 0..ROWS {
            let (record, line) = match resume.next(&row(at), at as u64)? {
                Known::InPlace(_) => continue,
                Known::Moved(record, line) => (record, line),
                Known::Nothing => {
                    ran += 1;
                    let line = line(at, self.ids);
                    (record(at, line.len()), line)
                }
            };
            appender = appender.or_else(|| resume.appender());
            let appender = appender.as_mut().expect("a row is not in its place");
            appender.append(&line, &[record])?;
        }
        resume.end()?;
        assert!(std::fs::read(self.disk.file()).expect("it is there") == self.file, "FILE is another");
        let whole = self.disk.verify()?;
        assert_eq!((whole.torn, whole.records), (Torn::default(), ROWS as u64));
        Ok(ran)
    }

    /// Rows of the groups that have bytes in a range of the journal, or of FILE.
    pub fn rows_in(&self, journal: bool, range: &Range<usize>) -> usize {
        let touched = self.groups.iter().filter(|(_, of_journal, of_file)| {
            let own = if journal { of_journal } else { of_file };
            own.start < range.end && range.start < own.end
        });
        touched.map(|(rows, ..)| rows.len()).sum()
    }
}

fn pages(length: usize) -> impl Iterator<Item = Range<usize>> {
    (0..length).step_by(PAGE).map(move |start| start..(start + PAGE).min(length))
}

fn zeroed(bytes: &[u8], range: Range<usize>) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[range].fill(0);
    bytes
}

pub fn is_damaged(run: &Run, path: &Path) {
    let error = run.resume(false).expect_err(&format!("no crash does this to {}", path.display()));
    assert!(matches!(&error, Error::Damaged { path: named, .. } if named == path), "{error}");
}

#[test]
fn of_a_zeroed_page_of_file_only_its_groups_run_again() {
    let run = Run::finished(true, None);
    assert!(run.file.len() > 64 << 10);
    for page in pages(run.file.len()) {
        run.write(&zeroed(&run.file, page.clone()), &run.journal);
        let ran = run.resume(false).expect("it is torn");
        assert_eq!(ran, run.rows_in(false, &page), "{page:?}");
    }
}

#[test]
fn of_a_zeroed_page_of_the_journal_only_its_groups_run_again() {
    for ids in [true, false] {
        let run = Run::finished(ids, None);
        assert!(run.journal.len() > 4 * PAGE);
        for page in pages(run.journal.len()).skip(1) {
            run.write(&run.file, &zeroed(&run.journal, page.clone()));
            let ran = run.resume(false).expect("it is torn");
            let lost = run.rows_in(true, &page);
            // Without ids, the record of a row can answer an equal row.
            assert!(if ids { ran == lost } else { ran >= 1 && ran <= lost + 200 }, "{page:?}: {ran}, lost {lost}");
        }
    }
}

#[test]
fn a_block_that_was_written_when_less_stood_in_it_is_torn() {
    let run = Run::finished(true, None);
    for (_, journal, file) in run.groups.iter().skip(1) {
        let rest = |start: usize, length: usize| start..(start / PAGE * PAGE + PAGE).min(length);
        run.write(&zeroed(&run.file, rest(file.start, run.file.len())), &run.journal);
        run.resume(false).expect("it is torn");
        run.write(&run.file, &zeroed(&run.journal, rest(journal.start, run.journal.len())));
        run.resume(false).expect("it is torn");
    }
}

#[test]
fn what_is_torn_is_counted() {
    let run = Run::finished(true, None);
    let page = 10 * PAGE..11 * PAGE;
    run.write(&zeroed(&run.file, page.clone()), &run.journal);
    let torn = run.disk.verify().expect("it is torn").torn;
    let touched: Vec<_> = run.groups.iter().filter(|(.., own)| own.start < page.end && page.start < own.end).collect();
    let (first, last) = (touched[0], touched[touched.len() - 1]);
    let Some(Gaps { count, first: begin, file, lost, kept }) = torn.gaps else { panic!("{torn:?}") };
    assert_eq!((count, begin.file as usize, begin.journal as usize), (1, first.2.start, first.1.start));
    assert_eq!(file as usize, last.2.end - first.2.start);
    assert_eq!((lost as usize, kept as usize), (last.0.end - first.0.start, ROWS - last.0.end));
    assert_eq!((torn.file, torn.journal), (0, 0));
}

#[test]
fn a_journal_without_its_beginning_is_damaged_and_nothing_is_taken_for_right() {
    let run = Run::finished(true, None);
    run.write(&run.file, &zeroed(&run.journal, 0..PAGE));
    for salvage in [false, true] {
        let error = run.resume(salvage).expect_err("no group can be checked");
        assert!(matches!(error, Error::Damaged { offset: 0, .. }), "{error}");
    }
    assert!(std::fs::read(run.disk.file()).expect("it is there") == run.file);
}

#[test]
fn zeros_that_are_no_blocks_are_damage() {
    let run = Run::finished(true, None);
    for range in [50_000..50_001, 50_000..50_500, 49_152..53_000] {
        run.write(&zeroed(&run.file, range), &run.journal);
        is_damaged(&run, &run.disk.file());
    }
    // Bytes of a group between right bytes.
    let (_, journal, _) = &run.groups[run.groups.len() / 2];
    let middle = journal.start + 5;
    run.write(&run.file, &zeroed(&run.journal, middle..middle + 9));
    is_damaged(&run, &run.disk.journal());
}

#[test]
fn rows_without_lines_say_nothing_of_the_lines_around_them() {
    let disk = Disk::new();
    let file = std::fs::File::create(disk.file()).expect("a file");
    let mut appender = Appender::create(&disk.folder.journal(), &disk.place(), file, false).expect("it is made");
    let mut add = |at: usize, line: &[u8]| appender.append(line, &[record(at, line.len())]).expect("it is written");
    let long = [&vec![b'x'; 2_000][..], b"\n"].concat();
    for (at, line) in [&long[..], &long, b"", b""].into_iter().enumerate() {
        add(at, line);
    }
    let check = || disk.verify();
    let harm = |zeros: Range<usize>| disk.harm(&disk.file(), |bytes| bytes[zeros].fill(0));
    // Zeros that are less than a block, in the last line of all.
    harm(2_100..2_200);
    let found = check().expect("they are torn");
    assert_eq!((found.records, found.end.file, found.torn.file), (3, 2_001, 2_001));
    // They are not torn when a right line is behind them.
    disk.harm(&disk.file(), |bytes| bytes[2_100..2_200].fill(b'x'));
    add(4, &long);
    assert_eq!(check().expect("all is right").records, 5);
    harm(2_100..2_200);
    assert!(matches!(check(), Err(Error::Damaged { offset: 2_001, .. })));
    // A whole block is torn, and right lines behind it stay.
    harm(2_100..2_560);
    let found = check().expect("it is torn");
    assert_eq!((found.records, found.end.file, found.torn.file), (4, 2_001, 0));
}

#[test]
fn what_was_synced_is_not_torn_and_what_was_not_is() {
    let synced = 20;
    let run = Run::finished(true, Some(synced));
    let (_, journal, file) = &run.groups[synced];
    for page in pages(run.file.len()) {
        run.write(&zeroed(&run.file, page.clone()), &run.journal);
        if page.start < file.start {
            is_damaged(&run, &run.disk.file());
        } else {
            assert_eq!(run.resume(false).expect("it is torn"), run.rows_in(false, &page), "{page:?}");
        }
    }
    for page in pages(run.journal.len()).skip(1) {
        run.write(&run.file, &zeroed(&run.journal, page.clone()));
        // The page can also hold the group that shows the damage.
        if page.end <= journal.start {
            is_damaged(&run, &run.disk.journal());
        } else {
            assert_eq!(run.resume(false).expect("it is torn"), run.rows_in(true, &page), "{page:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Pages of both that the disk lost, and ends that it lost.
    #[test]
    fn after_a_power_cut_a_run_is_resumed_and_file_comes_out_as_it_was(
        ids: bool,
        of_file in proptest::collection::vec(0..40usize, 0..3),
        of_journal in proptest::collection::vec(1..7usize, 0..3),
        ends in (0..3usize, 0..20_000usize, 0..3usize, 0..9_000usize),
    ) {
        let run = Run::finished(ids, None);
        let [mut file, mut journal] = [run.file.clone(), run.journal.clone()];
        let harms = [(&mut file, &of_file, ends.0, ends.1), (&mut journal, &of_journal, ends.2, ends.3)];
        for (bytes, pages, how, cut) in harms {
            for page in pages {
                let length = bytes.len();
                bytes[(page * PAGE).min(length)..(page * PAGE + PAGE).min(length)].fill(0);
            }
            // The end is missing, or only the length of the file reached the disk.
            let cut = bytes.len().saturating_sub(cut).max(HEADER);
            match how {
                0 => {}
                1 => bytes.truncate(cut),
                _ => bytes[cut..].fill(0),
            }
        }
        run.write(&file, &journal);
        let resumed = run.resume(false);
        prop_assert!(resumed.is_ok(), "{resumed:?}");
    }
}
