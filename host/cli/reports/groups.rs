//! Rows that are not ok, grouped: those with the same status, the same code and the same innermost frame.

use std::collections::HashMap;

use wpool::Status;

use crate::cli::journal::Note;

/// Groups that are told apart. Rows of further kinds are only counted.
const MOST: usize = 200;
/// Rows of a group that are kept.
const FIRST: usize = 3;

/// Rows that are not ok for the same reason.
#[derive(Debug)]
pub struct Group {
    pub status: Status,
    pub code: String,
    pub frame: Option<String>,
    pub count: u64,
    /// The first of them.
    pub first: Vec<Note>,
}

/// All groups of a run, the largest first.
#[derive(Debug, Default)]
pub struct Groups {
    pub groups: Vec<Group>,
    /// Rows of other kinds.
    pub others: u64,
}

impl Groups {
    /// Groups the rows of notes, which come in the order of the rows.
    pub fn of(notes: impl Iterator<Item = Note>) -> Groups {
        let mut groups: Vec<Group> = Vec::new();
        let mut places: HashMap<(Status, String, Option<String>), usize> = HashMap::new();
        let mut others = 0;
        for note in notes.filter(|note| note.status != Status::Ok) {
            let code = note.fault.as_ref().map(|fault| fault.code.clone()).unwrap_or_default();
            let frame = note.fault.as_ref().and_then(|fault| fault.frame()).map(str::to_owned);
            let key = (note.status, code, frame);
            let at = match places.get(&key) {
                Some(at) => *at,
                None if groups.len() == MOST => {
                    others += 1;
                    continue;
                }
                None => {
                    let (status, code, frame) = key.clone();
                    groups.push(Group { status, code, frame, count: 0, first: Vec::new() });
                    places.insert(key, groups.len() - 1);
                    groups.len() - 1
                }
            };
            let group = &mut groups[at];
            group.count += 1;
            if group.first.len() < FIRST {
                group.first.push(note);
            }
        }
        // Stable: of groups of the same size, the one whose first row comes first.
        groups.sort_by_key(|group| std::cmp::Reverse(group.count));
        Groups { groups, others }
    }

    /// How many rows are in the groups.
    pub fn rows(&self) -> u64 {
        self.groups.iter().map(|group| group.count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::journal::Fault;

    fn note(id: u64, status: Status, code: &str, frame: &str) -> Note {
        let backtrace = if frame.is_empty() { Vec::new() } else { vec![frame.to_owned()] };
        let fault = (status != Status::Ok).then(|| Fault { code: code.into(), backtrace, ..Fault::default() });
        let (place, worker, retried) = (None, None, Vec::new());
        Note { id, key: 0, place, status, retried, began_us: 0, wall_us: 0, worker, fault }
    }

    #[test]
    fn rows_that_fail_alike_are_one_group_and_the_largest_comes_first() {
        let notes = [
            note(0, Status::Timeout, "timeout", ""),
            note(1, Status::Trap, "unreachable", "a"),
            note(2, Status::Ok, "", ""),
            note(3, Status::Trap, "unreachable", "b"),
            note(4, Status::Trap, "unreachable", "b"),
        ];
        let groups = Groups::of(notes.into_iter());
        let shown = groups.groups.iter().map(|group| (group.status, group.frame.as_deref(), group.count));
        let expected = [(Status::Trap, Some("b"), 2), (Status::Timeout, None, 1), (Status::Trap, Some("a"), 1)];
        assert_eq!(shown.collect::<Vec<_>>(), expected);
        assert_eq!((groups.rows(), groups.others), (4, 0));
    }

    #[test]
    fn groups_and_their_rows_are_bounded() {
        let notes = (0..1_000).map(|id| note(id, Status::Trap, "unreachable", &format!("{}", id % 300)));
        let groups = Groups::of(notes);
        assert_eq!((groups.groups.len(), groups.rows() + groups.others), (MOST, 1_000));
        assert!(groups.groups.iter().all(|group| group.first.len() <= FIRST));
    }
}
