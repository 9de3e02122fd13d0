//! Paths of a guest, and what is at the same path below the working directory.

use std::path::{Path, PathBuf};

/// What is found on the host.
pub trait Places {
    /// The path below the working directory of the directory that has this path in the guest, if there is one.
    fn dir(&self, guest: &str) -> Option<String>;
    /// Whether anything is at this path below the working directory.
    fn is_there(&self, guest: &str) -> bool;
    /// Whether nothing is in the working directory under this name, not even a link.
    fn is_free(&self, name: &str) -> bool;
}

/// The working directory. Only what is below it is looked for: a path that a program has chosen must not name a folder of
/// the system.
#[derive(Debug)]
pub struct WorkingDir(Option<PathBuf>);

impl WorkingDir {
    pub fn here() -> WorkingDir {
        WorkingDir(std::env::current_dir().and_then(std::fs::canonicalize).ok())
    }

    /// The path from the working directory on, if it does not lead out of it.
    fn below(&self, guest: &str) -> Option<PathBuf> {
        let here = self.0.as_ref()?;
        let relative = here.join(guest.trim_start_matches('/'));
        let candidates = [relative.as_path(), Path::new(guest)];
        let mut found = candidates.iter().filter_map(|path| Some((path, std::fs::canonicalize(path).ok()?)));
        let (path, _) = found.find(|(_, path)| path.starts_with(here))?;
        Some(path.strip_prefix(here).ok()?.to_owned())
    }
}

impl Places for WorkingDir {
    fn dir(&self, guest: &str) -> Option<String> {
        let below = self.below(guest)?;
        let is_dir = self.0.as_ref().is_some_and(|here| here.join(&below).is_dir());
        // An option would end such a path at its colons, and grant another directory.
        let is_whole = |text: &&str| !text.contains("::") && !text.ends_with(':');
        let text = below.to_str().filter(|_| is_dir).filter(is_whole)?;
        Some(match text {
            "" => ".".to_owned(),
            text if text.starts_with('-') => format!("./{text}"),
            text => text.to_owned(),
        })
    }

    fn is_there(&self, guest: &str) -> bool {
        self.below(guest).is_some()
    }

    fn is_free(&self, name: &str) -> bool {
        std::fs::symlink_metadata(name).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
    }
}

/// The folder of a path.
pub fn parent(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some(("", _)) => "/",
        Some((parent, _)) => parent,
        None => ".",
    }
}

/// Whether all paths lead into a directory: libraries take `.` for `/`.
pub fn is_whole(dir: &str) -> bool {
    dir.split('/').all(|name| matches!(name, "" | "."))
}

/// The rest of a path that is, or is below, a directory.
pub fn rest<'a>(path: &'a str, dir: &str) -> Option<&'a str> {
    if is_whole(dir) {
        return Some(path.trim_start_matches('/'));
    }
    // Libraries take `data` for `/data`.
    let rest = path.trim_start_matches('/').strip_prefix(dir.trim_matches('/').trim_start_matches("./"))?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_below_a_directory_by_whole_names() {
        for (path, dir, expected) in [
            ("/in/a", "/in", Some("a")),
            ("/in", "/in/", Some("")),
            ("/inner", "/in", None),
            ("/in/a", "/", Some("in/a")),
            ("/in/a", ".", Some("in/a")),
            ("/data/x", "data", Some("x")),
            ("data/x", "/data", Some("x")),
            ("/x", "/in", None),
        ] {
            assert_eq!(rest(path, dir), expected, "{path} {dir}");
        }
        assert_eq!(["/a/b", "/a", "a/b", "a"].map(parent), ["/a", "/", "a", "."]);
    }

    #[test]
    fn only_what_is_below_the_working_directory_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let here = folder.path().canonicalize().expect("a path");
        ["data/in", "a::b", "a:"].iter().for_each(|path| std::fs::create_dir_all(here.join(path)).expect("a folder"));
        std::fs::write(here.join("data/x"), "").expect("a file");
        std::os::unix::fs::symlink("/etc", here.join("out")).expect("a link");
        let places = WorkingDir(Some(here.clone()));
        assert_eq!(places.dir("/data/in").as_deref(), Some("data/in"));
        assert_eq!(places.dir("/").as_deref(), Some("."));
        assert_eq!(places.dir(&format!("{}/data", here.display())).as_deref(), Some("data"));
        assert_eq!((places.dir("/a::b"), places.dir("/a:")), (None, None), "an option would name another folder");
        assert_eq!((places.dir("/data/x"), places.dir("/etc"), places.dir("/out")), (None, None, None));
        assert!(places.is_there("/data/x") && !places.is_there("/data/y"));
    }
}
