//! The things that a task has touched beside its row, and those that it was denied.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The things that a task has touched beside its row, and those that it was denied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// The things that it was denied, each once, in the order of the first time; at most 64.
    pub denied: Vec<Denial>,
    /// How often it was denied something that is not listed.
    pub denied_more: u32,
    /// The directories in which it has looked something up, in the order of the grants. A scratch directory is the last.
    pub dirs: Vec<TouchedDir>,
    /// The names of its environment variables, if it has asked for them. WASI gives all of them at once, so nobody can see
    /// which it has read.
    pub env: Option<Vec<String>>,
    /// The interfaces of WASI that it has called. Of preview 1, which is one interface, the functions by which a program
    /// learns or reaches something.
    pub interfaces: Vec<String>,
}

/// A granted directory that a task has used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TouchedDir {
    /// The directory's path in the guest.
    pub guest: String,
    /// Whether something in it was opened for writing, made, changed or removed.
    pub written: bool,
}

/// A thing that a task was denied.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Denial {
    /// How it wanted to have it.
    pub access: Access,
    /// The path in the guest, or the name of the interface.
    pub name: String,
}

/// As in records: `open:/etc/passwd`.
impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.access.as_str(), self.name)
    }
}

/// A way to use something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// To open a file for reading, or to ask about it.
    Open,
    /// To open a directory.
    List,
    /// To open a file for writing, or to make, change or remove it.
    Write,
    /// To make a directory.
    Mkdir,
    /// To call a function of an interface.
    Interface,
}

impl Access {
    /// That of opening a path, to write to it or not, as a directory or not.
    #[cfg(feature = "engine")]
    pub(crate) fn of_open(writes: bool, is_dir: bool) -> Access {
        match (writes, is_dir) {
            (true, _) => Access::Write,
            (false, true) => Access::List,
            (false, false) => Access::Open,
        }
    }

    /// The access as a word, as in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Access::Open => "open",
            Access::List => "list",
            Access::Write => "write",
            Access::Mkdir => "mkdir",
            Access::Interface => "interface",
        }
    }

    /// Whether a directory must be writable for it.
    pub fn writes(self) -> bool {
        matches!(self, Access::Write | Access::Mkdir)
    }
}

impl Touched {
    /// Bytes of the guest's choosing.
    pub(crate) fn size(&self) -> usize {
        self.denied.iter().map(|denial| denial.name.len()).sum()
    }
}
