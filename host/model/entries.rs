//! The functions of a core module that wpool knows how to call, by their names and types.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::convention::{ASKED_FOR, Convention, Fit};
use crate::model::error::{Refusal, RefusalCode};
use crate::model::settings::Setting;

/// The entry of a WASI command.
#[cfg(feature = "engine")]
const START: &str = "_start";
/// The entry of a raw module.
const RUN: &str = "run";
/// Names under which a raw module may export its allocator, in order of preference.
const ALLOCATORS: [&str; 4] = ["alloc", "malloc", "cabi_realloc", "allocate"];
/// The end of further such names, as in `image_alloc`.
const ALLOCATOR: &str = "_alloc";
/// Functions that a message lists.
const MOST_LISTED: usize = 20;

/// A function of a core module, and what its type makes of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoreFunction {
    /// The name of the export.
    pub name: String,
    /// Its use.
    pub shape: Shape,
}

/// The use of a core function, by its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// `() -> ()` or `() -> i32`: the entry of a command. The `i32` is its exit code.
    Command,
    /// `(i32, i32) -> i64`: the function of a raw module.
    Raw,
    /// `(i32) -> i32` or `(i32, i32, i32, i32) -> i32`: it may be the allocator of a raw module.
    Allocator,
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Shape::Command => "command",
            Shape::Raw => "raw",
            Shape::Allocator => "allocator",
        })
    }
}

/// The functions of a core module that wpool knows how to call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CoreEntries {
    pub functions: Vec<CoreFunction>,
    /// Whether the module exports a memory of 32 bits as `memory`.
    pub memory: bool,
}

impl CoreEntries {
    /// The convention that the module fits without a name; `None` if it fits none.
    #[cfg(feature = "engine")]
    pub fn fit(&self) -> Option<Fit> {
        if self.shape_of(START) == Some(Shape::Command) {
            return Some(command(START, "exports `_start`, as a WASI preview 1 command does".to_owned()));
        }
        let raw = self.shape_of(RUN) == Some(Shape::Raw);
        raw.then(|| self.raw(RUN, None, None)).and_then(Result::ok)
    }

    /// The refusal of a module whose functions have to be named; `None` if there is none to name.
    pub fn to_be_named(&self) -> Option<Refusal> {
        let listed: Vec<_> = self.callable().map(|function| format!("`{}`", function.name)).collect();
        let more = listed.len().saturating_sub(MOST_LISTED);
        let shown = listed.get(..MOST_LISTED).unwrap_or(&listed).join(", ");
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        let what = format!("has no entry of its own; functions that can be called by name: {shown}{rest}");
        (!listed.is_empty()).then(|| Refusal::new(RefusalCode::NoConvention, what).about(&[Setting::Call]))
    }

    /// The functions that may be named: not those for the module's own use.
    pub fn callable(&self) -> impl Iterator<Item = &CoreFunction> {
        // Some builds export one under an empty name, for their host alone.
        let is_own = |name: &str| {
            name.trim().is_empty() || name.starts_with("__") || name == "_initialize" || name == "wpool_init"
        };
        self.functions.iter().filter(move |function| function.shape != Shape::Allocator && !is_own(&function.name))
    }

    /// A call of the named function, or of the entry by which the module is raw, with the named allocator.
    ///
    /// # Errors
    /// If there is no such function, or it has a type that wpool does not know how to call.
    pub fn called(&self, call: Option<&str>, alloc: Option<&str>) -> Result<Fit, Refusal> {
        let name = call.unwrap_or(RUN);
        match self.shape_of(name) {
            Some(Shape::Raw) => self.raw(name, call.map(|_| ASKED_FOR), alloc),
            Some(Shape::Command) if alloc.is_some() => {
                let what = format!(
                    "`{name}` is called as a command, which takes its row from standard input and needs no allocator"
                );
                Err(Refusal::new(RefusalCode::NoFunction, what).about(&[Setting::Alloc]))
            }
            Some(Shape::Command) => Ok(command(name, ASKED_FOR.to_owned())),
            Some(Shape::Allocator) | None => {
                let others = self.to_be_named().map_or(String::new(), |refusal| format!("; it {}", refusal.message));
                let what = format!(
                    "exports no function `{name}` of type `func() -> ()` or `func() -> (i32)` (command) or \
                     `func(i32, i32) -> (i64)` (raw){others}"
                );
                Err(Refusal::new(RefusalCode::NoFunction, what).about(&[Setting::Call]))
            }
        }
    }

    fn shape_of(&self, name: &str) -> Option<Shape> {
        self.functions.iter().find(|function| function.name == name).map(|function| function.shape)
    }

    fn raw(&self, name: &str, why: Option<&str>, alloc: Option<&str>) -> Result<Fit, Refusal> {
        let refuse = |what: String, setting| Err(Refusal::new(RefusalCode::NoFunction, what).about(&[setting]));
        if !self.memory {
            return refuse(
                format!("`{name}` takes its row from a memory, and no `memory` of 32 bits is exported"),
                Setting::Call,
            );
        }
        let Some(allocator) = self.allocator(alloc) else {
            let wanted = alloc.map_or("an allocator".to_owned(), |alloc| format!("the allocator `{alloc}`"));
            let what = format!(
                "`{name}` needs {wanted}: a function `func(i32) -> (i32)` or `func(i32, i32, i32, i32) -> (i32)`"
            );
            return refuse(what, Setting::Alloc);
        };
        let by_type = || format!("exports `memory`, `{allocator}` and `{name}` with the type of a raw task");
        let why = why.map_or_else(by_type, str::to_owned);
        let (entry, allocator) = (vec![name.to_owned()], Some(allocator.to_owned()));
        Ok(Fit { convention: Convention::Raw, why, entry, allocator })
    }

    fn allocator(&self, wanted: Option<&str>) -> Option<&str> {
        let is_there = |name: &str| self.shape_of(name) == Some(Shape::Allocator);
        let known = ALLOCATORS.iter().copied().find(|name| is_there(name));
        let mut names = self.functions.iter().map(|function| function.name.as_str());
        match wanted {
            Some(wanted) => names.find(|name| *name == wanted && is_there(name)),
            None => known.or_else(|| names.find(|name| name.ends_with(ALLOCATOR) && is_there(name))),
        }
    }
}

fn command(name: &str, why: String) -> Fit {
    Fit { convention: Convention::Command, why, entry: vec![name.to_owned()], allocator: None }
}
