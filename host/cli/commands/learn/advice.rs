//! From what tasks touched and were denied to the smallest grants.

use serde::Serialize;
use wpool::outcome::Access;

use super::dirs::{Dirs, unknown};
use super::given::{Given, GivenScratch};
use super::place::{Places, parent, rest};
use super::seen::{Denied, Seen};

/// Directories for files that a program makes for itself.
const TEMPORARY: [&str; 2] = ["/tmp", "/var/tmp"];
/// Directories of the system that no grant replaces.
const OF_SYSTEM: [&str; 3] = ["/dev", "/proc", "/sys"];
/// The interface that a run grants with shared state.
const STATE: &str = "wasi:keyvalue";
/// Paths that a note names.
const MOST_NAMED: usize = 5;

/// What matters of a run beside what its tasks did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Case {
    /// The rows are on a standard input that no task has read.
    pub ignores_stdin: bool,
    pub deterministic: bool,
    /// The program has an `init`, which runs before all tasks and is not watched.
    pub has_init: bool,
}

/// The smallest grants, under the names of their options.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Needed {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dir: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scratch: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub state: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_in: Option<String>,
}

#[derive(Debug, Default)]
pub struct Advice {
    pub needed: Needed,
    pub notes: Vec<String>,
}

/// The smallest grants with which the tasks are denied nothing that they need.
pub fn advise(given: &Given, seen: &Seen, case: Case, places: &impl Places) -> Advice {
    let mut advice = Advice::default();
    let wanted = wanted(given, seen, places);
    advice.directories(given, seen, &wanted);
    advice.scratch(given, seen, &wanted);
    advice.new_directories(wanted, places);
    advice.environment(given, seen, case);
    advice.interfaces(given, seen);
    advice.remarks(seen, case);
    advice
}

/// What tasks were denied, by what would give it.
#[derive(Default)]
struct Wanted {
    /// For each directory that was given, whether it is to be writable.
    written: Vec<bool>,
    scratch: Option<&'static str>,
    dirs: Dirs,
    /// Paths that no grant gives.
    hopeless: Vec<String>,
    /// Paths without which tasks were ok, and which are not here.
    dispensable: Vec<String>,
}

