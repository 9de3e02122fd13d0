//! The log of what a task touches beside its row, and what it is denied. It is kept only where receipts are asked for.

use std::collections::HashMap;

use crate::model::touched::{Access, Denial};
use crate::protocol::footprint::{Footprint, MAX_DENIALS, MAX_NAME};

/// Most open files and directories that are known by their paths, as many as a worker can have open. What is looked up in
/// others is not logged.
const MAX_OPEN: usize = 1024;

/// A directory that a guest finds when it begins.
#[derive(Clone, Debug)]
pub(super) struct Root {
    pub grant: Granted,
    /// Its path in the guest.
    pub guest: String,
}

impl Root {
    /// Whether all paths lead into it: libraries take `.` for `/`.
    pub fn is_whole(&self) -> bool {
        self.guest.split('/').all(|name| matches!(name, "" | "."))
    }
}

/// What a directory was granted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Granted {
    /// The grant of this number. The number behind the last is that of the scratch directory.
    Number(usize),
    /// Nothing: it is the empty directory, in which all lookups are denied.
    Nothing,
}

/// How a lookup ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Well,
    /// There is no such file, for example.
    Badly,
    /// It is not allowed.
    Denied,
}

/// The log of one task.
#[derive(Debug, Default)]
pub(super) struct Log {
    footprint: Footprint,
    /// The directories that the guest begins with.
    roots: Vec<Root>,
    /// Open files and directories, by the numbers that the guest's kind of program has for them.
    open: HashMap<u32, Root>,
}

impl Log {
    /// A log of a guest that finds these directories.
    pub fn new(roots: Vec<Root>) -> Log {
        Log { roots, ..Log::default() }
    }

    /// Forgets what the last task did. The guest may still have its directories open.
    pub fn begin(&mut self) {
        self.footprint = Footprint::default();
    }

    /// Goes on with the log of the same task, before it was given another world.
    pub fn follow(&mut self, before: Log) {
        self.footprint = before.footprint;
    }

    /// What was logged, if it was anything.
    pub fn take(&mut self) -> Option<Footprint> {
        let footprint = std::mem::take(&mut self.footprint);
        (footprint != Footprint::default()).then_some(footprint)
    }

    pub fn call(&mut self, interface: &str) {
        let known = &mut self.footprint.interfaces;
        if !known.iter().any(|known| known == interface) {
            known.push(interface.to_owned());
        }
    }

    pub fn ask_for_variables(&mut self) {
        self.footprint.env = true;
    }

    pub fn deny(&mut self, access: Access, name: &str) {
        let denial = Denial { access, name: name[..name.floor_char_boundary(MAX_NAME)].to_owned() };
        let known = &mut self.footprint.denied;
        if known.contains(&denial) {
            return;
        }
        if known.len() < MAX_DENIALS {
            known.push(denial);
        } else {
            self.footprint.denied_more = self.footprint.denied_more.saturating_add(1);
        }
    }

    /// Gives the directories that a guest begins with their numbers, in their order.
    pub fn number(&mut self, numbers: impl Iterator<Item = u32>) {
        for (number, root) in numbers.zip(&self.roots) {
            if self.open.len() < MAX_OPEN {
                self.open.insert(number, root.clone());
            }
        }
    }

    /// A path was looked up in an open directory.
    pub fn look_up(&mut self, dir: u32, path: &str, access: Access, ended: Ended) {
        let Some(root) = self.open.get(&dir) else { return };
        let grant = root.grant;
        match grant {
            Granted::Number(number) if ended != Ended::Denied => {
                self.reach(number, access.writes() && ended == Ended::Well);
            }
            Granted::Number(_) | Granted::Nothing => {
                let path = joined(&root.guest, path);
                self.deny(access, &path);
            }
        }
    }

    /// An open directory was listed.
    pub fn list(&mut self, dir: u32) {
        self.look_up(dir, "", Access::List, Ended::Well);
    }

    /// A path was opened, and has got this number. It may be a directory, also where the guest has not asked for one.
    pub fn open(&mut self, dir: u32, path: &str, number: u32) {
        let root = self.open.get(&dir);
        let opened = root.map(|root| Root { grant: root.grant, guest: joined(&root.guest, path) });
        self.open.remove(&number);
        if let Some(opened) = opened.filter(|_| self.open.len() < MAX_OPEN) {
            self.open.insert(number, opened);
        }
    }

