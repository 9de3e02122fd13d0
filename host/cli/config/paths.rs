//! Paths in a configuration file: they are relative to the folder of the file.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::path::Path;

use wpool::template::Template;

use crate::cli::config::options::{INPUTS, PROGRAM, RunOption};

/// Characters that mean something in a pattern of `--files`.
const META: [char; 5] = ['*', '?', '[', '{', '\\'];
/// What stands for a standard stream.
const STREAM: &str = "-";
/// The active virtual environment, for `--python-path`.
const VENV: &str = "venv";

/// Where the path in a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts<'a> {
    /// What stands before the path.
    pub before: &'a str,
    pub path: &'a str,
    /// What stands behind it.
    pub after: &'a str,
}

/// How a value names a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Plain,
    /// A pattern of files.
    Pattern,
    /// A directory that is granted, with placeholders in braces.
    Grant,
    /// A kept run: a file, or its name.
    Run,
}

impl<'a> Parts<'a> {
    fn whole(path: &'a str) -> Parts<'a> {
        Parts { before: "", path, after: "" }
    }
}

/// The path in a value, if there is one.
pub fn path<'a>(option: &RunOption<'_>, text: &'a str) -> Option<(Way, Parts<'a>)> {
    let behind = |prefix: &'static str| text.strip_prefix(prefix).map(|path| Parts { before: prefix, path, after: "" });
    match option.name {
        "dir" => {
            let end = text.find("::").or_else(|| Some(text.len() - mode(text)?.len())).unwrap_or(text.len());
            Some((Way::Grant, Parts { before: "", path: &text[..end], after: &text[end..] }))
        }
        "files" => Some((Way::Pattern, Parts::whole(text))),
        "init-arg" => behind("@").map(|parts| (Way::Plain, parts)),
        "shard-by" => behind("time:").map(|parts| (Way::Run, parts)),
        "history" => Some((Way::Run, Parts::whole(text))),
        "python-path" if text == VENV => None,
        PROGRAM => Some((Way::Plain, Parts::whole(text))),
        INPUTS if text != STREAM => Some((Way::Plain, Parts::whole(text))),
        // An open descriptor.
        "events" if text.starts_with("fd:") => None,
        _ if option.is_path() && text != STREAM => Some((Way::Plain, Parts::whole(text))),
        _ => None,
    }
}

/// The mode at the end of a grant.
pub fn mode(text: &str) -> Option<&str> {
    [":ro", ":rw"].into_iter().find(|mode| text.ends_with(mode)).map(|mode| &text[text.len() - mode.len()..])
}

/// The part of a path, or a pattern, that is a path by itself: up to the folder of the first part that stands for others.
pub fn fixed(way: Way, path: &str) -> Cow<'_, str> {
    match (way, path.find(META)) {
        (Way::Pattern, Some(at)) => path[..at].rfind('/').map_or("", |end| &path[..=end]).into(),
        // As the run reads it: other braces than those of placeholders are letters of a name.
        (Way::Grant, _) => Template::of_path(path).0.into(),
        (Way::Pattern | Way::Plain | Way::Run, _) => path.into(),
    }
}

/// A value with its path as the working directory sees it. `base` leads from there to the folder of the file, and is empty
/// where they are the same.
pub fn rooted(option: &RunOption<'_>, text: &str, base: &Path) -> OsString {
    let Some((way, Parts { before, path, after })) = path(option, text) else { return text.into() };
    if base.as_os_str().is_empty() || Path::new(path).is_absolute() || path.is_empty() || !is_file(way, path, base) {
        return text.into();
    }
    let base = match way {
        Way::Plain | Way::Run => base.to_owned(),
        Way::Pattern => literal(base).into(),
        Way::Grant => Template::escaped(&base.to_string_lossy()).into(),
    };
    let mut value = OsString::from(before);
    value.push(base.join(path));
    // A directory without a path in the program is granted under the path that was written.
    if way == Way::Grant && !after.starts_with("::") {
        value.push("::");
        value.push(path);
    }
    value.push(OsStr::new(after));
    value
}

