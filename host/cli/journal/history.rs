//! When and how long rows ran: `FILE.wpool/history`. Reports are made from it, and later runs know from it which of their
//! rows take long.
//!
//! ```text
//! history = magic:[u8; 16] entry…
//! entry   = key:u32 id:u32 began:u32 wall:u16 worker:u8 status:u4 attempts:u4
//!         | start:u64 round:u32 more:u8 0:u16 15:u4 0:u4                        of a session
//! ```
//!
//! A session is a process that adds entries; `start` is its own, in microseconds since 1970. `began` is in units of 64 µs
//! since then, the last 32 bits of them: every three days a round begins, and with `more` the session goes on in it. A row
//! whose record is made more than three days after it began is taken for one of a later round. `wall` is a number of
//! sixteenths of a microsecond with an exponent of 5 bits and a mantissa of 11. Numbers that are too large are the largest;
//! the largest id and the largest worker mean that it is not known.
//!
//! An entry is written after the row's record and is never looked at again by its own run. It is advice, not a record: of
//! a row with several entries the last one counts, an entry that is cut off or makes no sense (such as the zeros that a power
//! cut leaves) is left out, and no output depends on any of them. The key is the beginning of the journal's: of 10⁶ rows,
//! some hundred have that of another one.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::time::{Duration, SystemTime};

use wpool::place::{Dir, PRIVATE, Place};

use crate::cli::journal::error::{Error, at};
use crate::cli::journal::key::Key;
use crate::cli::journal::timing::{ENTRY, Ran, Timing, UNIT, session, since_session};

/// Name of the file in a journal's folder.
pub const HISTORY: &str = "history";
pub(super) const MAGIC: &[u8; ENTRY] = b"wpool history 2\n";
/// Longest history that is read into memory: 2³⁰ bytes.
const MAX_ENTRIES: u64 = 1 << 26;
/// Longest time after the start of a session that makes sense: a hundred years.
const LONGEST: Duration = Duration::from_secs(100 * 366 * 24 * 3600);

/// Adds entries to a history.
#[derive(Debug)]
pub struct Historian {
    /// For messages.
    place: Option<Place>,
    file: File,
    bytes: Vec<u8>,
    /// The round of the last entry, once the session has one.
    round: Option<u32>,
}

impl Historian {
    /// Goes on with the history in a folder, or begins one.
    pub fn open(folder: &Dir) -> Result<Historian, Error> {
        let place = folder.at(HISTORY);
        let failed = at(&place);
        let mut file = match place.look().map_err(failed)? {
            Some(_) => place.edit().map_err(failed)?,
            None => place.create_anew(PRIVATE).map_err(failed)?,
        };
        begin(&mut file).map_err(failed)?;
        Ok(Historian { place: Some(place), file, bytes: Vec::new(), round: None })
    }

    /// Begins the history of a run that keeps no journal. The file has no name.
    pub fn nameless(mut file: File) -> io::Result<Historian> {
        begin(&mut file)?;
        Ok(Historian { place: None, file, bytes: Vec::new(), round: None })
    }

    pub fn add(&mut self, ran: impl IntoIterator<Item = Ran>) -> Result<(), Error> {
        self.add_at(since_session(), ran)
    }

    /// Adds rows whose records are made so long after the start of the session.
    fn add_at(&mut self, now: Duration, ran: impl IntoIterator<Item = Ran>) -> Result<(), Error> {
        self.bytes.clear();
        for ran in ran {
            let round = ran.round(now);
            let before = self.round.replace(round);
            if before != Some(round) {
                self.bytes.extend_from_slice(&Ran::of_session(session(), round, before.is_some()).0);
            }
            self.bytes.extend_from_slice(&ran.0);
        }
        let written = self.file.write_all(&self.bytes);
        written.map_err(|source| match &self.place {
            Some(place) => at(place)(source),
            None => Error::Io { path: std::env::temp_dir(), source },
        })
    }
}

/// Goes behind the last whole entry of a history. What is not one is begun anew.
fn begin(file: &mut File) -> io::Result<()> {
    let mut magic = [0; ENTRY];
    let length = file.metadata()?.len();
    if length >= ENTRY as u64 {
        file.read_exact(&mut magic)?;
    }
    if magic != *MAGIC {
        file.set_len(0)?;
        file.rewind()?;
        return file.write_all(MAGIC);
    }
    file.seek(SeekFrom::Start(length - length % ENTRY as u64)).map(drop)
}

/// Reads a history from its beginning, one row after the other, in the order in which their records were made.
#[derive(Debug)]
pub struct Timings {
    reader: BufReader<File>,
    /// The start of the session, and how many there were before it.
    session: Option<SystemTime>,
    sessions: u32,
    /// The time to add to the beginnings of its rows.
    lead: Duration,
}

/// A row that ran in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timed {
    /// Sessions are counted from 1, as they stand in the history.
    pub session: u32,
    /// When the session began.
    pub start: SystemTime,
    pub timing: Timing,
}

