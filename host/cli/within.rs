//! Paths that have to stay in a folder.

use std::fmt;
use std::path::{Component, Path, PathBuf};

/// How a path leaves a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stray {
    Out,
    /// To a name that begins with a dot: there stand the settings of other programs, which run what they say.
    Hidden,
}

impl fmt::Display for Stray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stray::Out => "leads out of the folder of the file",
            Stray::Hidden => "is hidden",
        })
    }
}

/// How a path leaves a folder, as it is written or through links; `None` where it stays. `folder` has no links.
pub fn stray(path: &Path, folder: &Path) -> Option<Stray> {
    match real(path) {
        Some(real) => stray_text(real.strip_prefix(folder).ok()),
        None => Some(Stray::Out),
    }
}

/// The same by the text alone, of a path below the folder; `None` stands for a path elsewhere.
pub fn stray_text(below: Option<&Path>) -> Option<Stray> {
    let Some(below) = below else { return Some(Stray::Out) };
    below.components().find_map(|component| match component {
        Component::Normal(name) if name.as_encoded_bytes().starts_with(b".") => Some(Stray::Hidden),
        Component::ParentDir | Component::RootDir | Component::Prefix(_) => Some(Stray::Out),
        Component::Normal(_) | Component::CurDir => None,
    })
}

/// The path behind all links, of what exists of it. `None` for a link to what is not there: it may be there later.
fn real(path: &Path) -> Option<PathBuf> {
    let there = path.ancestors().find(|part| std::fs::symlink_metadata(part).is_ok())?;
    let real = std::fs::canonicalize(there).ok()?;
    let rest = path.strip_prefix(there).ok()?;
    // A slash at the end would make a file a folder.
    Some(if rest.as_os_str().is_empty() { real } else { real.join(rest) })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_path_stays_in_a_folder_or_leads_out_of_it() {
        let outer = tempfile::tempdir().expect("a folder");
        let at = outer.path().canonicalize().expect("a path").join("folder");
        std::fs::create_dir_all(at.join(".git/hooks")).expect("a folder");
        std::fs::create_dir_all(at.join("data")).expect("a folder");
        for (to, name) in [("..", "up"), (".git", "plain"), ("data", "inner"), ("nowhere", "gone"), ("/new/x", "away")]
        {
            symlink(to, at.join(name)).expect("a link");
        }
        for (path, expected) in [
            ("data/x", None),
            ("new/folder/x", None),
            ("inner/x", None),
            ("", None),
            ("up", Some(Stray::Out)),
            ("up/x", Some(Stray::Out)),
            ("inner/../../x", Some(Stray::Out)),
            ("gone", Some(Stray::Out)),
            ("gone/x", Some(Stray::Out)),
            ("away", Some(Stray::Out)),
            ("plain/config", Some(Stray::Hidden)),
            ("plain", Some(Stray::Hidden)),
            (".git/hooks/new", Some(Stray::Hidden)),
            ("new/.x", Some(Stray::Hidden)),
        ] {
            assert_eq!(stray(&at.join(path), &at), expected, "{path}");
        }
    }
}
