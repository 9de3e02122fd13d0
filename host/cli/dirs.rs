//! The user's folders.

use std::path::PathBuf;

/// `$XDG_CACHE_HOME/wpool`, or `~/.cache/wpool`; `None` without a home directory.
pub fn cache_dir() -> Option<PathBuf> {
    user_dir("XDG_CACHE_HOME", ".cache").map(|cache| cache.join("wpool"))
}

/// The user's folder for one kind of files: the value of the variable, or else a folder in the home directory.
pub fn user_dir(variable: &str, in_home: &str) -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute(variable).or_else(|| Some(absolute("HOME")?.join(in_home)))
}
