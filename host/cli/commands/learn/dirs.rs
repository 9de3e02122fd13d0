//! The smallest directories in which some files are.

use std::collections::BTreeMap;

use wpool::template::Template;

use super::place::{Places, parent, rest};

/// Directories above which siblings are granted by their common folder.
const MOST: usize = 8;

/// Most directories that are compared with each other. A program can ask for any number.
const MOST_KEPT: usize = 256;

/// Stands for a directory of the host that cannot be known.
const UNKNOWN: &str = "HOST";

/// A name for such directories at which nothing is: a link of this name would be granted.
pub fn unknown(places: &impl Places) -> String {
    let names = (1..).map(|number| if number == 1 { UNKNOWN.to_owned() } else { format!("{UNKNOWN}-{number}") });
    names.into_iter().find(|name| places.is_free(name)).unwrap_or_default()
}

/// Directories that are needed, by their paths in the guest.
#[derive(Debug, Default)]
pub struct Dirs {
    wants: BTreeMap<String, Want>,
    /// No two of the directories that are kept have a folder in common.
    is_full: bool,
    /// Those that are not kept.
    more: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Want {
    writable: bool,
    /// The directory below the working directory, if it is there.
    host: Option<String>,
}

impl Dirs {
    pub fn add(&mut self, guest: &str, writable: bool, host: Option<String>, places: &impl Places) {
        if self.wants.len() >= MOST_KEPT && !self.is_full && !self.wants.contains_key(guest) {
            self.join(places);
            self.is_full = self.wants.len() >= MOST_KEPT;
        }
        if self.is_full && !self.wants.contains_key(guest) {
            self.more += 1;
        } else {
            self.put(guest, writable, host);
        }
    }

    fn put(&mut self, guest: &str, writable: bool, host: Option<String>) {
        let want = self.wants.entry(guest.to_owned()).or_insert(Want { writable, host: None });
        want.writable |= writable;
        want.host = want.host.take().or(host);
    }

    /// How many directories are in no option, because there are too many.
    pub fn more(&self) -> usize {
        self.more
    }

    /// Makes few directories of many.
    fn join(&mut self, places: &impl Places) {
        self.drop_inner();
        while self.wants.len() > MOST && self.join_siblings(places) {
            self.drop_inner();
        }
    }

    /// The directories as options of a run, and whether one of the host is unknown.
    pub fn options(mut self, places: &impl Places) -> (Vec<String>, bool) {
        self.join(places);
        let unknown = unknown(places);
        let option = |(guest, want): (&String, &Want)| {
            let host = want.host.as_deref().map_or_else(|| unknown.clone(), Template::escaped);
            format!("{host}::{guest}:{}", if want.writable { "rw" } else { "ro" })
        };
        (self.wants.iter().map(option).collect(), self.wants.values().any(|want| want.host.is_none()))
    }

    /// Drops what is granted with a directory above it.
    fn drop_inner(&mut self) {
        let all = self.wants.clone();
        self.wants.retain(|inner, want| {
            !all.iter().any(|(outer, above)| outer != inner && covers((outer, above), (inner, want)))
        });
    }

