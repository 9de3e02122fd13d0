//! What the compiler process says about a program: the only thing the host knows of it besides its hash.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a program takes its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Convention {
    /// A component's `run: func(input: list<u8>) -> result<list<u8>, string>`.
    Task,
    /// A WASI command: standard input to standard output.
    Command,
    /// A core module's `run(ptr, len) -> ptr << 32 | len`, with its memory and an allocator exported.
    Raw,
}

impl fmt::Display for Convention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Convention::Task => "task",
            Convention::Command => "command",
            Convention::Raw => "raw",
        })
    }
}

/// What kind of binary a program is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Component,
    CoreModule,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Component => "component",
            Kind::CoreModule => "core module",
        })
    }
}

/// The compiler's report on a program that can be run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub kind: Kind,
    pub convention: Convention,
    /// Why this convention.
    pub why: String,
    /// The path of the function to call: names of nested exports, outermost first.
    pub entry: Vec<String>,
    /// The exported allocator of a raw module.
    pub allocator: Option<String>,
    /// Whether a raw module exports `_initialize`.
    pub initialize: bool,
    /// Whether any function of WASI is imported. Without, a task runs without an asynchronous stack.
    pub wasi: bool,
    /// Exports as `name: type`.
    pub exports: Vec<String>,
    /// Imports as `name: type`.
    pub imports: Vec<String>,
    pub resources: Resources,
}

/// What one instance of the program takes: the worker makes its pool of exactly this size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    pub memories: u32,
    /// Bytes of the largest memory when the program starts.
    pub initial_memory: u64,
    pub tables: u32,
    /// Elements of the largest table when the program starts.
    pub initial_table: u64,
}
