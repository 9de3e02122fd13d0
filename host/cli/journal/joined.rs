//! The history of a merged run.

use std::fs::File;
use std::io::{self, Read, Write};

use wpool::place::{Dir, PRIVATE, Place};

use crate::cli::journal::error::{Error, at};
use crate::cli::journal::history::{HISTORY, MAGIC, entries};
use crate::cli::journal::timing::ENTRY;

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
        draft.file.write_all(MAGIC).map_err(failed)?;
        for (other, file) in self.0 {
            let length = file.metadata().map_err(at(&other))?.len();
            let whole = length - length % ENTRY as u64;
            let mut entries = entries(file).map_err(at(&other))?.take(whole.saturating_sub(ENTRY as u64));
            io::copy(&mut entries, &mut draft.file).map_err(failed)?;
        }
        draft.put(true).map(drop).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wpool::Status;

    use super::*;
    use crate::cli::journal::{Historian, History, Key, Ran, Timing};

    fn folder() -> (tempfile::TempDir, Dir) {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = Dir::open(folder.path()).expect("it opens");
        (folder, dir)
    }

    fn ran(row: &str, millis: u64, status: Status) -> Ran {
        let (wall, worker, attempts) = (Duration::from_millis(millis), Some(1), 1);
        let timing = Timing { id: Some(7), began: Duration::from_secs(1), wall, worker, status, attempts };
        Ran::new(&timing).of(Key::of_plain(row.as_bytes()))
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
}
