//! Grants: the rights of a program.

use std::borrow::Cow;
use std::fs::canonicalize;
use std::path::{Path, PathBuf};

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
    pub dirs: Vec<DirGrant>,
}

impl Grants {
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

/// A directory of the host that a program may use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirGrant {
    pub host: PathBuf,
    /// The directory's path in the guest.
    pub guest: String,
    pub writable: bool,
}
