//! Finding the configuration file of a project, from the working directory upward, and the user's own.

use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::process::geteuid;
use wpool::place::{Kind, Place};

use crate::cli::config::file::chosen;
use crate::cli::config::standing::Standing;
use crate::cli::dirs::user_dir;

/// The name of the file of a project.
pub const NAME: &str = "wpool.toml";
/// Write permission of others.
const WRITABLE_BY_OTHERS: u32 = 0o002;

/// What the search for a project's file has come to.
#[derive(Debug)]
pub enum Search {
    Nothing,
    Found(File, Standing),
    /// A file that is not obeyed, and why.
    Ignored(PathBuf, &'static str),
}

/// The folders whose files a user trusts.
#[derive(Clone, Debug, Default)]
pub struct Trusted(pub Vec<String>);

impl Trusted {
    /// Whether the folder is among them. `/*` at the end means all folders below.
    pub fn holds(&self, folder: &Path) -> bool {
        let is_same = |path: &str| std::fs::canonicalize(path).is_ok_and(|path| path == folder);
        let is_below =
            |path: &str| std::fs::canonicalize(path).is_ok_and(|path| path != folder && folder.starts_with(path));
        self.0.iter().any(|entry| match entry.strip_suffix("/*") {
            Some("") => folder != Path::new("/"),
            Some(above) => is_below(above),
            None => is_same(entry),
        })
    }
}

/// Looks for the file of a project: in the working directory and in each folder above it, up to the home directory or the
/// root. The first file ends the search, also when it is not obeyed.
pub fn project(trusted: &Trusted) -> Result<Search> {
    let Ok(here) = std::env::current_dir() else { return Ok(Search::Nothing) };
    let home = std::env::var_os("HOME").and_then(|home| std::fs::canonicalize(home).ok());
    let mut base = PathBuf::new();
    for folder in here.ancestors() {
        // A folder that cannot be entered has no file for this user.
        let place = Place::of(&folder.join(NAME)).ok();
        let found = place.as_ref().and_then(|place| place.look().ok().flatten());
        if let Some((place, found)) = place.zip(found) {
            let shown = base.join(NAME);
            match found.kind {
                Kind::File => return judged(&place, folder, base, trusted),
                Kind::Link => return Ok(Search::Ignored(shown, "is a link")),
                Kind::Folder | Kind::Pipe | Kind::Device => {}
            }
        }
        if home.as_deref() == Some(folder) {
            break;
        }
        base.push("..");
    }
    Ok(Search::Nothing)
}

/// Decides whether a file that was found is obeyed.
fn judged(place: &Place, folder: &Path, base: PathBuf, trusted: &Trusted) -> Result<Search> {
    let shown = base.join(NAME);
    let is_trusted = trusted.holds(folder);
    let cannot = || format!("cannot read the configuration file {}", shown.display());
    let ignored = |found: &Metadata| flaw(found).filter(|_| !is_trusted);
    // Somebody else's file may not be readable.
    if let Some(why) = ignored(&std::fs::symlink_metadata(place.path()).with_context(cannot)?) {
        return Ok(Search::Ignored(shown, why));
    }
    let file = place.read().with_context(cannot)?;
    if let Some(why) = ignored(&file.metadata().with_context(cannot)?) {
        return Ok(Search::Ignored(shown, why));
    }
    let found_in = (!is_trusted).then(|| folder.to_owned());
    Ok(Search::Found(file, Standing { shown, base, found_in, is_users: false }))
}

/// Why a file may be somebody else's words.
fn flaw(found: &Metadata) -> Option<&'static str> {
    match found {
        _ if ![geteuid().as_raw(), 0].contains(&found.uid()) => Some("belongs to another user"),
        _ if found.mode() & WRITABLE_BY_OTHERS != 0 => Some("can be written by everybody"),
        _ => None,
    }
}

/// The user's own file, if there is one. A link is followed, since many people keep such files in one folder.
pub fn of_user() -> Result<Option<(File, Standing)>> {
    let Some(folder) = user_dir("XDG_CONFIG_HOME", ".config").map(|folder| folder.join("wpool")) else {
        return Ok(None);
    };
    let path = folder.join("config.toml");
    if std::fs::symlink_metadata(&path).is_err() {
        return Ok(None);
    }
    let file = chosen(&path)?;
    let found = file.metadata().with_context(|| format!("cannot read the configuration file {}", path.display()))?;
    if let Some(why) = flaw(&found) {
        anyhow::bail!("{} {why}, so it cannot be your configuration file: mend that, or remove it", path.display());
    }
    Ok(Some((file, Standing { shown: path, base: folder, found_in: None, is_users: true })))
}