impl Timings {
    /// The history in a folder, if it has one.
    pub fn open(folder: &Dir) -> Result<Option<Timings>, Error> {
        let place = folder.at(HISTORY);
        match place.read() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            file => file.and_then(Timings::of).map(Some).map_err(at(&place)),
        }
    }

    /// The history in a file.
    pub fn of(file: File) -> io::Result<Timings> {
        let reader = entries(file)?;
        Ok(Timings { reader, session: None, sessions: 0, lead: Duration::ZERO })
    }
}

impl Iterator for Timings {
    type Item = Timed;

    /// An entry that cannot be read is the end.
    fn next(&mut self) -> Option<Timed> {
        loop {
            let ran = next(&mut self.reader)?;
            if let Some(start) = ran.session() {
                let more = ran.0[12] == 1 && self.session == Some(start);
                self.session = Some(start);
                self.sessions += u32::from(!more);
                self.lead = Duration::from_micros((u64::from(ran.number(8)) << 32).saturating_mul(UNIT)).min(LONGEST);
            } else if let Some((mut timing, start)) = ran.timing().zip(self.session) {
                timing.began += self.lead;
                return Some(Timed { session: self.sessions, start, timing });
            }
        }
    }
}

/// The entries of a history; none of a file that is not a history.
pub(super) fn entries(mut file: File) -> io::Result<BufReader<File>> {
    file.rewind()?;
    let mut reader = BufReader::with_capacity(1 << 18, file);
    if next(&mut reader) != Some(Ran(*MAGIC)) {
        reader.seek(SeekFrom::End(0))?;
    }
    Ok(reader)
}

fn next(reader: &mut BufReader<File>) -> Option<Ran> {
    let mut entry = [0; ENTRY];
    reader.read_exact(&mut entry).ok()?;
    Some(Ran(entry))
}

/// How long the rows of a run took.
#[derive(Debug, Default)]
pub struct History {
    /// In the order of their keys, each once.
    rows: Vec<Ran>,
    /// The median of all rows, which is expected of an unknown row.
    median: f32,
}

impl History {
    /// Reads the history in a folder. `None` where there is none.
    pub fn load(folder: &Dir) -> Result<Option<History>, Error> {
        let place = folder.at(HISTORY);
        match place.read() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            file => file.and_then(read).map(|rows| Some(History::of(rows))).map_err(at(&place)),
        }
    }

    fn of(mut rows: Vec<Ran>) -> History {
        // Stable, and from behind: the last entry of a row is the first of its key.
        rows.reverse();
        rows.sort_by_key(|ran| ran.key());
        rows.dedup_by_key(|ran| ran.key());
        let mut times: Vec<f32> = rows.iter().map(|ran| ran.seconds()).collect();
        let middle = times.len() / 2;
        let median = if times.is_empty() { 0.0 } else { *times.select_nth_unstable_by(middle, f32::total_cmp).1 };
        History { rows, median }
    }

    /// How a row ran.
    pub fn get(&self, key: Key) -> Option<Ran> {
        let at = self.rows.binary_search_by_key(&key.short(), |ran| ran.key()).ok()?;
        Some(self.rows[at])
    }

    /// How long an unknown row is expected to take, in seconds.
    pub fn median(&self) -> f32 {
        self.median
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// A digest of all of it, by which shards know that they were dealt by the same times.
    pub fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        let mut bytes = Vec::new();
        for rows in self.rows.chunks(4096) {
            bytes.clear();
            rows.iter().for_each(|ran| bytes.extend_from_slice(&ran.advice()));
            hasher.update(&bytes);
        }
        hasher.finalize().to_hex().to_string()
    }
}

