//! Calling conventions.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The reason for the convention of a function that was named.
pub(crate) const ASKED_FOR: &str = "was asked for";

/// The way in which a program takes its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Convention {
    /// A component's `run: func(input: list<u8>) -> result<list<u8>, string>`.
    Task,
    /// Any other exported function of a component: JSON to WIT values and back, see [`crate::model::typed`].
    Function,
    /// A WASI command: standard input to standard output.
    Command,
    /// A core module's `run(ptr, len) -> ptr << 32 | len`, with its memory and an allocator exported.
    Raw,
    /// A runtime's `run: func(row: list<u8>) -> result<list<u8>, failure>`, after its `init` was given a script: the world
    /// of `wit/script.wit`.
    Script,
}

impl fmt::Display for Convention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Convention::Task => "task",
            Convention::Function => "function",
            Convention::Command => "command",
            Convention::Raw => "raw",
            Convention::Script => "script",
        })
    }
}

/// A convention that fits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fit {
    pub convention: Convention,
    pub why: String,
    pub entry: Vec<String>,
    pub allocator: Option<String>,
}
