//! How long rows took: `FILE.wpool/history`, from which later runs know which of their rows take long.
//!
//! ```text
//! history = entry…
//! entry   = key:[u8; 8] seconds:f32 status:u8
//! ```
//!
//! An entry is written after the row's record and is never looked at again by its own run. It is advice, not a record: of
//! a row with several entries the last one counts, an entry that is cut off or makes no sense is left out, and no output
//! depends on any of them. The key is the beginning of the journal's.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::time::Duration;

use wpool::Status;
use wpool::place::{Dir, PRIVATE, Place};

use crate::cli::journal::error::{Error, at};
use crate::cli::journal::key::Key;

/// Name of the file in a journal's folder.
pub const HISTORY: &str = "history";
/// Bytes of an entry.
const ENTRY: usize = 13;
/// Bytes of a key here: of 10⁸ different rows, two have the same in a run of three thousand.
const SHORT: usize = 8;
/// Longest history that is read: 2³⁰ bytes in memory.
const MAX_ENTRIES: u64 = 1 << 26;

/// A row that ran.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ran {
    /// The beginning of its key.
    key: u64,
    pub seconds: f32,
    pub status: Status,
}

impl Ran {
    pub fn new(key: Key, time: Duration, status: Status) -> Ran {
        Ran { key: short(key), seconds: time.as_secs_f32(), status }
    }

    fn push(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.key.to_le_bytes());
        bytes.extend_from_slice(&self.seconds.to_le_bytes());
        bytes.push(self.status as u8);
    }

    fn parse(bytes: &[u8; ENTRY]) -> Option<Ran> {
        let (key, rest) = bytes.split_first_chunk::<SHORT>()?;
        let (seconds, rest) = rest.split_first_chunk::<4>()?;
        let seconds = Some(f32::from_le_bytes(*seconds)).filter(|time| time.is_finite() && *time >= 0.0)?;
        let status = *Status::ALL.get(usize::from(*rest.first()?))?;
        Some(Ran { key: u64::from_le_bytes(*key), seconds, status })
    }
}

fn short(key: Key) -> u64 {
    u64::from_le_bytes(*key.0.first_chunk().expect("a key is longer"))
}

/// Adds entries to the history in a folder.
#[derive(Debug)]
pub struct Historian {
    place: Place,
    file: File,
    bytes: Vec<u8>,
}

impl Historian {
    /// Goes on with the history that is there, or begins one.
    pub fn open(folder: &Dir) -> Result<Historian, Error> {
        let place = folder.at(HISTORY);
        let failed = at(&place);
        let mut file = match place.look().map_err(failed)? {
            Some(_) => place.edit().map_err(failed)?,
            None => place.create_anew(PRIVATE).map_err(failed)?,
        };
        // Behind the last whole entry.
        let length = file.metadata().map_err(failed)?.len();
        file.seek(SeekFrom::Start(length - length % ENTRY as u64)).map_err(failed)?;
        Ok(Historian { place, file, bytes: Vec::new() })
    }

    pub fn add(&mut self, ran: impl IntoIterator<Item = Ran>) -> Result<(), Error> {
        self.bytes.clear();
        ran.into_iter().for_each(|ran| ran.push(&mut self.bytes));
        self.file.write_all(&self.bytes).map_err(at(&self.place))
    }
}

/// How long the rows of a run took.
#[derive(Debug, Default)]
pub struct History {
    /// In the order of their keys, each once.
    rows: Vec<Ran>,
    /// Of all rows; of an unknown row, this is expected.
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
        rows.sort_by_key(|ran| ran.key);
        rows.dedup_by_key(|ran| ran.key);
        let mut times: Vec<f32> = rows.iter().map(|ran| ran.seconds).collect();
        let middle = times.len() / 2;
        let median = if times.is_empty() { 0.0 } else { *times.select_nth_unstable_by(middle, f32::total_cmp).1 };
        History { rows, median }
    }

    /// How a row ran.
    pub fn get(&self, key: Key) -> Option<Ran> {
        let at = self.rows.binary_search_by_key(&short(key), |ran| ran.key).ok()?;
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
            rows.iter().for_each(|ran| ran.push(&mut bytes));
            hasher.update(&bytes);
        }
        hasher.finalize().to_hex().to_string()
    }
}

fn read(file: File) -> io::Result<Vec<Ran>> {
    let entries = (file.metadata()?.len() / ENTRY as u64).min(MAX_ENTRIES);
    let mut rows = Vec::with_capacity(entries as usize);
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let mut entry = [0; ENTRY];
    for _ in 0..entries {
        reader.read_exact(&mut entry)?;
        rows.extend(Ran::parse(&entry));
    }
    Ok(rows)
}

/// The history of a merged run: those of its shards, one after the other. They are open before the first is replaced, for
/// one may stand where the merged one goes.
#[derive(Debug)]
pub struct Joined(Vec<(Place, File)>);

impl Joined {
    /// Opens the histories in some folders, as far as there are any.
    pub fn open(folders: &[Dir]) -> Result<Joined, Error> {
        let mut all = Vec::new();
        for folder in folders {
            let place = folder.at(HISTORY);
            match place.read() {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                file => {
                    let file = file.map_err(at(&place))?;
                    all.push((place, file));
                }
            }
        }
        Ok(Joined(all))
    }

    /// Makes them the history in a folder.
    pub fn put(self, folder: &Dir) -> Result<(), Error> {
        let place = folder.at(HISTORY);
        let failed = at(&place);
        let mut draft = place.draft(PRIVATE).map_err(failed)?;
        for (other, file) in self.0 {
            let length = file.metadata().map_err(at(&other))?.len();
            let whole = length - length % ENTRY as u64;
            io::copy(&mut file.take(whole), &mut draft.file).map_err(failed)?;
        }
        draft.put(true).map(drop).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ran(row: &str, millis: u64, status: Status) -> Ran {
        Ran::new(Key::of_plain(row.as_bytes()), Duration::from_millis(millis), status)
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
        let get = |row: &str| history.get(Key::of_plain(row.as_bytes())).map(|ran| (ran.seconds, ran.status));
        assert_eq!((get("a"), get("b")), (Some((0.02, Status::Ok)), Some((0.03, Status::Trap))));
        assert_eq!((get("c"), get("d"), history.len()), (Some((0.04, Status::Ok)), None, 3));
        assert_eq!(history.median(), 0.03);
    }

    #[test]
    fn joined_histories_are_those_of_one_run() {
        let ((_a, one), (_b, other), (_c, all)) = (folder(), folder(), folder());
        for (dir, row) in [(&one, "a"), (&other, "b")] {
            Historian::open(dir).and_then(|mut it| it.add([ran(row, 5, Status::Ok)])).expect("it is written");
        }
        let (_d, none) = folder();
        Joined::open(&[one, none, other]).and_then(|joined| joined.put(&all)).expect("they are joined");
        assert_eq!(History::load(&all).expect("it is read").expect("there is one").len(), 2);
    }

    proptest! {
        #![proptest_config(crate::cases::many())]

        #[test]
        fn any_bytes_are_a_history(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let (_folder, dir) = folder();
            std::fs::write(dir.at(HISTORY).path(), &bytes).expect("it is written");
            let history = History::load(&dir).expect("it is read").expect("there is one");
            prop_assert!(history.len() <= bytes.len() / ENTRY && history.median() >= 0.0);
        }
    }
}