fn read(file: File) -> io::Result<Vec<Ran>> {
    let count = (file.metadata()?.len() / ENTRY as u64).min(MAX_ENTRIES);
    let mut rows = Vec::with_capacity(count as usize);
    let mut reader = entries(file)?;
    let all = std::iter::from_fn(|| next(&mut reader)).take(count as usize);
    rows.extend(all.filter(|ran| ran.is_advice()));
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;
    use wpool::Status;

    use super::*;
    use crate::cli::journal::timing::SESSION;

    fn ran(row: &str, millis: u64, status: Status) -> Ran {
        let (wall, worker, attempts) = (Duration::from_millis(millis), Some(1), 1);
        let timing = Timing { id: Some(7), began: Duration::from_secs(1), wall, worker, status, attempts };
        Ran::new(&timing).of(Key::of_plain(row.as_bytes()))
    }

    fn folder() -> (tempfile::TempDir, Dir) {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = Dir::open(folder.path()).expect("it opens");
        (folder, dir)
    }

    #[test]
    fn the_last_time_of_a_row_counts_and_what_is_cut_off_does_not() {
        let (_folder, dir) = folder();
        assert!(History::load(&dir).expect("it is read").is_none());
        let rows = [ran("a", 10, Status::Ok), ran("b", 30, Status::Trap), ran("a", 20, Status::Ok)];
        Historian::open(&dir).and_then(|mut historian| historian.add(rows)).expect("it is written");
        let mut file = dir.at(HISTORY).edit().expect("it is there");
        file.seek(SeekFrom::End(0)).and_then(|_| file.write_all(b"cut")).expect("it is written");
        Historian::open(&dir)
            .and_then(|mut historian| historian.add([ran("c", 40, Status::Ok)]))
            .expect("it is written");
        let history = History::load(&dir).expect("it is read").expect("there is one");
        let get = |row: &str| {
            history.get(Key::of_plain(row.as_bytes())).map(|ran| ((ran.seconds() * 1e3).round(), ran.status()))
        };
        assert_eq!((get("a"), get("b")), (Some((20.0, Status::Ok)), Some((30.0, Status::Trap))));
        assert_eq!((get("c"), get("d"), history.len()), (Some((40.0, Status::Ok)), None, 3));
        assert!((history.median() - 0.03).abs() < 1e-4, "{}", history.median());
        let timings: Vec<_> = Timings::open(&dir).expect("it opens").expect("there is one").collect();
        let sessions: Vec<_> = timings.iter().map(|timed| timed.session).collect();
        assert_eq!(sessions, [1, 1, 1, 2], "what is cut off is not a row");
        assert_eq!((timings[0].timing.id, timings[0].timing.worker), (Some(7), Some(1)));
        let began = timings[0].timing.began.as_secs_f64();
        assert!((began - 1.0).abs() < 1e-4, "{began}");
    }

    #[test]
    fn zeros_are_no_row_and_a_time_that_cannot_be_is_no_session() {
        let (_folder, dir) = folder();
        Historian::open(&dir).and_then(|mut it| it.add([ran("a", 5, Status::Trap)])).expect("it is written");
        let mut late = [0xff; ENTRY];
        late[8..].copy_from_slice(&[0, 0, 0, 0, 0, 0, 0, SESSION]);
        let mut file = dir.at(HISTORY).edit().expect("it is there");
        let row = ran("b", 5, Status::Ok);
        let more = [&[0; 4 * ENTRY][..], &late, row.bytes()].concat();
        file.seek(SeekFrom::End(0)).and_then(|_| file.write_all(&more)).expect("it is written");
        let all: Vec<_> = Timings::open(&dir).expect("it opens").expect("there is one").collect();
        let statuses: Vec<_> = all.iter().map(|timed| (timed.session, timed.timing.status)).collect();
        assert_eq!(statuses, [(1, Status::Trap), (1, Status::Ok)]);
        all.iter()
            .for_each(|timed| drop(humantime::format_rfc3339_millis(timed.start + timed.timing.began).to_string()));
    }

    #[test]
    fn a_row_that_begins_days_after_the_start_is_of_the_same_session() {
        let (_folder, dir) = folder();
        let mut historian = Historian::open(&dir).expect("it opens");
        let hours = |hours: u64| Duration::from_secs(3600 * hours);
        let row = |began| {
            let (wall, worker) = (Duration::from_millis(5), Some(1));
            let timing = Timing { id: Some(7), began, wall, worker, status: Status::Ok, attempts: 1 };
            Ran::new(&timing).of(Key::of_plain(b"row"))
        };
        // One of them began before the others and ended behind them.
        let began = [1, 75, 77, 76, 160, 150, 10_000].map(hours);
        for began in began {
            historian.add_at(began.max(hours(75)) + hours(1), [row(began)]).expect("it is written");
        }
        historian.add_at(hours(10_000), [row(hours(10_000) + Duration::from_millis(1))]).expect("it is written");
        let all: Vec<_> = Timings::open(&dir).expect("it opens").expect("there is one").collect();
        assert!(all.iter().all(|timed| timed.session == 1));
        let found: Vec<_> =
            all.iter().map(|timed| (timed.timing.began + Duration::from_secs(1)).as_secs() / 3600).collect();
        assert_eq!(found, [1, 75, 77, 76, 160, 150, 10_000, 10_000]);
    }

    proptest! {
        #![proptest_config(crate::cases::many())]

        #[test]
        fn any_bytes_are_a_history(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            // One file for all cases, which are many.
            static FILE: LazyLock<File> = LazyLock::new(|| tempfile::tempfile().expect("a file"));
            let bytes = [MAGIC.as_slice(), &bytes].concat();
            let mut file = FILE.try_clone().expect("another");
            file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(&bytes)).expect("it is written");
            let again = file.try_clone().expect("another");
            prop_assert!(Timings::of(again).expect("it is read").count() <= bytes.len() / ENTRY);
            let history = History::of(read(file).expect("it is read"));
            prop_assert!(history.len() <= bytes.len() / ENTRY && history.median() >= 0.0);
        }
    }
}
