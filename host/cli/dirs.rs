//! The user's folders.

use std::path::PathBuf;

/// `$XDG_CACHE_HOME/wpool`, or `~/.cache/wpool`; without a home, none.
pub fn cache_dir() -> Option<PathBuf> {
    user_dir("XDG_CACHE_HOME", ".cache").map(|cache| cache.join("wpool"))
}

/// The user's folder for one kind of files: what the variable says, or else a folder in the user's home.
pub fn user_dir(variable: &str, in_home: &str) -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute(variable).or_else(|| Some(absolute("HOME")?.join(in_home)))
}