/// Whether a text is a path and not the name of a kept run.
fn is_file(way: Way, text: &str, base: &Path) -> bool {
    let is_there = |text: &str| base.join(text).exists();
    way != Way::Run || text.contains('/') || is_there(text) || is_there(&format!("{text}.wpool"))
}

/// A path as a pattern that only it fits. Patterns are UTF-8.
fn literal(base: &Path) -> String {
    let text = base.to_string_lossy();
    text.chars().map(|c| if META.contains(&c) { format!("\\{c}") } else { c.to_string() }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cli::config::options::Options;

    thread_local! {
        static OPTIONS: Options = Options::new();
    }

    proptest! {
        #![proptest_config(crate::cases::many())]

        #[test]
        fn every_text_is_its_parts(
            name in prop::sample::select(&["dir", "files", "init-arg", "shard-by", "history", "output", "inputs"][..]),
            text in "(time:|@)?(/|\\.|[a{}*\\[\u{e9}]|::|:r[ow]){0,6}",
        ) {
            OPTIONS.with(|options| {
                let option = options.find(name).expect("an option");
                if let Some((way, Parts { before, path, after })) = path(&option, &text) {
                    prop_assert_eq!(&format!("{before}{path}{after}"), &text);
                    prop_assert!(way == Way::Grant || path.starts_with(&*fixed(way, path)));
                }
                prop_assert_eq!(rooted(&option, &text, Path::new("")), text.as_str());
                let _ = rooted(&option, &text, Path::new("../x"));
                Ok(())
            })?;
        }
    }

    #[test]
    fn a_relative_path_is_seen_from_the_folder_of_the_file() {
        let options = Options::new();
        for (name, text, rooted_text) in [
            ("output", "out.jsonl", "../{x}/out.jsonl"),
            ("output", "/abs/out.jsonl", "/abs/out.jsonl"),
            ("output", "-", "-"),
            ("dir", "photos::/in:ro", "../{x}/photos::/in:ro"),
            ("dir", "photos:rw", "../{x}/photos::photos:rw"),
            ("dir", "photos", "../{x}/photos::photos"),
            ("dir", "data/{}::/in", "../{x}/data/{}::/in"),
            ("files", "photos/*.jpg", "../\\{x}/photos/*.jpg"),
            ("init-arg", "{\"a\":1}", "{\"a\":1}"),
            ("init-arg", "@table", "@../{x}/table"),
            ("history", "2026", "2026"),
            ("history", "a/out", "../{x}/a/out"),
            ("shard-by", "time:a/out", "time:../{x}/a/out"),
            ("shard-by", "hash", "hash"),
            ("python-path", "venv", "venv"),
            ("python-path", "lib", "../{x}/lib"),
            ("program", "task.wasm", "../{x}/task.wasm"),
            ("inputs", "rows", "../{x}/rows"),
            ("stdin", "a/b", "a/b"),
        ] {
            let option = options.find(name).expect("an option");
            assert_eq!(rooted(&option, text, Path::new("../{x}")), rooted_text, "{name} {text}");
            assert_eq!(rooted(&option, text, Path::new("")), text, "here it stays as it is written");
        }
    }

    #[test]
    fn a_folder_with_the_name_of_a_placeholder_is_no_placeholder() {
        let options = Options::new();
        let dir = options.find("dir").expect("an option");
        assert_eq!(rooted(&dir, "in::/in", Path::new("../{.x}{}")), "../{{.x}}{{}}/in::/in");
    }

    #[test]
    fn the_fixed_part_ends_before_what_stands_for_others() {
        assert_eq!(fixed(Way::Pattern, "a/b*/c"), "a/");
        assert_eq!(fixed(Way::Pattern, "*"), "");
        assert_eq!(fixed(Way::Grant, "a/{id}/c"), "a/");
        assert_eq!(
            fixed(Way::Grant, "a/b{x}/c{{.y}}/d{.z}/e"),
            "a/b{x}/c{.y}/",
            "only placeholders are not themselves"
        );
        assert_eq!(fixed(Way::Plain, "a/b*/c"), "a/b*/c");
    }
}
