//! Tasks that are not ok, grouped by what went wrong. All that shows failures groups them here: the summary in the
//! terminal, the page, the report in Markdown, and the annotations and the job summary of GitHub.
//!
//! Two tasks are in one group if they have the same status, the same `error.code`, and
//!
//! - the same frame: see [`crate::cli::frames::place`]. What differs in their messages is then of their rows;
//! - or, where one has no frame, messages whose first lines are alike but for numbers and quoted parts. An exit code is
//!   not such a number.
//!
//! Where a limit interrupts a task, its frame is chance and does not count.

use std::collections::{HashMap, HashSet};

use wpool::Status;

use crate::cli::texts::head;

/// Groups that are told apart, and those of one status and code. Tasks of further kinds are only counted.
const MOST: usize = 200;
const MOST_OF_A_CODE: usize = 50;
/// Tasks of a group that are kept as examples.
const EXAMPLES: usize = 3;
/// Bytes of a code, a frame and a message that tell kinds apart: no more than notes of long runs keep of them.
const CODE: usize = 64;
const FRAME: usize = 200;
const MESSAGE: usize = 100;
/// The code of a program that exits with a number.
const EXIT: &str = "exit";

/// The kind of a failure.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Kind {
    pub status: Status,
    pub code: String,
    way: Way,
}

/// The difference of kinds with the same status and code.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Way {
    Frame(String),
    Message(String),
}

impl Kind {
    /// The kind of a task that is not ok, with its frame if it has one.
    pub fn of(status: Status, code: &str, message: &str, frame: Option<&str>) -> Kind {
        let is_interrupted = matches!(status, Status::Timeout | Status::Fuel | Status::Cancelled);
        let line = head(message.lines().next().unwrap_or_default(), MESSAGE);
        let way = match frame.filter(|_| !is_interrupted) {
            Some(frame) => Way::Frame(head(frame, FRAME).to_owned()),
            None if code == EXIT => Way::Message(line.to_owned()),
            None => Way::Message(pattern(line)),
        };
        Kind { status, code: head(code, CODE).to_owned(), way }
    }

    /// The frame that all tasks of this kind have.
    pub fn frame(&self) -> Option<&str> {
        match &self.way {
            Way::Frame(frame) => Some(frame),
            Way::Message(_) => None,
        }
    }
}

/// Whether tasks with this status went wrong. A task that was not run, or not to its end, because the run was stopped did
/// not.
pub fn has_failed(status: Status) -> bool {
    !matches!(status, Status::Ok | Status::Cancelled | Status::Skipped)
}

/// Tasks that went wrong in the same way.
#[derive(Debug)]
pub struct Group<T> {
    pub kind: Kind,
    pub count: u64,
    /// The first of them.
    pub examples: Vec<T>,
}

/// All groups of a run, in bounded memory whatever the messages are.
#[derive(Debug)]
pub struct Groups<T> {
    groups: Vec<Group<T>>,
    /// The position of each group.
    known: HashMap<Kind, usize>,
    /// Tasks of kinds that are one too many.
    others: u64,
}

impl<T> Default for Groups<T> {
    fn default() -> Groups<T> {
        Groups { groups: Vec::new(), known: HashMap::new(), others: 0 }
    }
}

impl<T> Groups<T> {
    /// Adds a task, and keeps it if there are few of its kind.
    pub fn add(&mut self, kind: Kind, example: impl FnOnce() -> T) {
        let at = match self.known.get(&kind) {
            Some(at) => *at,
            None if self.is_full(&kind) => {
                self.others += 1;
                return;
            }
            None => {
                self.known.insert(kind.clone(), self.groups.len());
                self.groups.push(Group { kind, count: 0, examples: Vec::new() });
                self.groups.len() - 1
            }
        };
        let group = &mut self.groups[at];
        group.count += 1;
        if group.examples.len() < EXAMPLES {
            group.examples.push(example());
        }
    }

