//! Paths of source files as people know them: without the folders of the machine that built the program.

use crate::model::spot::MOST_OF_A_TEXT;

/// Folders below which cargo and Rust keep sources of others, each with a number of names that come before the source's own:
/// `~/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/serde-1.0.228/src/lib.rs` is known as `serde-1.0.228/src/lib.rs`,
/// and `/rustc/1159e78c4747b02ef996e55082b704c09b970588/library/std/src/env.rs` as `library/std/src/env.rs`.
const KEPT: [(&str, usize); 4] =
    [("/registry/src/", 1), ("/git/checkouts/", 0), ("/rustc/", 1), ("/rustlib/src/rust/", 0)];

/// A place in a source file, in at most [`MOST_OF_A_TEXT`] bytes. `built_in` is the folder in which the compiler ran.
pub(super) fn place(path: &str, line: Option<u32>, built_in: Option<&str>) -> String {
    let line = line.map_or(String::new(), |line| format!(":{line}"));
    let (path, most) = (short(path, built_in), MOST_OF_A_TEXT - line.len());
    if path.len() <= most {
        return format!("{path}{line}");
    }
    // The file is at the end.
    let start = path.ceil_char_boundary(path.len() - (most - "…".len()));
    format!("…{}{line}", &path[start..])
}

fn short<'a>(path: &'a str, built_in: Option<&str>) -> &'a str {
    let kept = KEPT.iter().find_map(|(folder, names)| {
        let (_, behind) = path.split_once(folder)?;
        let mut rest = Some(behind);
        (0..*names).for_each(|_| rest = rest.and_then(|rest| rest.split_once('/')).map(|(_, rest)| rest));
        rest
    });
    let relative = || {
        let built_in =
            built_in.map(|folder| folder.trim_end_matches(['/', '\\'])).filter(|folder| !folder.is_empty())?;
        path.strip_prefix(built_in)?.strip_prefix(['/', '\\'])
    };
    let path = kept.or_else(relative).filter(|short| !short.is_empty()).unwrap_or(path);
    path.strip_prefix("./").unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_relative_to_the_folder_of_the_build_or_begins_with_the_name_of_a_package() {
        let cargo = "/home/u/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f";
        let rustup = "/root/.rustup/toolchains/stable/lib/rustlib/src/rust";
        for (path, built_in, expected) in [
            ("/home/u/app/src/main.rs", Some("/home/u/app"), "src/main.rs"),
            ("/home/u/app/src/main.rs", Some("/home/u/app/"), "src/main.rs"),
            ("/home/u/app/./main.c", Some("/home/u/app"), "main.c"),
            ("/home/u/apple/src/main.rs", Some("/home/u/app"), "/home/u/apple/src/main.rs"),
            ("/main.c", Some("/"), "/main.c"),
            ("C:\\app\\main.c", Some("C:\\app"), "main.c"),
            ("main.c", None, "main.c"),
            (
                &format!("{cargo}/serde-1.0.228/src/lib.rs"),
                Some(&format!("{cargo}/serde-1.0.228")),
                "serde-1.0.228/src/lib.rs",
            ),
            ("/home/u/.cargo/git/checkouts/a-6d9/f00/src/lib.rs", Some("/home/u/app"), "a-6d9/f00/src/lib.rs"),
            ("/rustc/1159e78c/library/core/src/option.rs", Some("/home/u/app"), "library/core/src/option.rs"),
            (&format!("{rustup}/library/alloc/src/vec/mod.rs"), None, "library/alloc/src/vec/mod.rs"),
            ("/rustc/", None, "/rustc/"),
            ("", Some(""), ""),
        ] {
            assert_eq!(place(path, Some(12), built_in), format!("{expected}:12"), "{path}");
            assert_eq!(place(path, None, built_in), expected);
        }
    }

    #[test]
    fn of_a_path_that_is_too_long_the_end_is_kept() {
        for path in ["x".repeat(1_000) + "/main.rs", "ä".repeat(500) + "/main.rs"] {
            let place = place(&path, Some(u32::MAX), None);
            assert!(place.len() <= MOST_OF_A_TEXT && place.ends_with("/main.rs:4294967295"), "{place}");
        }
    }
}