    /// An open file has another number now.
    pub fn renumber(&mut self, from: u32, to: u32) {
        self.open.remove(&to);
        if let Some(root) = self.open.remove(&from) {
            self.open.insert(to, root);
        }
    }

    fn reach(&mut self, number: usize, written: bool) {
        let known = &mut self.footprint.dirs;
        match known.binary_search_by_key(&number, |(known, _)| *known) {
            Ok(at) => known[at].1 |= written,
            Err(at) => known.insert(at, (number, written)),
        }
    }
}

/// A path below a directory, without `.` and `..`. No path leads above the first folder.
fn joined(dir: &str, path: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    let outer = if path.starts_with('/') { "" } else { dir };
    for name in outer.split('/').chain(path.split('/')) {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    let begin = if dir.starts_with('/') || path.starts_with('/') { "/" } else { "" };
    let path = format!("{begin}{}", names.join("/"));
    if path.is_empty() { ".".to_owned() } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log() -> Log {
        let root = |grant, guest: &str| Root { grant, guest: guest.to_owned() };
        let mut log = Log::new(vec![root(Granted::Number(0), "/in"), root(Granted::Nothing, "/")]);
        log.number(3..);
        log
    }

    fn denied(log: &mut Log) -> Vec<String> {
        log.take().unwrap_or_default().denied.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn paths_are_joined_as_a_library_would() {
        for (dir, path, expected) in [
            ("/in", "a/b", "/in/a/b"),
            ("/in", "../etc/x", "/etc/x"),
            ("/in", "../../../x", "/x"),
            ("/", "", "/"),
            ("data", "./x", "data/x"),
            (".", "x", "x"),
            (".", "", "."),
            ("/in", "/x", "/x"),
        ] {
            assert_eq!(joined(dir, path), expected, "{dir} {path}");
        }
    }

    #[test]
    fn what_is_looked_up_where_nothing_is_granted_is_denied() {
        let mut log = log();
        log.look_up(4, "etc/passwd", Access::Open, Ended::Badly);
        log.look_up(4, "etc/passwd", Access::Open, Ended::Badly);
        log.look_up(3, "missing", Access::Open, Ended::Badly);
        log.look_up(3, "x", Access::Write, Ended::Denied);
        log.look_up(9, "unknown", Access::Open, Ended::Denied);
        let footprint = log.take().expect("it has something");
        assert_eq!(footprint.dirs, [(0, false)]);
        log.footprint = footprint;
        assert_eq!(denied(&mut log), ["open:/etc/passwd", "write:/in/x"]);
        assert_eq!(log.take(), None);
    }

    #[test]
    fn a_directory_that_was_opened_is_known_by_its_path_until_its_number_is_another_file() {
        let mut log = log();
        log.open(4, "data", 5);
        log.list(5);
        log.look_up(5, "x", Access::Open, Ended::Badly);
        log.open(3, "inner", 5);
        log.look_up(5, "y", Access::Write, Ended::Well);
        log.open(9, "unknown", 5);
        log.look_up(5, "z", Access::Open, Ended::Denied);
        assert_eq!(log.footprint.dirs, [(0, true)], "what is written in a directory in a directory");
        assert_eq!(denied(&mut log), ["list:/data", "open:/data/x"]);
    }

    #[test]
    fn a_guest_that_is_denied_things_without_end_fills_no_memory() {
        let mut log = log();
        for at in 0..10_000 {
            log.look_up(4, &format!("{at}{}", "ä".repeat(MAX_NAME)), Access::Open, Ended::Badly);
            log.open(3, "dir", 100 + at);
        }
        let footprint = log.take().expect("it has something");
        assert_eq!((footprint.denied.len(), footprint.denied_more), (MAX_DENIALS, 10_000 - MAX_DENIALS as u32));
        assert!(footprint.denied.iter().all(|denial| denial.name.len() <= MAX_NAME));
        assert!(log.open.len() <= MAX_OPEN);
    }
}