    /// Whether there are too many groups for another of this kind. Those of one code leave room for others.
    fn is_full(&self, kind: &Kind) -> bool {
        let is_alike = |other: &Kind| (other.status, &other.code) == (kind.status, &kind.code);
        self.groups.len() >= MOST || self.groups.iter().filter(|group| is_alike(&group.kind)).count() >= MOST_OF_A_CODE
    }

    /// The largest first; of groups of the same size, the one whose first task comes first.
    pub fn by_size(&self) -> Vec<&Group<T>> {
        let mut groups: Vec<_> = self.groups.iter().collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.count));
        groups
    }

    /// For lists of a few: the largest of each status and code comes first, so that many groups of one code hide no other.
    pub fn by_code(&self) -> Vec<&Group<T>> {
        let mut seen = HashSet::new();
        let is_first = |group: &&Group<T>| seen.insert((group.kind.status, group.kind.code.clone()));
        let (first, others): (Vec<_>, Vec<_>) = self.by_size().into_iter().partition(is_first);
        first.into_iter().chain(others).collect()
    }

    /// How many tasks are in none of the groups.
    pub fn others(&self) -> u64 {
        self.others
    }

    /// How many tasks were added.
    pub fn tasks(&self) -> u64 {
        self.others + self.groups.iter().map(|group| group.count).sum::<u64>()
    }
}

/// A line without its numbers and quoted parts. A word that begins with a digit is a number, as `12ms` and `0x7f` are.
fn pattern(line: &str) -> String {
    let mut pattern = String::new();
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        let length = if c.is_ascii_digit() {
            pattern.push('0');
            number(rest)
        } else if let Some(length) = quoted(&line[..line.len() - rest.len()], rest) {
            pattern.extend([c, c]);
            length
        } else {
            pattern.push(c);
            c.len_utf8()
        };
        rest = &rest[length..];
    }
    pattern
}

/// The length of the number that a text begins with.
fn number(text: &str) -> usize {
    let is_end = |c: char| !(c.is_alphanumeric() || "._,".contains(c));
    let whole = &text[..text.find(is_end).unwrap_or(text.len())];
    // The end of a sentence.
    whole.trim_end_matches(['.', ',']).len()
}

