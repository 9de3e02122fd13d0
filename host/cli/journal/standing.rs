//! Which notes are of records that stand in FILE. Since a note was made, its row may have moved, gone, or begun to run again.

use std::collections::{HashMap, VecDeque};

use wpool::Status;

use crate::cli::journal::entries::{Entries, Entry};
use crate::cli::journal::history::Timed;

/// Where a note stands in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noted {
    /// The position of the row: in the note, and then in the run as it is now.
    pub id: u64,
    pub key: u32,
    pub status: Status,
    /// The row was at once what its status says.
    pub is_first: bool,
    pub length: u32,
    pub offset: u64,
}

/// A record that is not where its note says.
struct Moved {
    key: u32,
    status: Status,
    position: Option<u64>,
}

/// The notes of rows whose records stand in FILE, at the positions that these rows have now. The notes come in the order of
/// their positions. A record has the note of its row and its status at its own position, or else, if the row has moved, the
/// first such note that no other record has.
pub fn by_records(notes: &[Noted], mut entries: Entries, position: impl Fn(&Entry) -> Option<u64>) -> Vec<Noted> {
    let mut of_keys: HashMap<u32, Vec<usize>> = HashMap::new();
    notes.iter().zip(0..).for_each(|(noted, at)| of_keys.entry(noted.key).or_default().push(at));
    let mut standing: Vec<Option<u64>> = vec![None; notes.len()];
    // No more of a key than it has notes: there may be very many equal rows.
    let (mut moved, mut counts) = (Vec::new(), HashMap::<u32, usize>::new());
    while let Ok(Some(entry)) = entries.next() {
        let (key, status) = (entry.record.key.short(), entry.record.status);
        let Some(of_key) = of_keys.get(&key) else { continue };
        let position = position(&entry);
        let here = position.and_then(|position| of_key.binary_search_by_key(&position, |at| notes[*at].id).ok());
        if let Some(at) = here.map(|at| of_key[at]).filter(|at| notes[*at].status == status) {
            standing[at] = position;
            continue;
        }
        let count = counts.entry(key).or_default();
        if *count < of_key.len() && of_key.iter().any(|at| notes[*at].status == status) {
            *count += 1;
            moved.push(Moved { key, status, position });
        }
    }
    give(notes, &mut standing, moved);
    let mut placed: Vec<_> =
        notes.iter().zip(standing).filter_map(|(noted, id)| Some(Noted { id: id?, ..*noted })).collect();
    placed.sort_by_key(|noted| noted.id);
    placed.dedup_by_key(|noted| noted.id);
    placed
}

/// Gives records that have moved the notes that no other record has.
fn give(notes: &[Noted], standing: &mut [Option<u64>], moved: Vec<Moved>) {
    if moved.is_empty() {
        return;
    }
    let mut free: HashMap<(u32, Status), VecDeque<usize>> = HashMap::new();
    for (at, noted) in notes.iter().enumerate().filter(|(at, _)| standing[*at].is_none()) {
        free.entry((noted.key, noted.status)).or_default().push_back(at);
    }
    for Moved { key, status, position } in moved {
        if let Some(at) = free.get_mut(&(key, status)).and_then(VecDeque::pop_front) {
            standing[at] = Some(position.unwrap_or(notes[at].id));
        }
    }
}

/// The notes that agree with the last end of their row, where there is no journal. The history has 32 bits for a row; a note
/// on a later row is believed.
pub fn by_history(notes: &[Noted], timings: impl Iterator<Item = Timed>) -> Vec<Noted> {
    let last: HashMap<u64, Status> =
        timings.filter_map(|Timed { timing, .. }| Some((timing.id?, timing.status))).collect();
    let says_so = |noted: &&Noted| match last.get(&noted.id) {
        Some(status) => *status == noted.status,
        None => noted.id >= u64::from(u32::MAX),
    };
    let mut standing: Vec<_> = notes.iter().filter(says_so).copied().collect();
    standing.dedup_by_key(|noted| noted.id);
    standing
}