    /// Puts the folder of the most directories in their place. Returns false if no two have one.
    fn join_siblings(&mut self, places: &impl Places) -> bool {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        let inner = self.wants.keys().filter(|guest| parent(guest) != "/" && parent(guest) != ".");
        inner.for_each(|guest| *counts.entry(parent(guest)).or_default() += 1);
        let most = counts.into_iter().filter(|(_, count)| *count > 1).max_by_key(|(_, count)| *count);
        let Some((folder, _)) = most else { return false };
        let folder = folder.to_owned();
        let (joined, others) = self.wants.iter().partition::<Vec<_>, _>(|(guest, _)| parent(guest) == folder);
        let host = places.dir(&folder).filter(|_| joined.iter().all(|(_, want)| want.host.is_some()));
        let writable = joined.iter().any(|(_, want)| want.writable);
        self.wants = others.into_iter().map(|(guest, want)| (guest.clone(), want.clone())).collect();
        self.put(&folder, writable, host);
        true
    }
}

/// Whether a directory gives all that one below it would give.
fn covers((outer, above): (&str, &Want), (inner, want): (&str, &Want)) -> bool {
    let Some(rest) = rest(inner, outer).filter(|rest| !rest.is_empty()) else { return false };
    let is_same_place = match (&above.host, &want.host) {
        (Some(above), Some(host)) if above == "." => host == rest,
        (Some(above), Some(host)) => *host == format!("{above}/{rest}"),
        (None, None) => true,
        _ => false,
    };
    is_same_place && (above.writable || !want.writable)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All is there but what is in `/etc`.
    struct Most;

    impl Places for Most {
        fn dir(&self, guest: &str) -> Option<String> {
            (!guest.starts_with("/etc")).then(|| guest.trim_start_matches('/').to_owned())
        }

        fn is_there(&self, guest: &str) -> bool {
            self.dir(guest).is_some()
        }

        fn is_free(&self, name: &str) -> bool {
            name != "HOST-2"
        }
    }

    fn options(wanted: &[(&str, bool)]) -> Vec<String> {
        let mut dirs = Dirs::default();
        wanted.iter().for_each(|(guest, writable)| dirs.add(guest, *writable, Most.dir(guest), &Most));
        dirs.options(&Most).0
    }

    #[test]
    fn a_directory_in_another_needs_no_grant_of_its_own_unless_it_is_written_to() {
        assert_eq!(options(&[("/in", false), ("/in/a", false), ("/inner", false)]), ["in::/in:ro", "inner::/inner:ro"]);
        assert_eq!(options(&[("/in", false), ("/in/out", true)]), ["in::/in:ro", "in/out::/in/out:rw"]);
        assert_eq!(options(&[("/in", false), ("/in", true)]), ["in::/in:rw"]);
        assert_eq!(options(&[("/etc", false), ("/etc/ssl", false)]), ["HOST::/etc:ro"]);
        assert_eq!(options(&[("/a{}", false)]), ["a{{}}::/a{}:ro"]);
        assert_eq!(options(&[("/a{b}", false)]), ["a{b}::/a{b}:ro"]);
    }

    #[test]
    fn one_directory_by_two_paths_is_not_lost() {
        assert_eq!(options(&[("/etc", false), ("/etc/", false)]), ["HOST::/etc:ro", "HOST::/etc/:ro"]);
        assert_eq!(options(&[("/", false), (".", false)]).len(), 2);
    }

    #[test]
    fn directories_without_end_are_few_options_or_counted() {
        let mut dirs = Dirs::default();
        for at in 0..4096 {
            dirs.add(&format!("/data/{}/{}", at % 64, at), false, None, &Most);
        }
        assert_eq!((dirs.more(), dirs.options(&Most).0), (0, vec!["HOST::/data:ro".to_owned()]));
        let mut apart = Dirs::default();
        for at in 0..4096 {
            apart.add(&format!("/{at}/x"), false, None, &Most);
        }
        assert_eq!((apart.more(), apart.options(&Most).0.len()), (4096 - MOST_KEPT, MOST_KEPT));
    }

    #[test]
    fn many_siblings_are_granted_by_their_folder() {
        let many: Vec<_> = (0..20).map(|at| format!("/data/{at}")).collect();
        let mut wanted: Vec<_> = many.iter().map(|guest| (guest.as_str(), false)).collect();
        assert_eq!(options(&wanted[..3]), ["data/0::/data/0:ro", "data/1::/data/1:ro", "data/2::/data/2:ro"]);
        wanted.push(("/etc", false));
        assert_eq!(options(&wanted), ["data::/data:ro", "HOST::/etc:ro"]);
        let single: Vec<_> = (0..20).map(|at| format!("/{at}/x")).collect();
        let single: Vec<_> = single.iter().map(|guest| (guest.as_str(), false)).collect();
        assert!(options(&single).iter().all(|option| option.ends_with("/x:ro")), "{:?}", options(&single));
        let apart: Vec<_> = (0..20).map(|at| format!("/{at}")).collect();
        let apart: Vec<_> = apart.iter().map(|guest| (guest.as_str(), false)).collect();
        assert_eq!(options(&apart).len(), 20, "no folder but the whole");
    }
}
