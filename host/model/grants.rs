//! Grants: the rights of a program.

use std::borrow::Cow;
use std::fs::canonicalize;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::model::template::{Row, Template};
use crate::model::typed::RowError;

/// The rights of a program besides its input. It has no others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grants {
    /// Arguments after `argv[0]`, made from each row.
    pub args: Vec<Template>,
    /// The standard input of a command.
    pub stdin: Stdin,
    /// The whole environment, in order.
    pub env: Vec<(String, String)>,
    /// The directories, which the guest finds in this order.
    pub dirs: Vec<DirGrant>,
    /// A directory that each task has for itself.
    pub scratch: Option<Scratch>,
}

impl Grants {
    /// The first directory that tasks of different rows may write to.
    pub(crate) fn shared_dir(&self) -> Option<&DirGrant> {
        self.dirs.iter().find(|dir| dir.writable && dir.row.is_none())
    }

    /// Whether a task can change something that outlives it.
    pub fn has_writable_dir(&self) -> bool {
        self.dirs.iter().any(|dir| dir.writable)
    }

    /// The granted directory, if any, through which tasks may write at a path: the directory is the path, holds it, or
    /// is inside it. Links on the way to the path's last name are followed. The path need not exist yet.
    pub fn writable_at(&self, path: &Path) -> Option<&Path> {
        let place = place_of(path);
        let reaches = |granted: &Path| place.starts_with(granted) || granted.starts_with(&place);
        let mut writable = self.dirs.iter().filter(|granted| granted.writable);
        let found = writable.find(|granted| reaches(&canonicalize(&granted.host).unwrap_or(granted.host.clone())));
        found.map(|granted| &*granted.host)
    }

    /// A command's arguments after `argv[0]`.
    pub(crate) fn arguments(&self, row: Row<'_>) -> Result<Vec<String>, RowError> {
        let args = self.args.iter().map(|template| template.argument(row)).collect::<Result<_, _>>();
        args.map_err(|message| RowError::new("argument", message))
    }

    /// Checks that the row makes the paths of its directories.
    pub(crate) fn check_dirs(&self, row: Row<'_>) -> Result<(), RowError> {
        self.dirs.iter().try_for_each(|dir| dir.below(row).map(drop))
    }

    /// The bytes for the guest: the row, unless the standard input of a command is something else.
    pub(crate) fn input<'a>(&self, row: Row<'a>) -> Result<Cow<'a, [u8]>, RowError> {
        match &self.stdin {
            Stdin::Row => Ok(row.bytes.into()),
            Stdin::Empty => Ok(Cow::default()),
            Stdin::Made(template) => {
                let made = template.expand(row).map_err(|message| RowError::new("stdin", message))?;
                Ok(made.into_bytes().into())
            }
        }
    }
}

/// A path without links, except at its last name. Folders that do not exist keep their names.
fn place_of(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let Some(name) = path.file_name() else { return canonicalize(&path).unwrap_or(path) };
    let parent = path.parent().unwrap_or(Path::new("/"));
    canonicalize(parent).unwrap_or_else(|_| place_of(parent)).join(name)
}

/// The standard input of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stdin {
    /// The input's bytes.
    #[default]
    Row,
    /// Nothing.
    Empty,
    /// A text made from the row.
    Made(Template),
}

/// A directory for reading and writing that is new and empty for each task, in memory of its worker. It is gone after the
/// task, and no other process sees it. The kernel keeps its bounds: a task that exceeds them is told that there is no room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scratch {
    /// The directory's path in the guest.
    pub guest: String,
    /// Most bytes of all files together. A file or a folder takes 4 KiB at least, and there are at most as many as that
    /// makes.
    pub size: u64,
}

/// Bytes of a file system's smallest part.
#[cfg(feature = "engine")]
const BLOCK: u64 = 4 << 10;
/// The range of [`Scratch::size`]: from a few files to the largest memory of a guest.
pub(crate) const SCRATCH_SIZES: std::ops::RangeInclusive<u64> = 64 << 10..=4 << 30;
/// The size of a scratch directory unless another one is chosen.
pub const DEFAULT_SCRATCH: u64 = 64 << 20;

impl Scratch {
    /// A directory of the default size.
    pub fn new(guest: impl Into<String>) -> Self {
        Scratch { guest: guest.into(), size: DEFAULT_SCRATCH }
    }

    /// Most files and folders, with the two that are wpool's.
    #[cfg(feature = "engine")]
    pub(crate) fn files(&self) -> u64 {
        self.size / BLOCK + 2
    }
}

/// A directory of the host that a program may use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirGrant {
    /// The directory on the host.
    pub host: PathBuf,
    /// The directory's path in the guest.
    pub guest: String,
    /// Whether the guest may also create, change and remove files in it.
    pub writable: bool,
    /// The path below `host` of a directory for each row. A task then has this directory alone. A program that has broken
    /// out of its sandbox has all of `host`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<Template>,
}

impl DirGrant {
    /// The path below `host` of a row's directory; `None` if all rows have `host` itself.
    ///
    /// # Errors
    /// When the row makes no path, or one that leads out of `host`.
    pub(crate) fn below(&self, row: Row<'_>) -> Result<Option<PathBuf>, RowError> {
        let Some(template) = &self.row else { return Ok(None) };
        let made = template.argument(row).map_err(|message| RowError::new(NO_DIRECTORY, message))?;
        let path = PathBuf::from(&made);
        let is_inside = path.components().all(|part| matches!(part, Component::Normal(_)));
        if made.is_empty() || !is_inside {
            let message = format!("{made:?} is not the name of a directory below {}", self.host.display());
            return Err(RowError::new(NO_DIRECTORY, message));
        }
        Ok(Some(path))
    }
}

/// The word for rows without a directory of theirs.
pub(crate) const NO_DIRECTORY: &str = "directory";
