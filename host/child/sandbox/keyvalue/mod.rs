//! `wasi:keyvalue` for components: the shared state of a run, which the host holds.
//!
//! The drafts differ in a few types; what they mean is here once. Every function but `open` and what a handle keeps is
//! one call of the host.

mod draft;
mod draft2;

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use wasmtime::component::{Linker, ResourceTable};

use super::component::State;
use super::state_link::StateLink;
use crate::protocol::state_calls::{Reply, Request};
use crate::protocol::wire::{Kind, WireError};

/// The versions of `wasi:keyvalue` that there are.
const VERSIONS: [&str; 2] = ["0.2.0-draft", "0.2.0-draft2"];
/// Their interfaces.
const INTERFACES: [&str; 3] = ["atomics", "batch", "store"];

/// Names of the one store. Runs have one, so another name is a mistake that must not go unnoticed.
const NAMES: [&str; 2] = ["", "default"];

/// Bytes of values that a task's compare-and-swap handles may hold, together: they are memory of the worker's.
const MAX_HANDLES: usize = 16 << 20;

/// What a handle costs beyond its value.
const HANDLE: usize = 128;

/// Pages of keys that a task of the first draft can go on from. Its cursors are numbers, which stand for keys here.
const MAX_CURSORS: usize = 64;

/// One task's use of the shared state.
pub(super) struct Keyvalue {
    line: Arc<dyn StateLink>,
    table: ResourceTable,
    /// What the compare-and-swap handles in the table hold.
    held: usize,
    /// The last key of each of the last pages.
    cursors: VecDeque<String>,
    /// The number of the cursor behind the last.
    next_cursor: u64,
}

/// The store. A handle of it holds nothing, because there is only one.
pub struct Bucket;

/// A compare-and-swap handle.
pub struct Watched {
    key: String,
    version: u64,
    value: Option<Bytes>,
}

impl Watched {
    fn size(&self) -> usize {
        HANDLE + self.key.len() + self.value.as_ref().map_or(0, Bytes::len)
    }
}

/// What keeps a call from being carried out, in a task's eyes.
enum Refused {
    NoSuchStore,
    Other(String),
}

/// An inner error is the task's to handle, an outer one ends it.
type Called<T> = wasmtime::Result<Result<T, Refused>>;

/// For each key what it stands for, if it is there.
type Pairs = Vec<Option<(String, Vec<u8>)>>;

impl Keyvalue {
    pub fn new(line: Arc<dyn StateLink>) -> Keyvalue {
        Keyvalue { line, table: ResourceTable::new(), held: 0, cursors: VecDeque::new(), next_cursor: 0 }
    }

    fn open(&self, name: &str) -> Result<(), Refused> {
        if NAMES.contains(&name) { Ok(()) } else { Err(Refused::NoSuchStore) }
    }

    /// A call whose reply `expected` takes apart.
    fn ask<T>(&self, request: Request, expected: impl FnOnce(Reply) -> Option<T>) -> Called<T> {
        match self.line.call(&request)? {
            Reply::Refused(why) => Ok(Err(Refused::Other(why))),
            reply => expected(reply).map(Ok).ok_or_else(|| WireError::Unexpected(Kind::StateReply).into()),
        }
    }

    fn tell(&self, request: Request) -> Called<()> {
        self.ask(request, |reply| (reply == Reply::Done).then_some(()))
    }

    fn get(&self, key: String) -> Called<Option<Vec<u8>>> {
        self.ask(Request::Get { key }, |reply| match reply {
            Reply::Value(value) => Some(value.map(Vec::from)),
            _ => None,
        })
    }

    fn exists(&self, key: String) -> Called<bool> {
        self.ask(Request::Exists { key }, |reply| match reply {
            Reply::Exists(exists) => Some(exists),
            _ => None,
        })
    }

    /// A page of keys, and whether there are more.
    fn keys(&self, after: Option<String>) -> Called<(Vec<String>, bool)> {
        self.ask(Request::ListKeys { after }, |reply| match reply {
            Reply::Keys { keys, more } => Some((keys, more)),
            _ => None,
        })
    }

    /// The key that a cursor stands for.
    fn cursor(&self, cursor: u64) -> Result<String, Refused> {
        let oldest = self.next_cursor - self.cursors.len() as u64;
        let place = cursor.checked_sub(oldest).and_then(|place| self.cursors.get(usize::try_from(place).ok()?));
        let why = || format!("the cursor {cursor} is not among the last {MAX_CURSORS} that this task was given");
        place.cloned().ok_or_else(|| Refused::Other(why()))
    }

    /// A cursor that stands for a key.
    fn new_cursor(&mut self, key: String) -> u64 {
        if self.cursors.len() == MAX_CURSORS {
            self.cursors.pop_front();
        }
        self.cursors.push_back(key);
        self.next_cursor += 1;
        self.next_cursor - 1
    }

    fn get_many(&self, keys: Vec<String>) -> Called<Pairs> {
        self.ask(Request::GetMany { keys: keys.clone() }, |reply| match reply {
            Reply::Values(values) if values.len() == keys.len() => {
                let pairs = keys.into_iter().zip(values);
                Some(pairs.map(|(key, value)| value.map(|value| (key, value.into()))).collect())
            }
            _ => None,
        })
    }

    fn set_many(&self, pairs: Vec<(String, Vec<u8>)>) -> Called<()> {
        let pairs = pairs.into_iter().map(|(key, value)| (key, value.into())).collect();
        self.tell(Request::SetMany { pairs })
    }

    fn watch(&self, key: String) -> Called<Watched> {
        self.ask(Request::Watch { key: key.clone() }, |reply| versioned(key, reply))
    }

    /// Nothing when it was swapped, else what there is instead.
    fn swap(&self, watched: Watched, value: Vec<u8>) -> Called<Option<Watched>> {
        let Watched { key, version, .. } = watched;
        self.ask(Request::Swap { key: key.clone(), version, value: value.into() }, |reply| match reply {
            Reply::Done => Some(None),
            reply => versioned(key, reply).map(Some),
        })
    }
}

fn versioned(key: String, reply: Reply) -> Option<Watched> {
    match reply {
        Reply::Versioned { version, value } => Some(Watched { key, version, value }),
        _ => None,
    }
}

/// Defines every interface of every version.
pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    draft::add_to_linker(linker)?;
    draft2::add_to_linker(linker)
}

/// Whether an import is of shared state.
pub(super) fn provides(name: &str) -> bool {
    let parts = name.strip_prefix("wasi:keyvalue/").and_then(|rest| rest.split_once('@'));
    parts.is_some_and(|(interface, version)| INTERFACES.contains(&interface) && VERSIONS.contains(&version))
}