fn wanted(given: &Given, seen: &Seen, places: &impl Places) -> Wanted {
    let mut wanted = Wanted { written: vec![false; given.dirs.len()], ..Wanted::default() };
    let is_of = |path: &str, dirs: &[&'static str]| dirs.iter().copied().find(|dir| rest(path, dir).is_some());
    if given.scratch.is_none() {
        let mut made = seen.paths().filter(|(access, ..)| access.writes());
        wanted.scratch = made.find_map(|(_, path, _)| is_of(path, &TEMPORARY));
    }
    for (access, path, denied) in seen.paths() {
        let found = given.dirs.iter().position(|dir| rest(path, &dir.guest).is_some());
        match found {
            Some(number) if access.writes() => wanted.written[number] = true,
            Some(_) => wanted.hopeless.push(path.to_owned()),
            None if wanted.scratch.is_some_and(|dir| rest(path, dir).is_some()) => {}
            None if is_of(path, &OF_SYSTEM).is_some() => wanted.hopeless.push(path.to_owned()),
            None => wanted.add((access, path), denied, places),
        }
    }
    wanted
}

impl Wanted {
    fn add(&mut self, (access, path): (Access, &str), denied: Denied, places: &impl Places) {
        let is_root = parent(path) == "/";
        let dir = match access {
            Access::List => path,
            Access::Mkdir if is_root => path,
            // Whether the root is there says nothing.
            Access::Open if path == "/" => return,
            Access::Open if places.dir(path).is_some() => path,
            _ => parent(path),
        };
        // The whole working directory stands for the root only if what was looked for is in it.
        let host = places.dir(dir).filter(|host| host != "." || places.is_there(path));
        if host.is_none() && denied.not_ok == 0 {
            self.dispensable.push(path.to_owned());
        } else {
            self.dirs.add(dir, access.writes(), host, places);
        }
    }
}

impl Advice {
    /// Keeps the given directories that were used.
    fn directories(&mut self, given: &Given, seen: &Seen, wanted: &Wanted) {
        for (dir, wants) in given.dirs.iter().zip(&wanted.written) {
            match seen.dirs.get(&dir.guest) {
                None if !wants => {
                    self.note(format!("no task used the directory {}: it is left out", dir.guest));
                }
                used => {
                    let writes = *wants || used.is_some_and(|written| *written);
                    self.needed.dir.push(format!("{}:{}", dir.typed, if writes { "rw" } else { "ro" }));
                }
            }
        }
    }

    fn scratch(&mut self, given: &Given, seen: &Seen, wanted: &Wanted) {
        self.needed.scratch = match &given.scratch {
            Some(GivenScratch { typed, guest }) if seen.dirs.contains_key(guest) => Some(typed.clone()),
            Some(GivenScratch { guest, .. }) => {
                self.note(format!("no task used the scratch directory {guest}: it is left out"));
                None
            }
            None => wanted.scratch.map(str::to_owned),
        };
    }

    fn new_directories(&mut self, wanted: Wanted, places: &impl Places) {
        let Wanted { dirs, hopeless, dispensable, .. } = wanted;
        let more = dirs.more();
        if more > 0 {
            self.note(format!(
                "{more} further denials are of directories that are in none of these options: there are too many"
            ));
        }
        let (mut options, is_unknown) = dirs.options(places);
        if is_unknown {
            let unknown = unknown(places);
            self.note(format!(
                "{unknown} stands for a directory of this machine, which only you know: nothing below the working \
                 directory has that path"
            ));
        }
        if options.iter().any(|option| option.starts_with(".::")) {
            self.note("`.::/` gives all of the working directory: files in a folder of their own need less".to_owned());
        }
        self.needed.dir.append(&mut options);
        if !hopeless.is_empty() {
            self.note(format!(
                "denied, and no directory would give it: {} (a device, a link that leads out of its directory, or a file \
                 that the host may not read)",
                named(&hopeless)
            ));
        }
        if !dispensable.is_empty() {
            let what = "looked for in vain by tasks that were ok, so nothing is granted for it";
            self.note(format!("{what}: {}", named(&dispensable)));
        }
    }

    fn environment(&mut self, given: &Given, seen: &Seen, case: Case) {
        let all = "WASI gives all variables at once, so which of them it reads cannot be seen";
        match (seen.env, given.env.is_empty()) {
            (true, true) => self.note(format!(
                "the program asks for its environment, which is empty. {all}: name those that it needs with --env"
            )),
            (true, false) => {
                self.note(format!("the program asks for its environment. {all}: all that were given stay"));
                self.needed.env.clone_from(&given.env);
            }
            (false, false) if case.has_init => {
                self.note(
                    "its `init`, which is not watched, may ask for the environment: all variables stay".to_owned(),
                );
                self.needed.env.clone_from(&given.env);
            }
            (false, false) => {
                self.note("the program never asks for its environment: its variables are left out".to_owned());
            }
            (false, true) => {}
        }
    }

    fn interfaces(&mut self, given: &Given, seen: &Seen) {
        let is_given = given.state || given.state_in.is_some();
        let (state, others): (Vec<_>, Vec<_>) =
            seen.denied_interfaces().partition(|interface| interface.starts_with(STATE));
        if is_given && !seen.calls(&[STATE]) {
            self.note("no task used the shared state: it is left out".to_owned());
        } else {
            self.needed.state_in.clone_from(&given.state_in);
            self.needed.state = given.state || (!is_given && !state.is_empty());
        }
        for interface in others {
            let why = if interface.starts_with("wasi:sockets") || interface.starts_with("wasi:http") {
                "programs have no network"
            } else {
                "wpool does not provide it"
            };
            self.note(format!("{interface} is denied, and no option grants it: {why}"));
        }
    }

    fn remarks(&mut self, seen: &Seen, case: Case) {
        if case.ignores_stdin {
            let what = "no task read its standard input, where its row is";
            self.note(format!("{what}: arguments get it as {{}}, as in `wpool run TASK ROWS -- {{}}`"));
        }
        if seen.has_chance() && !case.deterministic {
            self.note(
                "it asks for the time or for random numbers: with --deterministic its outputs do not depend on them"
                    .to_owned(),
            );
        }
        if seen.more > 0 {
            self.note(format!("{} further denials are not listed", seen.more));
        }
        if seen.unknown > 0 {
            self.note(format!("{} tasks ended with their worker: what they touched is not known", seen.unknown));
        }
        if seen.denied.values().any(|denied| denied.not_ok > 0) {
            self.note(
                "a task that ends at the first thing it is denied may need more: run this again with these options"
                    .to_owned(),
            );
        }
    }

    fn note(&mut self, note: String) {
        self.notes.push(note);
    }
}

/// The first few of some paths.
fn named(paths: &[String]) -> String {
    let first = paths.iter().take(MOST_NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match paths.len().saturating_sub(MOST_NAMED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use wpool::outcome::Denial;

    use super::super::given::GivenDir;
    use super::*;

    /// A working directory with the folder `data`, a file in it, and a file beside it.
    struct Data;

    impl Places for Data {
        fn dir(&self, guest: &str) -> Option<String> {
            match guest {
                "/" => Some(".".to_owned()),
                "/data" => Some("data".to_owned()),
                _ => None,
            }
        }

        fn is_there(&self, guest: &str) -> bool {
            ["/", "/data", "/data/x", "/rows"].contains(&guest)
        }

        fn is_free(&self, _name: &str) -> bool {
            true
        }
    }

    fn seen(denied: &[(Access, &str)], not_ok: u64) -> Seen {
        let denied = denied
            .iter()
            .map(|(access, name)| (Denial { access: *access, name: (*name).to_owned() }, Denied { tasks: 1, not_ok }));
        Seen { denied: denied.collect(), ..Seen::default() }
    }

    fn needed(denied: &[(Access, &str)], not_ok: u64) -> Needed {
        advise(&Given::default(), &seen(denied, not_ok), Case::default(), &Data).needed
    }

    fn dirs(options: &[&str]) -> Needed {
        Needed { dir: options.iter().map(ToString::to_string).collect(), ..Needed::default() }
    }

    #[test]
    fn the_folder_of_a_file_is_granted_and_writable_only_if_something_is_written() {
        assert_eq!(needed(&[(Access::Open, "/data/x")], 1), dirs(&["data::/data:ro"]));
        assert_eq!(needed(&[(Access::Open, "/data")], 1), dirs(&["data::/data:ro"]));
        assert_eq!(needed(&[(Access::List, "/data")], 1), dirs(&["data::/data:ro"]));
        assert_eq!(needed(&[(Access::Open, "/data/x"), (Access::Write, "/data/y")], 1), dirs(&["data::/data:rw"]));
        assert_eq!(needed(&[(Access::Open, "/rows")], 1), dirs(&[".::/:ro"]));
        assert_eq!(needed(&[(Access::Write, "/new.txt")], 1), dirs(&["HOST::/:rw"]));
        assert_eq!(needed(&[(Access::Mkdir, "/out")], 1), dirs(&["HOST::/out:rw"]));
        assert_eq!(needed(&[(Access::Open, "/"), (Access::Open, "/dev/urandom")], 1), Needed::default());
    }

    #[test]
    fn what_a_task_did_well_without_is_granted_only_where_it_is() {
        assert_eq!(needed(&[(Access::Open, "/etc/app.conf")], 0), Needed::default());
        assert_eq!(needed(&[(Access::Open, "/etc/app.conf")], 1), dirs(&["HOST::/etc:ro"]));
        assert_eq!(needed(&[(Access::Open, "/data/x")], 0), dirs(&["data::/data:ro"]));
    }

    #[test]
    fn temporary_files_have_a_scratch_directory() {
        let scratch = Needed { scratch: Some("/tmp".into()), ..Needed::default() };
        assert_eq!(needed(&[(Access::Write, "/tmp/x"), (Access::Open, "/tmp")], 1), scratch);
        assert_eq!(needed(&[(Access::Open, "/tmp/x")], 1), dirs(&["HOST::/tmp:ro"]));
    }

    #[test]
    fn what_was_given_stays_only_as_far_as_it_was_used() {
        let given = Given {
            dirs: ["a::/a:rw", "b::/b", "c::/c", "d::/d:ro"].map(GivenDir::of).into(),
            env: vec!["LANG=C".into()],
            state: true,
            ..Given::default()
        };
        let mut seen = seen(&[(Access::Write, "/d/x")], 1);
        seen.dirs = BTreeMap::from([("/a".into(), false), ("/b".into(), false)]);
        let advice = advise(&given, &seen, Case::default(), &Data);
        assert_eq!(advice.needed, dirs(&["a::/a:ro", "b::/b:ro", "d::/d:rw"]));
        assert!(advice.notes.iter().any(|note| note.contains("/c")), "{:?}", advice.notes);
        let case = Case { has_init: true, ..Case::default() };
        assert_eq!(advise(&given, &seen, case, &Data).needed.env, ["LANG=C"], "who knows");
        (seen.env, seen.interfaces) = (true, [STATE.to_owned()].into());
        let advice = advise(&given, &seen, Case::default(), &Data);
        assert_eq!((advice.needed.env, advice.needed.state), (vec!["LANG=C".to_owned()], true));
    }

    #[test]
    fn shared_state_is_granted_and_other_interfaces_cannot_be() {
        let denied =
            [(Access::Interface, "wasi:keyvalue/store@0.2.0-draft"), (Access::Interface, "wasi:http/types@0.2.3")];
        let advice = advise(&Given::default(), &seen(&denied, 1), Case::default(), &Data);
        assert_eq!(advice.needed, Needed { state: true, ..Needed::default() });
        assert!(advice.notes.iter().any(|note| note.contains("wasi:http/types@0.2.3")), "{:?}", advice.notes);
    }
}