/// The length of the quoted part that a text begins with, if it does: to its end if nothing closes it. An apostrophe in a
/// word opens nothing; one behind a single letter does, as in `b'…'`.
fn quoted(before: &str, text: &str) -> Option<usize> {
    let quote = text.chars().next().filter(|c| ['"', '\'', '`'].contains(c))?;
    let is_in_word = before.chars().rev().take(2).filter(|c| c.is_alphanumeric()).count() == 2;
    if quote == '\'' && is_in_word {
        return None;
    }
    let mut is_escaped = false;
    let is_end = |c: char| {
        let is_end = c == quote && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        is_end
    };
    Some(text[1..].find(is_end).map_or(text.len(), |at| at + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_message(message: &str) -> Kind {
        Kind::of(Status::Failed, "err", message, None)
    }

    #[test]
    fn messages_that_differ_in_numbers_and_quoted_parts_are_of_one_kind() {
        for (one, other) in [
            ("no 12 in 3.5s\nand more", "no 7 in 1,041.25ms"),
            ("expected a number, got \"abc\"", "expected a number, got \"a \\\" c\""),
            ("invalid literal for int() with base 10: 'a'", "invalid literal for int() with base 16: 'it\"s'"),
            ("no field `a` at line 1, column 2.", "no field `b` at line 30, column 40."),
            ("bad pointer 0x7f00", "bad pointer 0x1"),
            ("got b'a'", "got b'c d'"),
            ("a quote that is cut off: 'abc", "a quote that is cut off: '"),
        ] {
            assert_eq!(by_message(one), by_message(other));
        }
        for (one, other) in [
            ("no 12", "on 12"),
            ("can't open it's lock", "can't close it's lock"),
            ("'a' is missing", "'a' is broken"),
            ("u32 is small", "i32 is small"),
        ] {
            assert_ne!(by_message(one), by_message(other));
        }
    }

    #[test]
    fn a_frame_counts_more_than_a_message_but_not_where_a_limit_interrupts() {
        let kind = |status, message, frame| Kind::of(status, "code", message, frame);
        assert_eq!(kind(Status::Trap, "a", Some("f (a.c:1)")), kind(Status::Trap, "b", Some("f (a.c:1)")));
        assert_ne!(kind(Status::Trap, "a", Some("f (a.c:1)")), kind(Status::Trap, "a", Some("f (a.c:2)")));
        assert_ne!(kind(Status::Trap, "a", Some("f")), kind(Status::Failed, "a", Some("f")));
        assert_eq!(kind(Status::Fuel, "a", Some("f")), kind(Status::Fuel, "a", Some("g")));
        assert_eq!(kind(Status::Fuel, "a", Some("f")).frame(), None);
        let exit = |code| Kind::of(Status::Failed, EXIT, &format!("exited with code {code}"), None);
        assert_ne!(exit(1), exit(3));
    }

    #[test]
    fn the_largest_group_comes_first_and_none_hides_behind_many_of_another_code() {
        let mut groups = Groups::default();
        let messages = ["a", "b", "b", "c", "c", "c"];
        messages.iter().enumerate().for_each(|(id, message)| groups.add(by_message(message), || id));
        groups.add(Kind::of(Status::Timeout, "timeout", "ran longer than 1s", None), || 6);
        let shown = |groups: Vec<&Group<usize>>| -> Vec<_> {
            groups.iter().map(|group| (group.count, group.examples.clone())).collect()
        };
        let [one, two, three] = [(1, vec![0]), (2, vec![1, 2]), (3, vec![3, 4, 5])];
        let timeout = (1, vec![6]);
        assert_eq!(shown(groups.by_size()), [three.clone(), two.clone(), one.clone(), timeout.clone()]);
        assert_eq!(shown(groups.by_code()), [three, timeout, two, one]);
    }

    #[test]
    fn texts_of_any_length_and_number_take_bounded_memory_and_leave_room_for_another_code() {
        let long = "x".repeat(1 << 20);
        let mut groups = Groups::default();
        // Letters, since numbers are of one kind.
        let name = |id: u32| id.to_string().bytes().map(|digit| char::from(digit + 49)).collect::<String>();
        for id in 0..1_000 {
            let (name, words) = (name(id), name(id) + &long[..1_000]);
            groups.add(by_message(&words), || id);
            groups.add(Kind::of(Status::Trap, &words, &words, Some(&words)), || id);
            groups.add(Kind::of(Status::Failed, &name, "", None), || id);
        }
        groups.add(by_message(&long), || 0);
        groups.add(Kind::of(Status::Failed, &long, &long, Some(&long)), || 0);
        let shown = groups.by_size();
        assert_eq!((shown.len(), groups.tasks()), (MOST, 3_002));
        assert_eq!(groups.tasks(), groups.others() + shown.iter().map(|group| group.count).sum::<u64>());
        for group in shown {
            let (Way::Frame(way) | Way::Message(way)) = &group.kind.way;
            assert!(group.kind.code.len() <= CODE && way.len() <= FRAME && group.examples.len() <= EXAMPLES);
        }
        let mut groups = Groups::default();
        (0..1_000).for_each(|id| groups.add(by_message(&name(id)), || id));
        groups.add(Kind::of(Status::Timeout, "timeout", "", None), || 0);
        assert_eq!((groups.by_size().len(), groups.others()), (MOST_OF_A_CODE + 1, 1_000 - MOST_OF_A_CODE as u64));
        assert_eq!(groups.by_code()[1].kind.status, Status::Timeout);
    }

    #[test]
    fn any_line_has_a_pattern_that_is_no_longer() {
        for line in ["", "'", "\"\\", "1.", "1..2", "é'é", "'é", "12é", "b'", "'''", "\\'", "`a`1`"] {
            assert!(pattern(line).len() <= line.len() + 1, "{line}: {}", pattern(line));
        }
    }
}
