//! Patterns of names and of paths. `*` stands for any part of one name, and `**` for any number of folders.

use std::path::{Component, Path, PathBuf};

/// Whether a name fits a pattern in which `*` stands for any number of its bytes.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut read) = (0, 0);
    // Where to go back to: behind the last star, with one byte more for it.
    let mut star: Option<(usize, usize)> = None;
    while read < name.len() {
        if pattern.get(at) == Some(&b'*') {
            star = Some((at + 1, read));
            at += 1;
        } else if pattern.get(at) == Some(&name[read]) {
            (at, read) = (at + 1, read + 1);
        } else if let Some((behind, taken)) = star {
            (at, read) = (behind, taken + 1);
            star = Some((behind, taken + 1));
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

/// A pattern of names, such as `CI_*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamePattern(String);

impl NamePattern {
    pub fn parse(text: &str) -> Result<NamePattern, String> {
        let is_name = |c: char| c.is_ascii_graphic() && !"=?[]{}\\".contains(c);
        if text.is_empty() || !text.chars().all(is_name) {
            return Err("expected the name of a variable, in which * stands for any characters".to_owned());
        }
        Ok(NamePattern(text.to_owned()))
    }

    pub fn fits(&self, name: &str) -> bool {
        fits(self.0.as_bytes(), name.as_bytes())
    }
}

/// A pattern of paths, such as `/srv/tasks/**/*.wasm`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PathPattern(PathBuf);

impl PathPattern {
    /// A pattern below `folder` unless it begins at the root.
    pub fn parse(text: &str, folder: Option<&Path>) -> Result<PathPattern, String> {
        if text.contains(['?', '[', ']', '{', '}', '\\']) {
            return Err("in a pattern of paths, only * and ** stand for something else than themselves".to_owned());
        }
        absolute(text, folder).map(PathPattern)
    }

    /// Whether the pattern names this path, or with `**` at its end a folder above it.
    pub fn fits(&self, path: &Path) -> bool {
        let name = |part: Component<'_>| part.as_os_str().as_encoded_bytes().to_vec();
        let pattern: Vec<_> = self.0.components().map(name).collect();
        let path: Vec<_> = path.components().map(name).collect();
        all_fit(&pattern, &path)
    }
}

fn all_fit(pattern: &[Vec<u8>], path: &[Vec<u8>]) -> bool {
    match (pattern.split_first(), path.split_first()) {
        (None, None) => true,
        (Some((first, rest)), _) if first == b"**" => (0..=path.len()).any(|skipped| all_fit(rest, &path[skipped..])),
        (Some((first, rest)), Some((name, others))) => fits(first, name) && all_fit(rest, others),
        _ => false,
    }
}

/// A path from the root. A relative one is below the folder of its policy; a text without a folder has none.
pub(crate) fn absolute(text: &str, folder: Option<&Path>) -> Result<PathBuf, String> {
    let path = Path::new(text);
    let wrong = match (text, folder) {
        ("", _) => "expected a path",
        _ if path.components().any(|part| part == Component::ParentDir) => "a path in a policy has no `..`",
        _ if path.is_absolute() => return Ok(path.components().collect()),
        _ if text.contains(['$', '~']) => {
            "a path in a policy has no variables and no ~: whoever sets them would widen it"
        }
        (_, Some(folder)) => {
            let below = path.components().filter(|part| *part != Component::CurDir);
            return Ok(folder.components().chain(below).collect());
        }
        (_, None) => "a path begins with / in a policy that is not a file",
    };
    Err(wrong.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_part_of_a_name() {
        for (pattern, name, is_fit) in [
            ("LANG", "LANG", true),
            ("LANG", "LANGUAGE", false),
            ("CI_*", "CI_JOB", true),
            ("CI_*", "CI", false),
            ("*_KEY", "A_KEY_B_KEY", true),
            ("A*B*C", "AxxBxxBC", true),
            ("A*B*C", "AxxCxxB", false),
            ("*", "", true),
            ("LANG", "lang", false),
        ] {
            let parsed = NamePattern::parse(pattern).expect(pattern);
            assert_eq!(parsed.fits(name), is_fit, "{pattern} {name}");
        }
        for wrong in ["", "A=B", "A?", "[A]", "Ä", "A B"] {
            assert!(NamePattern::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_pattern_of_paths_names_whole_folders() {
        for (pattern, path, is_fit) in [
            ("/srv/*.wasm", "/srv/a.wasm", true),
            ("/srv/*.wasm", "/srv/b/a.wasm", false),
            ("/srv/*.wasm", "/srv2/a.wasm", false),
            ("/srv/**", "/srv", true),
            ("/srv/**", "/srv/a/b", true),
            ("/srv/**", "/srv2/a", false),
            ("/srv/**/*.py", "/srv/a.py", true),
            ("/srv/**/*.py", "/srv/a/b/c.py", true),
            ("/srv/**/*.py", "/tmp/c.py", false),
        ] {
            assert_eq!(
                PathPattern::parse(pattern, None).expect(pattern).fits(Path::new(path)),
                is_fit,
                "{pattern} {path}"
            );
        }
    }

    #[test]
    fn a_path_leads_nowhere_that_its_text_does_not_say() {
        let folder = Some(Path::new("/etc/wpool"));
        assert_eq!(absolute("tasks/./a", folder), Ok("/etc/wpool/tasks/a".into()));
        assert_eq!(absolute("/srv//a/", None), Ok("/srv/a".into()));
        for wrong in ["", "..", "a/../b", "$HOME/x", "~/x"] {
            assert!(absolute(wrong, folder).is_err(), "{wrong}");
        }
        assert!(absolute("a", None).is_err() && absolute("/a/../b", None).is_err());
    }
}
