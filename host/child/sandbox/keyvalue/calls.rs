//! One task's use of the shared state: the functions of all drafts, in one implementation.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use wasmtime::component::{Resource, ResourceTable};

use super::state_link::StateLink;
use crate::protocol::state_calls::{Reply, Request};
use crate::protocol::wire::{Kind, WireError};

/// Names of the only store. A run has one store, so another name is a mistake and must be reported.
const NAMES: [&str; 2] = ["", "default"];

/// Bytes of values that a task's compare-and-swap handles may hold in total. They take memory of the worker.
const MAX_HANDLES: usize = 16 << 20;

/// The cost of a handle beyond its value.
const HANDLE: usize = 128;

/// Pages of keys from which a task of the first draft can continue. The cursors of that draft are numbers, which stand
/// for keys here.
const MAX_CURSORS: usize = 64;

/// One task's use of the shared state.
pub(in crate::child::sandbox) struct Keyvalue {
    line: Arc<dyn StateLink>,
    table: ResourceTable,
    /// Bytes that the compare-and-swap handles in the table hold.
    held: usize,
    /// The last key of each of the last pages.
    cursors: VecDeque<String>,
    /// The number of the next cursor.
    next_cursor: u64,
}

/// The store. Its handles hold nothing, because there is only one store.
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

/// Why a call was not carried out, for the task.
pub(super) enum Refused {
    NoSuchStore,
    Other(String),
}

/// The task handles an inner error. An outer error ends the task.
pub(super) type Called<T> = wasmtime::Result<Result<T, Refused>>;

/// Each key with its value, if it has one.
pub(super) type Pairs = Vec<Option<(String, Vec<u8>)>>;

impl Keyvalue {
    pub(in crate::child::sandbox) fn new(line: Arc<dyn StateLink>) -> Keyvalue {
        Keyvalue { line, table: ResourceTable::new(), held: 0, cursors: VecDeque::new(), next_cursor: 0 }
    }

    pub(super) fn open(name: &str) -> Result<Resource<Bucket>, Refused> {
        if NAMES.contains(&name) { Ok(Resource::new_own(0)) } else { Err(Refused::NoSuchStore) }
    }

    /// Makes a call. `expected` unpacks its reply.
    pub(super) fn ask<T>(&self, request: Request, expected: impl FnOnce(Reply) -> Option<T>) -> Called<T> {
        match self.line.call(&request)? {
            Reply::Refused(why) => Ok(Err(Refused::Other(why))),
            reply => expected(reply).map(Ok).ok_or_else(|| WireError::Unexpected(Kind::StateReply).into()),
        }
    }

    pub(super) fn tell(&self, request: Request) -> Called<()> {
        self.ask(request, |reply| (reply == Reply::Done).then_some(()))
    }

    pub(super) fn get(&self, key: String) -> Called<Option<Vec<u8>>> {
        self.ask(Request::Get { key }, |reply| match reply {
            Reply::Value(value) => Some(value.map(Vec::from)),
            _ => None,
        })
    }

    pub(super) fn exists(&self, key: String) -> Called<bool> {
        self.ask(Request::Exists { key }, |reply| match reply {
            Reply::Exists(exists) => Some(exists),
            _ => None,
        })
    }

    /// A page of keys after the key of a cursor, and the cursor of the next page.
    pub(super) fn keys_at(&mut self, cursor: Option<u64>) -> Called<(Vec<String>, Option<u64>)> {
        let after = match cursor.map(|cursor| self.cursor(cursor)).transpose() {
            Ok(after) => after,
            Err(refused) => return Ok(Err(refused)),
        };
        Ok(self.keys_after(after)?.map(|(keys, last)| (keys, last.map(|last| self.new_cursor(last)))))
    }

    /// A page of keys after a key, and its last key if there are more.
    pub(super) fn keys_after(&self, after: Option<String>) -> Called<(Vec<String>, Option<String>)> {
        let page = self.ask(Request::ListKeys { after }, |reply| match reply {
            Reply::Keys { keys, more } => Some((keys, more)),
            _ => None,
        });
        Ok(page?.map(|(keys, more)| {
            let last = keys.last().filter(|_| more).cloned();
            (keys, last)
        }))
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

    pub(super) fn get_many(&self, keys: Vec<String>) -> Called<Pairs> {
        self.ask(Request::GetMany { keys: keys.clone() }, |reply| match reply {
            Reply::Values(values) if values.len() == keys.len() => {
                let pairs = keys.into_iter().zip(values);
                Some(pairs.map(|(key, value)| value.map(|value| (key, value.into()))).collect())
            }
            _ => None,
        })
    }

    pub(super) fn set_many(&self, pairs: Vec<(String, Vec<u8>)>) -> Called<()> {
        let pairs = pairs.into_iter().map(|(key, value)| (key, value.into())).collect();
        self.tell(Request::SetMany { pairs })
    }

    pub(super) fn watch(&self, key: String) -> Called<Watched> {
        self.ask(Request::Watch { key: key.clone() }, |reply| versioned(key, reply))
    }

    /// Swaps a value. `None` on success, else the present value.
    pub(super) fn swap(&self, watched: Watched, value: Vec<u8>) -> Called<Option<Watched>> {
        let Watched { key, version, .. } = watched;
        self.ask(Request::Swap { key: key.clone(), version, value: value.into() }, |reply| match reply {
            Reply::Done => Some(None),
            reply => versioned(key, reply).map(Some),
        })
    }

    /// The value of a handle's key when the handle was made.
    pub(super) fn current(&self, handle: &Resource<Watched>) -> wasmtime::Result<Option<Vec<u8>>> {
        Ok(self.table.get(handle)?.value.as_ref().map(|value| value.to_vec()))
    }

    /// Makes a handle of a watched value, if there is room for it.
    pub(super) fn hold(&mut self, watched: Watched) -> Called<Resource<Watched>> {
        let size = watched.size();
        if self.held + size > MAX_HANDLES {
            let why = format!("the handles of this task would hold over {MAX_HANDLES} bytes; drop some of them");
            return Ok(Err(Refused::Other(why)));
        }
        self.held += size;
        Ok(Ok(self.table.push(watched)?))
    }

    pub(super) fn release(&mut self, handle: Resource<Watched>) -> wasmtime::Result<Watched> {
        let watched = self.table.delete(handle)?;
        self.held -= watched.size();
        Ok(watched)
    }
}

fn versioned(key: String, reply: Reply) -> Option<Watched> {
    match reply {
        Reply::Versioned { version, value } => Some(Watched { key, version, value }),
        _ => None,
    }
}
